"""What a plan will take, for a person and as JSON."""

from collections.abc import Iterator
from typing import Any

from vistoria.engine import Forecast, Limits, Share
from vistoria.pricing import Ceiling, Estimate, format_money
from vistoria.progress import duration, rate
from vistoria.result import usd


def forecast_facts(found: Forecast, limits: Limits) -> Iterator[tuple[str, str]]:
    """Label and text of each line."""
    before = found.total - found.to_ask
    done = f", {before:,} done" if before else ""
    yield "rows", f"{found.total:,} observations{done}: {found.to_ask:,} to ask"
    if found.lost:
        yield "lost", f"{found.lost:,} of them were asked by a run that ended before the answer"
    if found.priced and found.to_ask:
        yield "cost", f"{found.cost or format_money(None)}, {_basis(found)}"
        yield "tokens", _tokens(found)
    if found.spent.money:
        yield "spent", f"{format_money(found.spent.money)} before"
    if limits.ceiling != Ceiling():
        yield "ceiling", f"{limits.ceiling}: {_allowed(found)}"
    if found.to_ask:
        yield "time", _time(found)
    yield from _failures(found)
    yield "limits", _limits(limits)


def forecast_document(found: Forecast, limits: Limits) -> dict[str, Any]:
    """The same, as JSON values; null where nothing is known."""
    return {
        "total": found.total,
        "to_ask": found.to_ask,
        "lost": found.lost,
        "basis": found.basis,
        "seen": found.seen,
        "usd": _interval(found.cost, 10**12),
        "tokens": _interval(found.tokens),
        "tokens_per_picture": found.picture.expected if found.picture else None,
        "spent_usd": usd(found.spent.money),
        "ceiling": None if limits.ceiling == Ceiling() else str(limits.ceiling),
        "allowed": found.to_ask if found.allowed is None else found.allowed,
        "per_second": found.rate and round(found.rate, 3),
        "seconds": found.seconds and round(found.seconds, 1),
        "failures": {
            reason: {"count": one.count, "of": one.of, "low": one.low, "high": one.high}
            for reason, one in found.failures.items()
        },
    }


def _interval(one: Estimate | None, unit: int = 1) -> dict[str, float] | None:
    if one is None:
        return None
    parts = {"low": one.low, "expected": one.expected, "high": one.high}
    return {name: value / unit if unit > 1 else value for name, value in parts.items()}


def _basis(found: Forecast) -> str:
    if found.basis == "pilot":
        return f"95 % sure, from a pilot of {found.seen:,}"
    if found.basis == "earlier answers":
        return f"from {found.seen:,} asked before"
    return "by rule of thumb, up to the most that calls can cost; --pilot 50 narrows it"


def _tokens(found: Forecast) -> str:
    parts = []
    if found.tokens:
        one = found.tokens
        parts.append(f"about {one.expected:,} ({one.low:,} to {one.high:,})")
    if found.picture:
        parts.append(f"{found.picture.expected:,} of them for each picture")
    return ", ".join(parts) or "unknown"


def _allowed(found: Forecast) -> str:
    if found.allowed is None:
        return "enough" if found.cost or found.tokens else "kept, whatever the price"
    return f"enough for about {found.allowed:,} of {found.to_ask:,}"


def _time(found: Forecast) -> str:
    if found.mode == "batch":
        return "batch jobs: mostly within a day, at worst four: 72 hours in line and 24 at work"
    if found.rate is None or found.seconds is None:
        return "not known before the first answers"
    return f"about {duration(found.seconds)} at {rate(found.rate)}"


def _failures(found: Forecast) -> Iterator[tuple[str, str]]:
    if not found.seen:
        return
    parts = [f"{reason} {_share(one)}" for reason, one in found.failures.items()]
    yield "failures", ", ".join(parts) or _share(found.failed)


def _share(one: Share) -> str:
    """`1 of 20 (0.13 % to 25 %)`."""
    return f"{one.count:,} of {one.of:,} ({_percent(one.low)} to {_percent(one.high)})"


def _percent(part: float) -> str:
    return f"{100 * part:.2g} %" if part < 0.995 else f"{100 * part:.0f} %"


def _limits(limits: Limits) -> str:
    parts = [f"{limits.concurrency:,} calls at once" if limits.concurrency else "speed as found"]
    if limits.requests_per_minute:
        parts.append(f"{limits.requests_per_minute:,.0f} calls a minute")
    if limits.tokens_per_minute:
        parts.append(f"{limits.tokens_per_minute:,.0f} tokens a minute")
    if limits.max_failure_rate is not None:
        parts.append(f"stops when {limits.max_failure_rate:.0%} fail")
    return ", ".join(parts)
