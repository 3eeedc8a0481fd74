"""Plans and works on a project, saying on stderr what is going on."""

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from vistoria import opening
from vistoria.cli._forecast import forecast_facts
from vistoria.cli._reading import announce
from vistoria.cli._talk import is_quiet, note, warnings_shown
from vistoria.engine import Choice, Forecast, Plan
from vistoria.errors import RunStopped, UserError
from vistoria.events import Event, Sink, ignore
from vistoria.job import Job, open_job
from vistoria.ledger import Ledger
from vistoria.pricing import Ceiling, format_money, load_prices
from vistoria.progress import Display, show_progress
from vistoria.project import Project
from vistoria.result import Result, shown
from vistoria.sections import RunSection
from vistoria.sources import Source


@contextmanager
def planned(
    project: Project, choice: Choice, display: Display
) -> Iterator[tuple[Job, Ledger, Plan]]:
    """The job of a project, its opened ledger, and what is to be asked."""
    with warnings_shown():
        job = open_job(project)
        asked = job.ask.task
        note("source", described(job.source))
        note("task", f"{asked.name}: {', '.join(field.name for field in asked.fields)}")
        note("model", job.ask.model.name)
        announce(job.source, job.selection, job.limits.prices or load_prices())
        with Ledger(job.ledger) as ledger:
            with progress(display) as emit:
                plan = job.plan(ledger, choice, emit)
            before = plan.total - plan.pending
            done = f", {before:,} already done" if before else ""
            note("plan", f"{plan.total:,} observations{done}: {plan.pending:,} to ask")
            if not plan.total:
                note("", "the source has no rows, or none that meet the selection", fg="yellow")
            yield job, ledger, plan


def work(job: Job, ledger: Ledger, plan: Plan, display: Display, listen: Sink = ignore) -> Result:
    """Asks what is planned; `listen` hears every event besides the screen."""
    with progress(display if plan.pending else "none") as emit:

        def both(event: Event) -> None:
            listen(event)
            emit(event)

        gc.freeze()  # the program itself: looking through it again and again costs 2 % of the speed
        try:
            report = job.work(plan, ledger, both)
        finally:
            gc.unfreeze()
    return Result.read(ledger, plan, report, job.limits.ceiling)


def confirm(job: Job, ledger: Ledger, plan: Plan, settings: RunSection) -> None:
    """Shows the forecast and asks, before more is sent to a service than the settings let pass.

    Raises RunStopped when the person declines, UserError when there is no terminal to ask on.
    """
    model = job.ask.model
    if model.capabilities.local or not plan.pending:
        return
    found = job.forecast(plan, ledger)
    if not (many := _too_much(found, job, settings)):
        return
    price = f", {found.cost}" if found.cost else ""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        error = UserError(
            f"{plan.pending:,} observations would be sent to {model.name!r}{price}, more than the "
            f"{many}, and there is no terminal to ask on"
        )
        error.add_note(
            "--yes sends them; --limit N sends fewer; `vistoria plan` says what they take"
        )
        raise error
    for label, text in forecast_facts(found, job.limits):
        note(label, text)
    if not click.confirm(f"Send {plan.pending:,} observations to {model.name}?", err=True):
        raise RunStopped("not confirmed; nothing was sent")


def _too_much(found: Forecast, job: Job, settings: RunSection) -> str:
    """The limit that makes a question due, if one does."""
    if found.to_ask > settings.confirm_above:
        return f"{settings.confirm_above:,} of run.confirm_above"
    limit, ceiling = Ceiling.parse(settings.confirm_cost).money, job.limits.ceiling.money
    if limit is None or found.cost is None or (ceiling is not None and ceiling <= limit):
        return ""
    over = found.cost.expected > limit
    return f"{format_money(limit)} of run.confirm_cost" if over else ""


@contextmanager
def progress(display: Display) -> Iterator[Sink]:
    """The screen that was asked for, on stderr; none with `--quiet`."""
    with show_progress("none" if is_quiet() else display, sys.stderr) as emit:
        yield emit


def described(source: Source) -> str:
    """What was opened, how that was guessed, and which column holds what matters most."""
    address, name = source.address, opening.source_name(source.address)
    if "://" not in address:
        guess = name if name == "folder" else f"{name}, guessed by its suffix"
        address = f"{shown(Path(address))} ({guess})"
    first = [n for n in ("observation_id", "uri", "asset_id") if n in source.mapping]
    named = [n if source.mapping[n] == n else f"{n} ← {source.mapping[n]}" for n in first]
    more = len(source.mapping) - len(first)
    rest = f" and {more} more" if more else ""
    return f"{address}; profile {source.profile}: {', '.join(named)}{rest}"
