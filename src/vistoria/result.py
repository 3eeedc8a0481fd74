"""What a run came to: numbers, the table of labels, and how to show them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

import pyarrow as pa
import pyarrow.compute as pc

from vistoria.engine import Plan, Report, others
from vistoria.errors import MissingExtra
from vistoria.ledger import Costs, Job, Ledger, Summary
from vistoria.pricing import Ceiling, Money, format_money
from vistoria.progress import duration, rate

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "Result",
    "answered_facts",
    "cost_document",
    "cost_facts",
    "job_document",
    "job_facts",
    "reasons",
    "shown",
    "usd",
    "version_facts",
]


@dataclass(frozen=True, repr=False, kw_only=True)
class Result:
    """A run that was worked on: `plan` is what it had to do, `report` what this session did,
    `summary` where the run stands now, `costs` what it has cost, of at most `ceiling`; `jobs` are
    its batch jobs that go on; all labels are in `ledger`."""

    plan: Plan
    report: Report
    summary: Summary
    costs: Costs
    ledger: Path
    ceiling: Ceiling = Ceiling()  # noqa: RUF009 - frozen
    jobs: tuple[Job, ...] = ()

    @classmethod
    def read(cls, ledger: Ledger, plan: Plan, report: Report, ceiling: Ceiling) -> Self:
        """The result of a session, as the opened ledger has it now."""
        summary, costs = ledger.summary(plan.run), ledger.costs(plan.run)
        return cls(
            plan=plan, report=report, summary=summary, costs=costs,
            ledger=ledger.path, ceiling=ceiling,
            jobs=ledger.jobs.all(plan.run.run_id, live=True),
        )  # fmt: skip

    def table(self, *, only: Literal["answered", "failed"] | None = None) -> pa.Table:
        """One row per observation, one column per field; in memory, read anew at each call."""
        with Ledger(self.ledger, create=False) as ledger:
            run = self.summary.run
            table = pa.Table.from_batches(ledger.batches(run), schema=ledger.schema(run))
        return table if only is None else table.filter(pc.equal(table["status"], only))

    def to_pandas(self) -> "pd.DataFrame":
        """The table as a DataFrame; raises MissingExtra without pandas."""
        try:
            import pandas as pd  # noqa: PLC0415 - of the extra `notebook`
        except ImportError:
            raise MissingExtra("DataFrames", "notebook") from None
        frame: pd.DataFrame = self.table().to_pandas()
        return frame

    @property
    def failures(self) -> pa.Table:
        """Observations that failed: id, address, reason and detail."""
        return self.table(only="failed").select(["observation_id", "uri", "reason", "detail"])

    @property
    def settled(self) -> int:
        """Observations answered or failed in this session."""
        return self.report.answered + self.report.failed.total()

    @property
    def heading(self) -> str:
        """E.g. `run 3: road_sign by onnx:street: finished`."""
        run = self.summary.run
        return f"run {run.run_id}: {run.task} by {run.model}: {self.report.outcome}"

    def facts(self) -> Iterator[tuple[str, str]]:
        """Label and text of each line that a person should read."""
        plan, report, summary = self.plan, self.report, self.summary
        if report.outcome == "stopped" and report.stopped_by:
            yield "stopped by", report.stopped_by
        yield "answered", f"{summary.answered:,} of {summary.total:,}"
        yield "failed", reasons(summary.failed) if summary.failed else "none"
        if summary.pending:
            goes_on = "" if report.outcome == "stopped" else "; the same command goes on with them"
            yield "not asked", f"{summary.pending:,}{goes_on}"
        yield from job_facts(self.jobs)
        if len(summary.model_versions) > 1:
            yield from answered_facts(summary, self.costs)
        yield from version_facts(summary)
        if before := plan.total - plan.pending:
            yield "before", f"{before:,} done earlier and not asked again"
        if report.copied:
            yield "copied", f"{report.copied:,} answers, given before to photos with the same bytes"
        if report.lost:
            what = "not asked again" if report.failed["answer_lost"] else "asked again"
            yield "lost", f"{report.lost:,} answers on their way to a run that was killed; {what}"
        if plan.unanswerable:
            yield "left out", f"{', '.join(plan.unanswerable)}: the model cannot answer them"
        if tokens := report.input_tokens + report.output_tokens:
            yield "tokens", f"{tokens:,} ({report.input_tokens:,} in, {report.output_tokens:,} out)"
        yield from cost_facts(self.costs, self.ceiling, self.report.spent.money)
        if self.settled:
            took = f"{report.seconds:.1f} s" if report.seconds < 10 else duration(report.seconds)
            yield "time", f"{took}, {rate(self.settled / max(report.seconds, 1e-9))}"
        yield "ledger", shown(self.ledger)

    def document(self) -> dict[str, Any]:
        """All numbers, as JSON values."""
        run, report, summary = self.summary.run, self.report, self.summary
        speed = round(self.settled / report.seconds, 2) if report.seconds else None
        return {
            "run": run.run_id,
            "source": run.source,
            "profile": run.profile,
            "task": run.task,
            "model": run.model,
            "model_versions": list(summary.model_versions),
            "answered_by": dict(summary.model_versions),
            "total": summary.total,
            "answered": summary.answered,
            "failed": dict(summary.failed),
            "pending": summary.pending,
            "jobs": [job_document(job) for job in self.jobs],
            "unanswerable_fields": list(self.plan.unanswerable),
            "input_tokens": summary.input_tokens,
            "output_tokens": summary.output_tokens,
            "cost": cost_document(self.costs),
            "ceiling": None if self.ceiling == Ceiling() else str(self.ceiling),
            "ledger": str(self.ledger.absolute()),
            "session": {
                "outcome": report.outcome,
                "stopped_by": report.stopped_by,
                "done_before": self.plan.total - self.plan.pending,
                "answered": report.answered,
                "copied": report.copied,
                "lost": report.lost,
                "failed": dict(report.failed),
                "input_tokens": report.input_tokens,
                "output_tokens": report.output_tokens,
                "requests": report.spent.requests,
                "usd": usd(report.spent.money),
                "seconds": round(report.seconds, 3),
                "images_per_second": speed,
            },
        }

    def __repr__(self) -> str:
        """The heading and the facts."""
        lines = (f"  {label:<12}{text}" for label, text in self.facts())
        return "\n".join([self.heading, *lines])

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><th style='text-align:left'>{escape(label)}</th>"
            f"<td style='text-align:left'>{escape(text)}</td></tr>"
            for label, text in self.facts()
        )
        return f"<table><caption>{escape(self.heading)}</caption>{rows}</table>"


def job_facts(jobs: Sequence[Job]) -> Iterator[tuple[str, str]]:
    """`1 batch job goes on at the service: …`, of jobs under way, and what to do about them."""
    if not jobs:
        return
    many = f"{len(jobs):,} batch jobs go" if len(jobs) > 1 else "1 batch job goes"
    rows = sum(job.rows for job in jobs)
    done = sum(job.done_rows or 0 for job in jobs)
    so_far = f", {done:,} of them done" if done else ""
    text = (
        f"{many} on at the service with {rows:,} rows{so_far}; the same command collects the "
        "answers, `vistoria jobs` shows them, `vistoria jobs --cancel` ends them"
    )
    yield "under way", text


def job_document(job: Job) -> dict[str, Any]:
    """A batch job as JSON values."""
    return {
        "name": job.name,
        "run": job.run_id,
        "state": job.said if job.state in ("submitted", "done") else job.state,
        "collected": job.state == "done",
        "rows": job.rows,
        "done": job.done_rows,
        "resource": job.resource,
        "detail": job.detail,
        "made_at": job.made_at,
        "submitted_at": job.submitted_at,
        "ended_at": job.ended_at,
    }


def answered_facts(summary: Summary, costs: Costs) -> Iterator[tuple[str, str]]:
    """How many answers each version gave, and what a student's spared: as many calls, at what a
    call of this run cost."""
    if not summary.model_versions:
        return
    counted = (f"{name} {count:,}" for name, count in summary.model_versions.items())
    yield "answered by", ", ".join(counted)
    own = summary.model_versions.get(summary.run.settings.get("student", ""), 0)
    if own and costs.spent.requests:
        money = costs.spent.money
        each = None if money is None else money * own // costs.spent.requests
        worth = f", about {format_money(each)} at what a call cost here" if each else ""
        yield "saved", f"{own:,} calls of the teacher, by answers of its student{worth}"


def version_facts(summary: Summary) -> Iterator[tuple[str, str]]:
    """That another model answered than the one that was asked."""
    if found := others(summary.run.model, summary.model_versions):
        yield "rerouted", f"{', '.join(found)} answered in place of {summary.run.model}"


def cost_facts(
    costs: Costs,
    ceiling: Ceiling | None = None,
    now: Money | None = 0,
) -> Iterator[tuple[str, str]]:
    """`cost`: `$1.23 of at most $25.00, $0.40 of it now`, and what is not certain about it; nothing
    where calls cost nothing."""
    spent = costs.spent
    if not spent.requests and not costs.in_flight:
        return
    bound = f" of at most {ceiling}" if ceiling and ceiling != Ceiling() else ""
    if spent.money != 0 or bound:
        text = format_money(spent.money) + bound
        if now and spent.money and now < spent.money:
            text += f", {format_money(now)} of it now"
        yield "cost", f"{text}, for {spent.requests:,} calls"
    if costs.lost_calls:
        most = f", counted at the most they can cost: {format_money(costs.lost.money)}"
        yield "", f"{costs.lost_calls:,} calls without an answer{most if costs.lost.money else ''}"
    if costs.in_flight:
        most = f", at most {format_money(costs.reserved.money)}" if costs.reserved.money else ""
        yield "in flight", f"{costs.in_flight:,} calls{most}"


def cost_document(costs: Costs) -> dict[str, Any]:
    """The same, as JSON values; null where a price is unknown."""
    spent = costs.spent
    return {
        "usd": usd(spent.money),
        "requests": spent.requests,
        "tokens": spent.tokens,
        "lost_calls": costs.lost_calls,
        "lost_usd": usd(costs.lost.money),
        "in_flight": costs.in_flight,
        "reserved_usd": usd(costs.reserved.money),
    }


def usd(amount: Money | None) -> float | None:
    """US dollars; None where the price is unknown."""
    return None if amount is None else amount / 10**12


def reasons(failed: Mapping[str, int]) -> str:
    """`14: image_truncated 6, not_an_image 5, image_empty 3`."""
    ordered = sorted(failed.items(), key=lambda pair: (-pair[1], pair[0]))
    return f"{sum(failed.values()):,}: " + ", ".join(f"{name} {n:,}" for name, n in ordered)


def shown(path: Path) -> str:
    """`path` as seen from the current folder if it is below it."""
    absolute = path.absolute()
    below = absolute.is_relative_to(Path.cwd())
    return str(absolute.relative_to(Path.cwd())) if below else str(absolute)
