"""Runs a project from source to ledger, in a script, a terminal or a notebook."""

import asyncio
import logging
import signal
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import anyio
from anyio.from_thread import start_blocking_portal

from vistoria import opening
from vistoria.engine import Ask, Choice, Limits, Plan, Report, make_plan, work_through
from vistoria.events import Sink, ignore
from vistoria.ledger import Ledger
from vistoria.models import Model
from vistoria.project import Project

Confirm: TypeAlias = Callable[[Plan, Model], None]
_Work: TypeAlias = Callable[[anyio.Event], Awaitable[Report]]


@dataclass(frozen=True, slots=True)
class Done:
    """A run that ended: what was planned, and what came of it."""

    plan: Plan
    report: Report
    ledger: Path


def run_project(
    project: Project, choice: Choice, *, emit: Sink = ignore, confirm: Confirm | None = None
) -> Done:
    """Plans, asks `confirm` (which raises to refuse), works, and returns what was done.

    Ctrl-C and SIGTERM end the run in order; a second one ends it at once. Raises UserError.
    """
    # Retries are events here; a log line for each would only repeat them on the screen.
    logging.getLogger("stamina").setLevel(logging.ERROR)
    source, model = opening.open_source(project), opening.open_model(project)
    load = opening.open_images(project)
    ask = Ask(opening.open_task(project), model, opening.question_settings(project, model))
    limits = Limits(
        concurrency=project.run.concurrency,
        retries=project.run.retries,
        max_failure_rate=project.run.max_failure_rate,
    )
    with Ledger(project.run.ledger) as ledger:
        plan = make_plan(ledger, source, opening.selection(project), ask, choice, emit)
        if confirm is not None and plan.pending:
            confirm(plan, model)

        async def work(stop: anyio.Event) -> Report:
            try:
                return await work_through(plan, ledger, model, load, limits, emit, stop)
            finally:
                await model.aclose()

        report = _drive(work)
    return Done(plan, report, project.run.ledger)


def _drive(work: _Work) -> Report:
    """Runs `work` on an event loop: here, or in a thread where one is running already."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return anyio.run(_with_signals, work)
    with start_blocking_portal() as portal:  # a notebook
        stop = portal.call(anyio.Event)
        future = portal.start_task_soon(work, stop)
        try:
            return future.result()
        except KeyboardInterrupt:
            portal.call(stop.set)
            return future.result()


async def _with_signals(work: _Work) -> Report:
    """The first Ctrl-C lets calls in flight end; the second raises KeyboardInterrupt."""
    stop = anyio.Event()
    if threading.current_thread() is not threading.main_thread():
        return await work(stop)  # only the main thread may receive signals
    report: Report | None = None
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_listen, stop, tasks.cancel_scope)
        report = await work(stop)
        tasks.cancel_scope.cancel()
    if report is None:
        raise KeyboardInterrupt
    return report


async def _listen(stop: anyio.Event, scope: anyio.CancelScope) -> None:
    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        asked = False
        async for _ in signals:
            if asked:
                scope.cancel()
            asked = True
            stop.set()
