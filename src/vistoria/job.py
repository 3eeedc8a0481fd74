"""Runs a project from source to ledger, in a script, a terminal or a notebook."""

import asyncio
import logging
import signal
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

import anyio
import numpy as np
from anyio.from_thread import start_blocking_portal
from numpy.typing import NDArray

from vistoria import opening
from vistoria.engine import (
    Ask,
    BatchSettings,
    Choice,
    Forecast,
    Limits,
    Load,
    Plan,
    Report,
    draw,
    forecast,
    make_plan,
    work_in_batches,
    work_through,
)
from vistoria.errors import first_error
from vistoria.events import Sink, ignore
from vistoria.ledger import Ledger
from vistoria.pricing import Ceiling, Mode, load_prices
from vistoria.project import Project
from vistoria.sources import Selection, Source
from vistoria.task import Task
from vistoria.telemetry import Telemetry, open_telemetry

_Work: TypeAlias = Callable[[anyio.Event], Awaitable[Report]]


@dataclass(frozen=True, slots=True)
class Done:
    """A run that ended: what was planned, and what came of it."""

    plan: Plan
    report: Report
    ledger: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A project with its source and model opened: plan first, then work, once. `batch`: by batch
    jobs, and how; None: call by call."""

    source: Source
    selection: Selection
    ask: Ask
    load: Load
    limits: Limits
    ledger: Path
    telemetry: Telemetry | None = None
    batch: BatchSettings | None = None

    def plan(self, ledger: Ledger, choice: Choice, emit: Sink = ignore) -> Plan:
        """Reads the source and compares it with the opened `ledger`; asks nothing."""
        return make_plan(ledger, self.source, self.selection, self.ask, choice, emit)

    def pilot(self, plan: Plan, ledger: Ledger, count: int) -> NDArray[np.int64]:
        """The ordinals of `count` of the run's observations, chosen at random but repeatably."""
        return draw(ledger.scope(plan.run), count, self.selection.seed)

    def forecast(
        self, plan: Plan, ledger: Ledger, pilot: NDArray[np.int64] | None = None
    ) -> Forecast:
        """What `plan` will take; `pilot`: resting on these observations alone."""
        mode: Mode = "batch" if self.batch else "online"
        return forecast(plan, ledger, self.ask.model, self.limits, pilot, mode=mode)

    def work(self, plan: Plan, ledger: Ledger, emit: Sink = ignore) -> Report:
        """Asks what the plan lists and closes the model.

        Ctrl-C and SIGTERM end the run in order; a second one ends it at once. Raises UserError.
        """
        if self.telemetry is None:
            return self._work(plan, ledger, emit)
        ask = self.ask
        local = ask.model.capabilities.local
        with self.telemetry.watching(ask.model.name, ask.task.name, emit, local=local) as watched:
            return self._work(plan, ledger, watched)

    def _work(self, plan: Plan, ledger: Ledger, emit: Sink) -> Report:
        # Retries are events here; a log line for each would only repeat them on the screen.
        logging.getLogger("stamina").setLevel(logging.ERROR)
        model = self.ask.model

        async def work(stop: anyio.Event) -> Report:
            try:
                if self.batch is not None:
                    how = replace(self.batch, limits=self.limits)
                    ask, load = self.ask, self.load
                    return await work_in_batches(plan, ledger, ask, load, how, emit, stop)
                return await work_through(plan, ledger, model, self.load, self.limits, emit, stop)
            finally:
                await model.aclose()

        return _drive(work)


def open_job(project: Project, task: Task | None = None) -> Job:
    """Opens what the project names; `task` stands in for the project's own. Raises UserError."""
    source, model = opening.open_source(project), opening.open_model(project)
    limits, run = limits_of(project), project.run
    return Job(
        source=source,
        selection=opening.selection(project),
        ask=Ask(opening.open_task(project, task), model, opening.question_settings(project, model)),
        load=opening.open_images(project),
        telemetry=open_telemetry(project.run.telemetry),
        limits=limits,
        ledger=run.ledger,
        batch=BatchSettings(limits=limits, poll=run.poll, wait=run.wait) if run.batch else None,
    )


def limits_of(project: Project) -> Limits:
    """How hard to work and how much to spend; raises ConfigError when that cannot be read."""
    section = project.run
    return Limits(
        concurrency=section.concurrency,
        retries=section.retries,
        max_failure_rate=section.max_failure_rate,
        patience=section.patience,
        requests_per_minute=section.requests_per_minute,
        tokens_per_minute=section.tokens_per_minute,
        ceiling=Ceiling.parse(section.budget) if section.budget else Ceiling(),
        prices=load_prices(section.prices),
        ambiguous=section.ambiguous,
    )


def run_project(project: Project, choice: Choice, *, emit: Sink = ignore) -> Done:
    """Opens, plans, works; raises UserError."""
    job = open_job(project)
    with Ledger(job.ledger) as ledger:
        plan = job.plan(ledger, choice, emit)
        return Done(plan, job.work(plan, ledger, emit), job.ledger)


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
    try:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_listen, stop, tasks.cancel_scope)
            report = await work(stop)
            tasks.cancel_scope.cancel()
    except BaseExceptionGroup as group:
        raise first_error(group) from None
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
