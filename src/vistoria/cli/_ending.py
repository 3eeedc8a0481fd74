"""The block with which a run ends, and its exit code."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from vistoria.cli._errors import FAILED, INTERRUPTED
from vistoria.cli._settings import given
from vistoria.cli._talk import note, say
from vistoria.result import Result, shown

_STYLES: Mapping[str, Mapping[str, Any]] = {
    "stopped by": {"fg": "yellow"},
    "answered": {"fg": "green"},
    "failed": {"fg": "red"},
    "not asked": {"fg": "yellow"},
    "left out": {"fg": "yellow"},
    "under way": {"fg": "yellow"},
    "rerouted": {"fg": "yellow"},
}


def exit_code(result: Result) -> int:
    """0 when every observation of the run has its answers."""
    if result.report.outcome == "interrupted":
        return INTERRUPTED
    return FAILED if result.summary.failed or result.summary.pending else 0


def show_ending(result: Result, steps: Iterable[str] | None = None) -> None:
    """What happened and what to do next, on stderr; `steps` in place of the usual ones."""
    say(result.heading, bold=True)
    for label, text in result.facts():
        note(label, text, **({} if text == "none" else _STYLES.get(label, {})))
    for number, step in enumerate(_next(result) if steps is None else steps):
        note("" if number else "next", step, fg="cyan")


def _next(result: Result) -> Iterator[str]:
    place = _place(result.ledger)
    if result.summary.answered:
        yield f"vistoria export{place} labels.parquet"
    if result.summary.failed:
        yield f"vistoria export{place} --only failed"


def _place(ledger: Path) -> str:
    named = given(click.get_current_context(), "run.ledger")
    return f" --ledger {shown(ledger)}" if named else ""
