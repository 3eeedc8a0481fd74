"""Takes in the results of a batch job: each row is settled, with its bill, or asked again."""

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from vistoria.engine.batch_filling import Awaited
from vistoria.engine.batch_patience import Patient
from vistoria.engine.money import Tab
from vistoria.engine.work import NO_USAGE, Calls, Outcome
from vistoria.errors import (
    AnswerInvalid,
    ObservationError,
    TransientError,
    Unreachable,
    UserError,
    VistoriaError,
)
from vistoria.ledger import Job, Ledger, OpenRow, Settled
from vistoria.models import BatchJob, BatchResult
from vistoria.pricing import Spend
from vistoria.records import Attempt, Reply
from vistoria.task import Task

_TOGETHER = 1_000  # results settled in one transaction
_NOTHING = Spend(0, 0, 0)


@dataclass(slots=True)
class Collected:
    """What came of a job. `results`: how many it had; `settled`: attempts that are final, since
    the last look; `again`: ordinals to be asked once more, `unanswered`: those that the job did not
    get to; `mend`: what a person has to mend, said of a row."""

    results: int = 0
    settled: list[Attempt] = field(default_factory=list)
    again: list[int] = field(default_factory=list)
    unanswered: list[int] = field(default_factory=list)
    mend: UserError | None = None


@dataclass(slots=True)
class Collector:
    """Collects jobs into the ledger. `tries`: how often a row without an answer is asked.

    An answer that does not fit, a row that failed in passing and one that is missing are recorded
    as failures that may be asked again: whoever looks meanwhile, or stops here, has the reason.
    `interim` holds those.
    """

    ledger: Ledger
    service: Patient
    tab: Tab
    awaited: Awaited
    tries: int
    interim: dict[int, Attempt] = field(default_factory=dict)
    _tried: Counter[int] = field(default_factory=Counter)

    async def collect(self, job: Job, told: BatchJob, task: Task) -> Collected:
        """May be repeated after a crash: what is settled already is passed over."""
        found = Collected()
        await self.service.call(lambda: self._read(job, task, found))
        while rows := self.ledger.jobs.open_rows(job):
            if told.state == "succeeded":
                self._take_missing(job, rows, found)
            else:
                self.ledger.jobs.settle([Settled(row.call_id, _NOTHING, None) for row in rows])
                found.unanswered += [row.ordinal for row in rows]
        self.ledger.jobs.end(job, str(told.error) if told.error else None)
        return found

    async def _read(self, job: Job, task: Task, found: Collected) -> None:
        waiting: list[BatchResult] = []
        async for result in self.service.batches.results(job.name, job.resource or ""):
            waiting.append(result)
            if len(waiting) == _TOGETHER:
                self._take(job, task, waiting, found)
                waiting = []
        self._take(job, task, waiting, found)

    def _take(self, job: Job, task: Task, results: Sequence[BatchResult], found: Collected) -> None:
        found.results += len(results)
        jobs = self.ledger.jobs
        keys = [int(r.key) for r in results if r.key is not None and r.key.isdecimal()]
        marks = [r.mark for r in results if r.key is None and r.mark is not None]
        by_key, by_mark = jobs.by_ordinal(job, keys), jobs.by_mark(job, marks)
        rows: dict[int, tuple[OpenRow, BatchResult]] = {}
        for result in results:
            row = by_mark.get(result.mark) if result.mark is not None else None
            if result.key is not None:
                row = by_key.get(int(result.key)) if result.key.isdecimal() else None
            if row is not None:  # else it is settled, or nobody asked for it
                rows.setdefault(row.ordinal, (row, result))
        fixed = jobs.corrections(job.question_id, job.run_id, list(rows))
        settled = [self._settle(job, task, *rows[n], n in fixed, found) for n in rows]
        jobs.settle(settled)

    def _settle(
        self, job: Job, task: Task, row: OpenRow, result: BatchResult, corrected: bool,
        found: Collected,
    ) -> Settled:  # fmt: skip
        outcome = result.outcome
        if isinstance(outcome, Reply | ObservationError):
            bill = self.tab.bill(outcome, result.at)
        elif isinstance(outcome, TransientError):
            bill = self.tab.bill_of(outcome, result.at)
        else:
            bill = _NOTHING
            found.mend = outcome if isinstance(outcome, UserError) else found.mend
        self.tab.spent += bill or self.tab.most(task, None, None)
        came = _read(task, outcome)
        passing = isinstance(came.error, AnswerInvalid) and not corrected
        passing = passing or isinstance(came.error, Unreachable)
        one = _attempt(job, row, came, max(result.at, row.sent_at), passing)
        if passing:
            self._ask_again(one, found)
        else:
            self._final(job, one, came, row, found)
        return Settled(row.call_id, bill, one)

    def _final(self, job: Job, one: Attempt, came: Outcome, row: OpenRow, found: Collected) -> None:
        self.interim.pop(row.ordinal, None)
        found.settled.append(one)
        if came.values is not None and row.identity is not None:
            seen = (job.question_id, row.identity)
            if seen in self.awaited.answers:
                version = came.model_version
                self.awaited.answers[seen] = Outcome(
                    came.values, model_version=version, confidence=came.confidence, copied=True
                )

    def _ask_again(self, one: Attempt, found: Collected) -> None:
        """Once more, unless it has been asked in vain too often."""
        self._tried[one.ordinal] += 1
        if self._tried[one.ordinal] < self.tries or one.reason == "answer_invalid":
            self.interim[one.ordinal] = one
            found.again.append(one.ordinal)
        else:
            self.interim.pop(one.ordinal, None)
            found.settled.append(one)

    def _take_missing(self, job: Job, rows: Sequence[OpenRow], found: Collected) -> None:
        """They were paid for if anything was; a job that succeeded bills what it answers."""
        settled = []
        for row in rows:
            gone = Outcome(error=Unreachable(f"the results of {job.name} lack it"))
            one = _attempt(job, row, gone, time.time(), True)
            self._ask_again(one, found)
            settled.append(Settled(row.call_id, _NOTHING, one))
        self.ledger.jobs.settle(settled)


def _read(task: Task, outcome: Reply | VistoriaError) -> Outcome:
    """An answer that fits the task, or why there is none."""
    calls = Calls(1, outcome.usage or NO_USAGE)
    if isinstance(outcome, ObservationError):
        return Outcome(error=outcome, calls=calls)
    if not isinstance(outcome, Reply):
        return Outcome(error=Unreachable(str(outcome)), calls=calls)
    version = outcome.model_version
    try:
        values = task.parse(outcome.answer)
    except AnswerInvalid as error:
        return Outcome(error=error, calls=calls, model_version=version)
    return Outcome(values, calls=calls, model_version=version, confidence=outcome.confidence)


def _attempt(job: Job, row: OpenRow, came: Outcome, at: float, passing: bool) -> Attempt:
    """`passing`: a failure that is to be asked again."""
    error = came.error if isinstance(came.error, ObservationError) else None
    return Attempt(
        ordinal=row.ordinal,
        run_id=job.run_id,
        question_id=job.question_id,
        status="failed" if error else "answered",
        reason=error.reason if error else None,
        retryable=passing or bool(error and error.retryable),
        detail=str(error) if error else None,
        answer=came.values,
        confidence=came.confidence,
        model_version=came.model_version,
        usage=came.calls.usage,
        sha256=row.sha256,
        identity=row.identity,
        tries=came.calls.tries,
        started_at=at,
        seconds=0.0,
    )
