"""Works through a plan in batch jobs: fill, submit, look, collect, until every row is settled.

What a job is asked about is reserved in the ledger before the job is submitted, under a name that
is fixed by then. So a kill at any point leaves a job that the next session looks up by its name:
it is collected, or else it was never submitted, and is. Jobs outlive sessions: stopping a session
does not cancel them.
"""

import logging
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import cast

import anyio
import numpy as np

from vistoria.engine.batch_collecting import Collected, Collector
from vistoria.engine.batch_filling import Awaited, Filled, Filler, Queue
from vistoria.engine.batch_patience import Patient
from vistoria.engine.easy import Division
from vistoria.engine.loading import Load, Loader
from vistoria.engine.local import Limits, Report
from vistoria.engine.money import Tab
from vistoria.engine.plan import Ask, Plan, answerable
from vistoria.engine.recall import Recall
from vistoria.engine.versions import Versions
from vistoria.engine.work import Outcome as Came
from vistoria.engine.work import Work, attempt
from vistoria.errors import (
    AnswerLost,
    RunStopped,
    ServiceDown,
    TransientError,
    UserError,
    first_error,
)
from vistoria.events import JobChanged, Settled, Sink, Spent, Started, Stopping
from vistoria.ledger import Job, Ledger, Outcome
from vistoria.ledger import Settled as SettledRow
from vistoria.models import Batches, Batching, BatchJob, Model
from vistoria.pricing import load_prices
from vistoria.records import Attempt, BatchLimits
from vistoria.task import Task

__all__ = ["BatchSettings", "batches_of", "work_in_batches"]

_log = logging.getLogger(__name__)

_FIRST = 5.0  # seconds between the first looks at a job; they become rarer
_TRIES = 3  # jobs that a row without an answer goes into, at the most
_STALLS = 3  # jobs in a row that end without any answer, after which no more are made


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchSettings:
    """How to go about batch jobs. `limits`: of those the retries, the patience and what concerns
    money count. `poll`: seconds between two looks at a job, at the most; `wait` for jobs to end, or
    leave them to a later session; `submit` new ones, or only collect."""

    limits: Limits
    poll: float = 60.0
    wait: bool = True
    submit: bool = True


async def work_in_batches(
    plan: Plan, ledger: Ledger, ask: Ask, load: Load, settings: BatchSettings,
    emit: Sink, stop: anyio.Event,
) -> Report:  # fmt: skip
    """As `work_through`, by batch jobs of the model's service, in the same ledger.

    Setting `stop` ends the session; jobs under way go on. Raises UserError when the model takes no
    batch jobs, when another process works on those of this ledger, or when a person must act.
    """
    session = _Session(plan, ledger, ask, load, settings, emit, stop)
    with ledger.jobs.alone() as folder:
        return await session.run(folder)


def batches_of(model: Model) -> Batches:
    """The service of a model's batch jobs; raises UserError where it has none."""
    if model.capabilities.batch is None:
        raise UserError(
            f"{model.name!r} takes no batch jobs as it is set up; run without batch. For Gemini "
            "they need Vertex AI in a Cloud project: set `project`"
        )
    return cast("Batching", model).batches()


