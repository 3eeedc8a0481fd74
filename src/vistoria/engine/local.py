"""Works through a plan in one process: a feeder, readers ahead, callers, one ledger."""

import math
import os
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from typing import Literal, TypeAlias, cast

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from vistoria.engine.ask import Asker, Direct, Service
from vistoria.engine.caller import Caller
from vistoria.engine.compute import Compute
from vistoria.engine.easy import Earlier, Easy
from vistoria.engine.limits import Bounds, Limit
from vistoria.engine.loading import Load, Loader
from vistoria.engine.money import Tab
from vistoria.engine.plan import Plan
from vistoria.engine.recall import Recall
from vistoria.engine.versions import Versions
from vistoria.engine.work import Outcome as Came
from vistoria.engine.work import Ready, Work, attempt
from vistoria.engine.worker import Worker
from vistoria.errors import AnswerLost, RunStopped, first_error
from vistoria.events import Settled, Sink, Spent, Started, Stopping
from vistoria.ledger import Ledger, Outcome
from vistoria.models import Blocking, Cascading, Model
from vistoria.pricing import Ceiling, PriceTable, Spend, load_prices
from vistoria.records import Attempt, ImageForm

_READ = 1_000  # observations read from the ledger at a time
_CHUNK = 8  # images loaded per hop to a thread
_READERS = 4
_WAITING = 16  # chunks that nobody has begun
_AHEAD = 256 << 20  # bytes of images in memory from which no more are read ahead
MOST_CALLS = 256  # calls at once to a service, unless the person says otherwise
_GRACE = 30.0  # seconds that calls in flight are given when a run is stopped


