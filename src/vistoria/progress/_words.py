"""Numbers as a person reads them."""

from collections.abc import Sequence

from vistoria.events import JobChanged, Spent
from vistoria.pricing import format_money


def duration(seconds: float) -> str:
    """`0:09`, `12:30`, `1:02:03`, `3 d 4 h`."""
    whole = round(seconds)
    minutes, second = divmod(whole, 60)
    hours, minute = divmod(minutes, 60)
    if hours >= 48:
        return f"{hours // 24} d {hours % 24} h"
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"


def rate(per_second: float) -> str:
    """`86/s`, `4.2/s`, `12/min`: three digits at most."""
    if per_second >= 10:
        return f"{per_second:,.0f}/s"
    if per_second >= 1:
        return f"{per_second:.1f}/s"
    return f"{per_second * 60:.0f}/min"


def short(count: int) -> str:
    """`950`, `12.4k`, `3.1M`."""
    for limit, unit in ((1e6, "M"), (1e3, "k")):
        if count >= limit * 0.9995:
            return f"{count / limit:.1f}{unit}"
    return str(count)


def money(bill: Spent, projected: int | None) -> str:
    """`$0.42 of about $1.30, at most $25.00`; `price unknown`."""
    if bill.now is None:
        return format_money(None)
    parts = format_money(bill.before + bill.now)
    if projected is not None:
        parts += f" of about {format_money(projected)}"
    return parts if bill.most is None else f"{parts}, at most {format_money(bill.most)}"


def batch_jobs(jobs: Sequence[JobChanged]) -> str:
    """`2 jobs: 80,000 rows running (12,000 done), 50,000 queued`."""
    parts = []
    for state in sorted({job.state for job in jobs}):
        of_state = [job for job in jobs if job.state == state]
        done = sum(job.done or 0 for job in of_state)
        so_far = f" ({done:,} done)" if done and state == "running" else ""
        parts.append(f"{sum(job.rows for job in of_state):,} rows {state}{so_far}")
    return f"{len(jobs):,} job{'s' * (len(jobs) > 1)}: {', '.join(parts)}"


def percent(part: int, whole: int) -> str:
    """`34 %`; never `100 %` before all is done."""
    return f"{100 * part // whole} %" if whole else "100 %"