class _Session:
    def __init__(
        self, plan: Plan, ledger: Ledger, ask: Ask, load: Load, settings: BatchSettings,
        emit: Sink, stop: anyio.Event,
    ) -> None:  # fmt: skip
        limits = self._limits = settings.limits
        self._plan, self._ledger, self._ask, self._load = plan, ledger, ask, load
        self._settings, self._emit, self._stop, self._folder = settings, emit, stop, Path()
        model = self._model = ask.model
        self._report = Report()
        self._versions = Versions(model.name, emit)
        self._tab = Tab(
            model.name, model.capabilities, limits.prices or load_prices(),
            limits.ceiling, already=limits.already, mode="batch",
        )  # fmt: skip
        for group in plan.groups:
            limits.ceiling.check(model.name, self._tab.most(group.task, None, None))
        before = ledger.spending(plan.run.run_id) + limits.already
        self._before = before.money or 0
        self._service = Patient(batches_of(model), limits.patience, settings.poll, emit)
        self._awaited = Awaited()
        tries = 1 + min(limits.retries, _TRIES - 1)
        self._collector = Collector(ledger, self._service, self._tab, self._awaited, tries)
        self._loader = Loader(load, model.capabilities.image, retries=limits.retries, emit=emit)
        self._live: list[Job] = []
        self._tasks: dict[int, Task] = {group.question_id: group.task for group in plan.groups}
        self._queues: dict[int, Queue] = {}
        self._stalls = 0

    async def run(self, folder: Path) -> Report:
        self._folder = folder
        plan, report, ledger = self._plan, self._report, self._ledger
        started = time.monotonic()
        self._check_related()
        ledger.bury_sessions(plan.run)
        lost = plan.only(ledger.lost(plan.run))
        report.lost = lost.pending
        self._queue_up(lost)
        session_id = ledger.start_session(plan.run)
        self._emit(Started(run_id=plan.run.run_id, total=plan.total, pending=plan.pending))
        outcome: Outcome = "failed"
        try:
            await self._until_stopped(self._filler(session_id))
            outcome = report.outcome
        finally:
            self._took(list(self._collector.interim.values()))
            ledger.flush()
            ledger.end_session(session_id, outcome)
            report.seconds, report.spent = time.monotonic() - started, self._tab.spent
        return report

    # What there is to do

    def _check_related(self) -> None:
        """Knows the task of each live job; raises UserError where one asks some of the same fields
        and cannot be collected, so that they would be paid for twice."""
        model = self._model.name
        for job in self._ledger.jobs.all(live=True):
            if job.question_id not in self._tasks and (task := self._task_of(job)):
                self._tasks[job.question_id] = task
        for job in self._ledger.jobs.related({*self._tasks, self._plan.run.question_id}):
            if job.question_id not in self._tasks:
                raise UserError(
                    f"batch job {job.name} of run {job.run_id} asks {model!r} some of the same "
                    "fields, with a task that has changed since. Collect it with the task as it "
                    "was (`vistoria jobs --collect`), or cancel it so (`vistoria jobs --cancel`)"
                )

    def _task_of(self, job: Job) -> Task | None:
        """The part of the task that a job asks, if it is one."""
        whole, _ = answerable(self._ask.task, self._model)
        asked = {field.fingerprint for field in self._ledger.fields(job.question_id)}
        names = [field.name for field in whole.fields if field.fingerprint in asked]
        if len(names) != len(asked):
            return None
        part = whole if len(names) == len(whole.fields) else whole.only(names)
        return part if self._ask.question(self._ledger, part) == job.question_id else None

    def _queue_up(self, lost: Plan) -> None:
        """What is not under way, by question; what a killed session asked, as the limits say."""
        jobs, plan = self._ledger.jobs, self._plan
        busy = np.concatenate([np.zeros(0, np.int64), *(jobs.under_way(q) for q in self._tasks)])
        if self._limits.ambiguous == "skip":
            self._skip(lost)
            plan = plan.without(self._ledger.lost(plan.run))
        for group in plan.without(busy).groups:
            parts = deque([group.ordinals])
            self._queues[group.question_id] = Queue(group.task, group.question_id, parts)
        for number in self._tasks:
            self._awaited.in_flight |= {(number, seen) for seen in jobs.identities(number)}

    def _skip(self, lost: Plan) -> None:
        error, now = AnswerLost("a run was killed after asking; it may have been billed"), time.time
        for group in lost.groups:
            ordinals = group.ordinals.tolist()
            work = Work(
                group.task, lost.run.run_id, group.question_id,
                ordinals, self._ledger.observations(ordinals),
            )  # fmt: skip
            came, times = Came(error=error), (now(), 0.0)
            self._record([attempt(work, i, error, came, None, times) for i in range(len(ordinals))])

    def _filler(self, session_id: int) -> Filler:
        cropped = bool(self._plan.run.settings.get("image.crop"))
        recall = Recall(self._ledger, fresh=self._plan.fresh, cropped=cropped)
        means = (self._ledger, self._plan, self._model, self._load, self._limits.retries)
        return Filler(
            ledger=self._ledger, batches=self._service.batches, loader=self._loader,
            recall=recall, tab=self._tab,
            most=cast("BatchLimits", self._model.capabilities.batch),
            folder=self._folder, awaited=self._awaited, session_id=session_id,
            run_id=self._plan.run.run_id, record=self._record,
            division=Division(*means, self._emit) if self._model.capabilities.easy else None,
        )  # fmt: skip

    # The course of a session

    async def _until_stopped(self, filler: Filler) -> None:
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._watch, tasks.cancel_scope)
                try:
                    await self._work(filler)
                except RunStopped as error:
                    self._end(str(error))
                tasks.cancel_scope.cancel()
        except BaseExceptionGroup as group:
            raise first_error(group) from None

    async def _watch(self, scope: anyio.CancelScope) -> None:
        await self._stop.wait()
        self._report.outcome, self._report.stopped_by = "interrupted", "interrupted"
        self._emit(Stopping(reason="interrupted"))
        scope.cancel()  # whatever is cut off here, the next session looks up

    def _end(self, why: str) -> None:
        self._report.outcome, self._report.stopped_by = "stopped", why

    async def _work(self, filler: Filler) -> None:
        for job in self._ledger.jobs.all(live=True):
            if job.question_id in self._tasks:
                await self._adopt(job)
        pause = min(_FIRST, self._settings.poll)
        while True:
            if self._settings.submit:
                await self._hand_in(filler)
            if not self._live:
                return
            if await self._look():
                continue
            if not self._settings.wait:
                return
            await anyio.sleep(pause)
            pause = min(pause * 1.5, self._settings.poll)

    async def _adopt(self, job: Job) -> None:
        """Goes on with a job of an earlier session."""
        file = self._folder / f"{job.name}.jsonl"
        if job.state == "ready":
            known = await self._service.search(job)
            if known is not None:
                job = self._submitted(job, known, file)
            elif not self._settings.submit:
                return  # for a session that may submit it
            elif file.exists():
                job = self._submitted(job, await self._service.submit(job, file), file)
        if job.state == "submitted":
            self._live.append(job)
            return
        ordinals = [row.ordinal for row in self._ledger.jobs.open_rows(job, job.rows)]
        self._ledger.jobs.drop(job)
        file.unlink(missing_ok=True)
        self._forget(job.question_id)
        self._ask_later(job, ordinals)

    async def _hand_in(self, filler: Filler) -> None:
        """Makes jobs of all that can be asked now."""
        for queue in self._queues.values():
            while queue.parts:
                filled = await filler.fill(queue)
                self._record(filler.settled)
                filler.settled = []
                if filled is not None:
                    await self._submit(filled)
                if filler.over is not None:
                    if not self._live:
                        spent = self._ledger.spending(self._plan.run.run_id)
                        raise RunStopped(self._tab.broken(spent, filler.over))
                    return
                if filled is None:
                    break

    async def _submit(self, filled: Filled) -> None:
        told = await self._service.submit(filled.job, filled.file)
        self._live.append(self._submitted(filled.job, told, filled.file))

    def _submitted(self, job: Job, told: BatchJob, file: Path) -> Job:
        job = self._ledger.jobs.submitted(job, told.resource)
        file.unlink(missing_ok=True)
        return self._told(job, told)

    def _told(self, job: Job, told: BatchJob) -> Job:
        if (told.state, told.done) != (job.said, job.done_rows):
            self._emit(JobChanged(name=job.name, state=told.state, rows=job.rows, done=told.done))
            job = self._ledger.jobs.told(job, told.state, told.done)
        return job

    async def _look(self) -> bool:
        """Looks at each job, and collects those that are over; whether there were any."""
        some = False
        for job in tuple(self._live):
            told = await self._service.call(partial(self._standing, job))
            if told is not None and not told.over:
                self._live[self._live.index(job)] = self._told(job, told)
                continue
            some = True
            self._live.remove(job)
            if told is None:
                self._lose(job)
            else:
                await self._collect(self._told(job, told), told)
        return some

    async def _standing(self, job: Job) -> BatchJob | None:
        assert job.resource is not None
        batches = self._service.batches
        return await batches.look(job.resource) or await batches.find(job.name)

    async def _collect(self, job: Job, told: BatchJob) -> None:
        self._emit(JobChanged(name=job.name, state="collecting", rows=job.rows, done=told.done))
        found = await self._collector.collect(job, told, self._tasks[job.question_id])
        self._took(found.settled)
        self._forget(job.question_id)
        self._ask_later(job, [*found.unanswered, *found.again])
        await self._clear(job)
        self._emit(JobChanged(name=job.name, state=told.state, rows=job.rows, done=found.results))
        self._check(job, told, found)

    async def _clear(self, job: Job) -> None:
        """Files left behind cost little; the answers are here, so the run goes on."""
        try:
            await self._service.batches.clear(job.name)
        except (UserError, TransientError) as error:
            _log.warning("the files of %s stay where they are: %s", job.name, error)

    def _check(self, job: Job, told: BatchJob, found: Collected) -> None:
        """Raises what ends the session: another job would come to the same."""
        if found.mend is not None:
            raise found.mend
        if isinstance(told.error, UserError):
            raise told.error
        if told.state == "cancelled" and self._settings.submit:
            raise RunStopped(f"{job.name} was cancelled; the same command asks the rest again")
        self._stalls = 0 if found.results else self._stalls + 1
        if self._stalls == _STALLS:
            raise ServiceDown(
                f"{_STALLS} batch jobs in a row ended ({told.state}) without a single answer"
                f"{f': {told.error}' if told.error else ''}. The same command goes on"
            )
        limit, rate = self._limits.max_failure_rate, self._report.failure_rate()
        if limit is not None and rate > limit:
            raise RunStopped(f"{rate:.0%} of observations failed (limit {limit:.0%})")

    def _lose(self, job: Job) -> None:
        """The service knows nothing of a job that it took: nobody can tell what it answered."""
        jobs, lost = self._ledger.jobs, []
        while rows := jobs.open_rows(job):
            jobs.settle([SettledRow(row.call_id, None, None) for row in rows])
            lost += [row.ordinal for row in rows]
        jobs.end(job, "the service knows no such job any more")
        self._emit(JobChanged(name=job.name, state="failed", rows=job.rows))
        self._report.lost += len(lost)
        self._forget(job.question_id)
        self._ask_later(job, lost)

    def _forget(self, question_id: int) -> None:
        """What one question's jobs were asked about, but for those still under way."""
        awaited = self._awaited
        awaited.in_flight = {pair for pair in awaited.in_flight if pair[0] != question_id}
        awaited.in_flight |= {(question_id, s) for s in self._ledger.jobs.identities(question_id)}

    def _ask_later(self, job: Job, ordinals: Sequence[int]) -> None:
        """Those that belong to this run."""
        wanted = [group.ordinals for group in self._plan.groups]
        mine = np.intersect1d(np.array(ordinals, np.int64), np.concatenate([np.zeros(0), *wanted]))
        number = job.question_id
        queue = self._queues.setdefault(number, Queue(self._tasks[number], number))
        queue.put_last(mine.astype(np.int64).tolist())

    # What is told

    def _record(self, attempts: list[Attempt]) -> None:
        if attempts:
            self._ledger.record(attempts)
            self._took(attempts)

    def _took(self, attempts: Sequence[Attempt]) -> None:
        """Counts and tells attempts that the ledger has."""
        if not attempts:
            return
        self._report.add(list(attempts))
        self._versions.look(attempts)
        self._emit(Settled(attempts=tuple(attempts)))
        if self._tab.priced:
            now, most = self._tab.spent.money, self._limits.ceiling.money
            self._emit(Spent(before=self._before, now=now, most=most))