Ambiguous: TypeAlias = Literal["ask", "skip"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How hard to work, and how much to spend.

    `concurrency`: calls at once, at the most (None: what the service takes, or one per core);
    `retries`: tries of one observation after the first; `max_failure_rate`: stop when more than
    this share of at least 50 observations failed; `patience`: seconds for which a service that
    answers nothing is waited for; requests and tokens per minute; `ceiling`: what the run may
    spend in all its sessions, at `prices` (None: those that come with Vistoria); `ambiguous`:
    "ask" again, or "skip", what a session asked about that ended before the answer came;
    `already`: what other runs have spent of the ceiling.
    """

    concurrency: int | None = None
    retries: int = 8
    max_failure_rate: float | None = None
    patience: float = 3_600.0
    requests_per_minute: float | None = None
    tokens_per_minute: float | None = None
    ceiling: Ceiling = Ceiling()  # noqa: RUF009 - frozen
    prices: PriceTable | None = None
    ambiguous: Ambiguous = "ask"
    already: Spend = Spend()  # noqa: RUF009 - frozen


@dataclass(slots=True)
class Report:
    """What one session of a run did: observations answered, failed by reason, tokens, seconds,
    and what its calls were billed (`spent`).

    `copied`: of the answered, those whose image had been asked about before. `lost`: observations
    that an earlier session asked about without learning the answer; asked again, or skipped.
    """

    outcome: Outcome = "finished"
    stopped_by: str | None = None
    answered: int = 0
    copied: int = 0
    lost: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    input_tokens: int = 0
    output_tokens: int = 0
    spent: Spend = Spend()  # noqa: RUF009 - frozen
    seconds: float = 0.0

    def add(self, attempts: list[Attempt]) -> None:
        """Counts attempts in."""
        for one in attempts:
            if one.status == "answered":
                self.answered += 1
                self.copied += one.copied
            else:
                self.failed[one.reason or "unknown"] += 1
            self.input_tokens += one.usage.input_tokens
            self.output_tokens += one.usage.output_tokens + one.usage.thinking_tokens

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
        form = model.capabilities.image
        self._load, self._loader = load, Loader(load, form, retries=limits.retries, emit=emit)
        self._easy: Easy | None = None
        self._earlier: Earlier | None = None
        self._report, self._versions = Report(), Versions(model.name, emit)
        self._tab = open_tab(plan, model, limits)
        before = ledger.spending(plan.run.run_id) + limits.already
        self._before = before.money or 0
        self._held = 0  # bytes of images in memory
        self._freed = anyio.Event()

    async def run(self) -> Report:
        plan, report = self._plan, self._report
        started = time.monotonic()
        lost = self._lost()
        session_id = self._ledger.start_session(plan.run)
        self._emit(Started(run_id=plan.run.run_id, total=plan.total, pending=plan.pending))
        if self._limits.ambiguous == "skip":
            self._skip(lost)
        outcome: Outcome = "failed"
        try:
            await self._work(session_id)
            outcome = report.outcome
        finally:
            self._ledger.flush()
            self._ledger.end_session(session_id, outcome)
            report.seconds, report.spent = time.monotonic() - started, self._tab.spent
        return report

    def _lost(self) -> Plan:
        """What of the plan was asked before, by sessions that ended without the answer."""
        self._ledger.bury_sessions(self._plan.run)
        lost = self._plan.only(self._ledger.lost(self._plan.run))
        self._report.lost = lost.pending
        return lost

    def _skip(self, lost: Plan) -> None:
        """Records the observations as failed instead of asking again."""
        times = (time.time(), 0.0)
        for group in lost.groups:
            self._plan = self._plan.without(group.ordinals)
            ordinals = group.ordinals.tolist()
            work = Work(
                group.task, lost.run.run_id, group.question_id,
                ordinals, self._ledger.observations(ordinals),
            )  # fmt: skip
            error = AnswerLost("a run was killed after asking; it may have been billed")
            skipped = Came(error=error)
            self._record(
                [attempt(work, i, error, skipped, None, times) for i, _ in enumerate(ordinals)]
            )

    def _record(self, attempts: list[Attempt]) -> None:
        self._ledger.record(attempts)
        self._report.add(attempts)
        self._versions.look(attempts)
        self._emit(Settled(attempts=tuple(attempts)))
        if self._tab.priced:
            now, most = self._tab.spent.money, self._limits.ceiling.money
            self._emit(Spent(before=self._before, now=now, most=most))

    async def _work(self, session_id: int) -> None:
        """Feeds, watches, and has the model answer in the way that it can."""
        cropped = bool(self._plan.run.settings.get("image.crop"))
        recall = Recall(self._ledger, fresh=self._plan.fresh, cropped=cropped)
        send, receive = anyio.create_memory_object_stream[Work](_WAITING)
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._watch, tasks.cancel_scope)
                tasks.start_soon(self._feed, send)
                if self._model.capabilities.blocking:
                    await self._compute(recall, receive)
                else:
                    await self._ask(session_id, recall, receive)
                tasks.cancel_scope.cancel()  # the watcher
        except BaseExceptionGroup as group:
            raise first_error(group) from None

    async def _compute(self, recall: Recall, receive: MemoryObjectReceiveStream[Work]) -> None:
        threads = self._limits.concurrency or self._model.capabilities.concurrency
        compute = Compute(cast("Blocking", self._model), self._loader, recall, threads)

        async def work_on(receive: MemoryObjectReceiveStream[Work]) -> None:
            async with receive:
                async for work in receive:
                    works = [work, *_waiting(receive, compute.batches() - 1)]
                    if not self._took(await compute.settle(works)):
                        return

        async with anyio.create_task_group() as workers, receive:
            for _ in range(2 * threads):  # so that a batch waits wherever a thread gets free
                workers.start_soon(work_on, receive.clone())

    async def _ask(
        self, session_id: int, recall: Recall, works: MemoryObjectReceiveStream[Work]
    ) -> None:
        can = self._model.capabilities
        callers = self._limits.concurrency or (can.concurrency if can.local else MOST_CALLS)
        send, receive = anyio.create_memory_object_stream[Ready](
            callers if can.local else 2 * _CHUNK
        )
        if can.easy is not None:
            self._divide(cast("Cascading", self._model), can.easy)
        with ExitStack() as watching:
            worker = Worker(
                open_asker(
                    self._model,
                    self._ledger,
                    self._tab,
                    self._limits,
                    session_id,
                    self._emit,
                    watching,
                ),
                recall,
            )
            async with anyio.create_task_group() as workers, works, send, receive:
                for _ in range(min(_READERS, callers)):
                    workers.start_soon(self._read, recall, works.clone(), send.clone())
                for _ in range(min(callers, self._plan.pending)):
                    workers.start_soon(self._settle, worker, receive.clone())

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
                    return  # every reader has stopped

    def _works(self) -> Iterator[Work]:
        can = self._model.capabilities
        size = max(can.batch_size, _CHUNK)
        # Few observations are spread over all readers rather than packed into one chunk.
        size = max(1, min(size, math.ceil(self._plan.pending / _READERS)))
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

    async def _read(
        self, recall: Recall, receive: MemoryObjectReceiveStream[Work],
        send: MemoryObjectSendStream[Ready],
    ) -> None:  # fmt: skip
        """Loads images ahead, as long as those in memory are not too many."""
        together = self._model.capabilities.batch_size > 1
        async with receive, send:
            async for work in receive:
                while self._held > _AHEAD:
                    if self._freed.is_set():
                        self._freed = anyio.Event()
                    await self._freed.wait()
                if self._stop.is_set():
                    return
                left = await self._left(work)
                if left is None:
                    continue
                ready = recall.look_up(left, await self._loader.pictures(left))
                if self._earlier is not None:
                    self._earlier.recalled(recall, ready)
                self._held += ready.bytes
                for part in [ready] if together else ready.singles():
                    try:
                        await send.send(part)
                    except anyio.BrokenResourceError:
                        return  # every worker has stopped

    def _divide(self, model: Cascading, form: ImageForm) -> None:
        """Has the model answer the easy part of the work here, before the rest is loaded."""
        loader = Loader(self._load, form, retries=self._limits.retries, emit=self._emit)
        cropped = bool(self._plan.run.settings.get("image.crop"))
        self._easy = Easy(model, loader, len(os.sched_getaffinity(0)), cropped=cropped)
        self._earlier = Earlier(self._ledger, self._plan, model)

    async def _left(self, work: Work) -> Work | None:
        """What of the work is not easy, if anything."""
        if self._easy is None:
            return work
        attempts, left = await self._easy.settle(work)
        return left if not attempts or self._took(attempts) else None

    async def _settle(self, worker: Worker, receive: MemoryObjectReceiveStream[Ready]) -> None:
        async with receive:
            async for ready in receive:
                try:
                    attempts = await worker.settle(ready)
                except RunStopped as error:
                    self._end(str(error))
                    return
                finally:
                    self._held -= ready.bytes
                    self._freed.set()
                if not self._took(attempts):
                    return

    def _took(self, attempts: list[Attempt]) -> bool:
        """Records them; whether to go on."""
        self._record(attempts)
        limit, rate = self._limits.max_failure_rate, self._report.failure_rate()
        if limit is not None and rate > limit:
            self._end(f"{rate:.0%} of observations failed (limit {limit:.0%})")
        return not self._stop.is_set()

    def _end(self, why: str) -> None:
        """Stops the run by a rule; what is in flight is finished first."""
        if not self._stop.is_set():
            self._report.outcome, self._report.stopped_by = "stopped", why
            self._stop.set()


def _waiting(receive: MemoryObjectReceiveStream[Work], most: int) -> Iterator[Work]:
    """What can be had at once."""
    with suppress(anyio.WouldBlock, anyio.EndOfStream):
        for _ in range(most):
            yield receive.receive_nowait()


def open_asker(
    model: Model, ledger: Ledger, tab: Tab, limits: Limits, session_id: int,
    emit: Sink, watching: ExitStack,
) -> Asker:  # fmt: skip
    """What asks the model for a session; `watching`: what ends with it."""
    can = model.capabilities
    if can.local:
        return Direct(model)
    most = limits.concurrency or MOST_CALLS
    bounds = Bounds(
        start=min(can.concurrency, most),
        most=most,
        requests_per_minute=limits.requests_per_minute,
        tokens_per_minute=limits.tokens_per_minute,
    )
    limit = Limit.shared(can.service or model.name, bounds)
    watching.enter_context(limit.watched_by(emit))
    caller = Caller(limit, retries=limits.retries, patience=limits.patience, emit=emit)
    return Service(model, ledger, caller, tab, session_id)


def open_tab(plan: Plan, model: Model, limits: Limits) -> Tab:
    """The tab of a run; raises UserError when its ceiling cannot be kept."""
    tab = Tab(
        model.name, model.capabilities, limits.prices or load_prices(),
        limits.ceiling, already=limits.already,
    )  # fmt: skip
    for group in plan.groups:
        limits.ceiling.check(model.name, tab.most(group.task, None, None))
    return tab
