"""How a run ended: the block for a person, the document for a program, the exit code."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from vistoria.cli._errors import FAILED, INTERRUPTED
from vistoria.cli._settings import given
from vistoria.cli._talk import note, say
from vistoria.engine import Plan, Report
from vistoria.ledger import Summary
from vistoria.progress import duration, rate


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """What was planned, what this session did, and where the run stands now."""

    plan: Plan
    report: Report
    summary: Summary
    ledger: Path

    @property
    def code(self) -> int:
        """0 when every observation of the run has its answers."""
        if self.report.outcome == "interrupted":
            return INTERRUPTED
        return FAILED if self.summary.failed or self.summary.pending else 0

    @property
    def settled(self) -> int:
        """Observations answered or failed in this session."""
        return self.report.answered + self.report.failed.total()

    def document(self) -> dict[str, Any]:
        """For `--json`."""
        run, report, summary = self.summary.run, self.report, self.summary
        return {
            "run": run.run_id,
            "source": run.source,
            "profile": run.profile,
            "task": run.task,
            "model": run.model,
            "model_versions": summary.model_versions,
            "total": summary.total,
            "answered": summary.answered,
            "failed": dict(summary.failed),
            "pending": summary.pending,
            "unanswerable_fields": self.plan.unanswerable,
            "input_tokens": summary.input_tokens,
            "output_tokens": summary.output_tokens,
            "ledger": str(self.ledger),
            "session": {
                "outcome": report.outcome,
                "stopped_by": report.stopped_by,
                "already_done": self.plan.total - self.plan.pending,
                "asked": self.settled,
                "answered": report.answered,
                "failed": dict(report.failed),
                "input_tokens": report.input_tokens,
                "output_tokens": report.output_tokens,
                "seconds": round(report.seconds, 3),
                "images_per_second": round(self.settled / report.seconds, 2)
                if report.seconds
                else None,
            },
        }

    def show(self) -> None:
        """The block, on stderr."""
        run = self.summary.run
        heading = f"run {run.run_id}: {run.task} by {run.model}"
        verdict = {"finished": "done", "stopped": "stopped", "interrupted": "interrupted"}
        say(f"{heading}: {verdict.get(self.report.outcome, self.report.outcome)}", bold=True)
        for label, text, style in self._lines():
            note(label, text, **style)

    def _lines(self) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
        report, summary = self.report, self.summary
        if report.stopped_by and report.outcome != "interrupted":
            yield "stopped by", report.stopped_by, {"fg": "yellow"}
        yield "answered", f"{summary.answered:,} of {summary.total:,}", {"fg": "green"}
        if summary.failed:
            yield "failed", reasons(summary.failed), {"fg": "red"}
        if summary.pending:
            yield "not asked", f"{summary.pending:,}; the same command goes on", {"fg": "yellow"}
        if before := self.plan.total - self.plan.pending:
            yield "before", f"{before:,} already done by earlier runs, not asked again", {}
        if self.plan.unanswerable:
            names = ", ".join(self.plan.unanswerable)
            yield "left out", f"{names}: {summary.run.model} cannot answer them", {"fg": "yellow"}
        if tokens := report.input_tokens + report.output_tokens:
            parts = f"{report.input_tokens:,} in, {report.output_tokens:,} out"
            yield "tokens", f"{tokens:,} ({parts})", {}
        if self.settled:
            took = duration(report.seconds) if report.seconds >= 10 else f"{report.seconds:.1f} s"
            yield "time", f"{took}, {rate(self.settled / max(report.seconds, 1e-9))}", {}
        yield "ledger", shown(self.ledger), {}
        yield "next", "   ".join(self._next()), {"fg": "cyan"}

    def _next(self) -> Iterator[str]:
        yield f"vistoria export{_place(self.ledger)} labels.parquet"
        if self.summary.failed:
            yield f"vistoria export{_place(self.ledger)} --only failed"


def reasons(failed: Mapping[str, int]) -> str:
    """`14: image_truncated 6, not_an_image 5, image_empty 3`."""
    ordered = sorted(failed.items(), key=lambda pair: (-pair[1], pair[0]))
    return f"{sum(failed.values()):,}: " + ", ".join(f"{name} {n:,}" for name, n in ordered)


def shown(path: Path) -> str:
    """`path` from the current folder if it is below it."""
    absolute = path.absolute()
    below = absolute.is_relative_to(Path.cwd())
    return str(absolute.relative_to(Path.cwd())) if below else str(absolute)


def _place(ledger: Path) -> str:
    named = given(click.get_current_context(), "run.ledger")
    return f" --ledger {shown(ledger)}" if named else ""
