"""Works through a plan in one process: a feeder, as many workers as calls at once, a ledger."""

import math
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from vistoria.engine.plan import Plan
from vistoria.engine.worker import Load, Work, Worker
from vistoria.errors import first_error
from vistoria.events import Settled, Sink, Started, Stopping
from vistoria.ledger import Ledger, Outcome
from vistoria.models import Model
from vistoria.records import Attempt

_READ = 1_000  # observations read from the ledger at a time
_GRACE = 30.0  # seconds that calls in flight are given when a run is stopped


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How hard to work. `concurrency`: calls at once (None: what the model suggests); `retries`:
    tries after the first; `max_failure_rate`: stop when more than this share of at least 50
    observations failed."""

    concurrency: int | None = None
    retries: int = 8
    max_failure_rate: float | None = None


@dataclass(slots=True)
class Report:
    """What one session of a run did: observations answered, failed by reason, tokens, seconds."""

    outcome: Outcome = "finished"
    stopped_by: str | None = None
    answered: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    input_tokens: int = 0
    output_tokens: int = 0
    seconds: float = 0.0

    def add(self, attempts: list[Attempt]) -> None:
        """Counts attempts in."""
        for attempt in attempts:
            if attempt.status == "answered":
                self.answered += 1
            else:
                self.failed[attempt.reason or "unknown"] += 1
            self.input_tokens += attempt.usage.input_tokens
            self.output_tokens += attempt.usage.output_tokens + attempt.usage.thinking_tokens

    def failure_rate(self) -> float:
        """Share of failed among at least 50 settled observations, else 0."""
        failed = self.failed.total()
        settled = failed + self.answered
        return failed / settled if settled >= 50 else 0.0


async def work_through(
    plan: Plan, ledger: Ledger, model: Model, load: Load, limits: Limits,
    emit: Sink, stop: anyio.Event,
) -> Report:  # fmt: skip
    """Asks what the plan lists and records each outcome; set `stop` to end early and in order.

    Raises UserError when no call can succeed until the person acts; what was answered before is
    in the ledger.
    """
    session = _Session(plan, ledger, model, load, limits, emit, stop)
    return await session.run()


class _Session:
    def __init__(
        self, plan: Plan, ledger: Ledger, model: Model, load: Load, limits: Limits,
        emit: Sink, stop: anyio.Event,
    ) -> None:  # fmt: skip
        self._plan, self._ledger, self._model = plan, ledger, model
        self._limits, self._emit, self._stop = limits, emit, stop
        self._worker = Worker(model, load, retries=limits.retries, emit=emit)
        self._workers = limits.concurrency or model.capabilities.concurrency
        self._report = Report()

    async def run(self) -> Report:
        plan, report = self._plan, self._report
        started = time.monotonic()
        self._ledger.bury_sessions(plan.run)
        session_id = self._ledger.start_session(plan.run)
        self._emit(Started(run_id=plan.run.run_id, total=plan.total, pending=plan.pending))
        outcome: Outcome = "failed"
        try:
            await self._work()
            outcome = report.outcome
        finally:
            self._ledger.flush()
            self._ledger.end_session(session_id, outcome)
            report.seconds = time.monotonic() - started
        return report

    async def _work(self) -> None:
        send, receive = anyio.create_memory_object_stream[Work](self._workers)
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._watch, tasks.cancel_scope)
                tasks.start_soon(self._feed, send)
                async with anyio.create_task_group() as workers, receive:
                    for _ in range(self._workers):
                        workers.start_soon(self._settle, receive.clone())
                tasks.cancel_scope.cancel()  # the watcher
        except BaseExceptionGroup as group:
            raise first_error(group) from None

    async def _watch(self, scope: anyio.CancelScope) -> None:
        """Once stopped, gives calls in flight some time, then ends them."""
        await self._stop.wait()
        if self._report.stopped_by is None:
            self._report.outcome, self._report.stopped_by = "interrupted", "interrupted"
        self._emit(Stopping(reason=self._report.stopped_by))
        await anyio.sleep(_GRACE)
        scope.cancel()

    async def _feed(self, send: MemoryObjectSendStream[Work]) -> None:
        async with send:
            for work in self._works():
                if self._stop.is_set():
                    return
                try:
                    await send.send(work)
                except anyio.BrokenResourceError:
                    return  # every worker has stopped

    def _works(self) -> Iterator[Work]:
        size = self._model.capabilities.batch_size
        # Few observations are spread over all workers rather than packed into one call.
        size = max(1, min(size, math.ceil(self._plan.pending / self._workers)))
        for group in self._plan.groups:
            for start in range(0, len(group.ordinals), _READ):
                ordinals = group.ordinals[start : start + _READ].tolist()
                observations = self._ledger.observations(ordinals)
                for i in range(0, len(ordinals), size):
                    yield Work(
                        group.task,
                        self._plan.run.run_id,
                        group.question_id,
                        ordinals[i : i + size],
                        observations[i : i + size],
                    )

    async def _settle(self, receive: MemoryObjectReceiveStream[Work]) -> None:
        async with receive:
            async for work in receive:
                attempts = await self._worker.settle(work)
                self._ledger.record(attempts)
                self._report.add(attempts)
                self._emit(Settled(attempts=tuple(attempts)))
                self._check_failures()
                if self._stop.is_set():
                    return

    def _check_failures(self) -> None:
        limit, rate = self._limits.max_failure_rate, self._report.failure_rate()
        if limit is not None and rate > limit and not self._stop.is_set():
            self._report.outcome = "stopped"
            self._report.stopped_by = f"{rate:.0%} of observations failed (limit {limit:.0%})"
            self._stop.set()
