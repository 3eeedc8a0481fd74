"""Fills a batch job: rows that need asking, reserved in the ledger and written to a file."""

import os
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vistoria.engine.easy import Division
from vistoria.engine.loading import Loader
from vistoria.engine.money import Tab
from vistoria.engine.recall import Recall
from vistoria.engine.work import Outcome, Ready, Work, attempt
from vistoria.errors import ObservationError
from vistoria.ledger import Call, Job, JobRow, Ledger
from vistoria.models import Batches
from vistoria.pricing import Spend
from vistoria.records import Attempt, BatchLimits, Picture
from vistoria.task import Task

_READ = 500  # observations looked at together
_Seen = tuple[int, int]  # question, and what the model sees


@dataclass(slots=True)
class Queue:
    """Observations that still have to be asked one question."""

    task: Task
    question_id: int
    parts: deque[NDArray[np.int64]] = field(default_factory=deque)

    def take(self, count: int) -> list[int]:
        """The next of them."""
        part = self.parts.popleft()
        if len(part) > count:
            self.parts.appendleft(part[count:])
        taken: list[int] = part[:count].tolist()
        return taken

    def put_back(self, ordinals: Sequence[int]) -> None:
        """They come first again."""
        if ordinals:
            self.parts.appendleft(np.array(ordinals, dtype=np.int64))

    def put_last(self, ordinals: Sequence[int]) -> None:
        """They come after all others."""
        if ordinals:
            self.parts.append(np.array(ordinals, dtype=np.int64))


@dataclass(slots=True)
class Awaited:
    """What live jobs are asked about, so that equal pictures are asked about once: `in_flight`,
    and the `answers` to those of which another one waits for a copy."""

    in_flight: set[_Seen] = field(default_factory=set)
    answers: dict[_Seen, Outcome | None] = field(default_factory=dict)


class Filled(NamedTuple):
    """A job that is ready to be submitted, and its file."""

    job: Job
    file: Path


class _Row(NamedTuple):
    row: JobRow
    call: Call
    line: bytes


@dataclass(slots=True)
class Filler:
    """Makes jobs of at most `most`. `folder`: for their files. `division`: answers the easy rows
    here, of a model that can; they go to `record` at once. `over`: what stands in the way of
    further rows, once the ceiling does."""

    ledger: Ledger
    batches: Batches
    loader: Loader
    recall: Recall
    tab: Tab
    most: BatchLimits
    folder: Path
    awaited: Awaited
    session_id: int
    run_id: int
    division: Division | None
    record: Callable[[list[Attempt]], None]
    settled: list[Attempt] = field(default_factory=list)
    """What needed no asking: to be recorded by the session."""
    over: Spend | None = None

    async def fill(self, queue: Queue) -> Filled | None:
        """The next job of a queue; None when nothing of it can be asked now."""
        self.over = None
        job = self.ledger.jobs.open(self.run_id, queue.question_id)
        path = self.folder / f"{job.name}.jsonl"
        try:
            with path.open("wb") as file:
                later = await _Filling(self, queue, job, file).run()
                file.flush()
                os.fsync(file.fileno())
            queue.put_last(later)
            if not self.ledger.jobs.find(job.job_id).rows:
                self._drop(job, path)
                return None
            return Filled(self.ledger.jobs.ready(job), path)
        except BaseException:  # it is not ready, so nobody can have submitted it
            self._drop(job, path)
            raise

    def _drop(self, job: Job, path: Path) -> None:
        self.ledger.jobs.drop(job)
        path.unlink(missing_ok=True)


class _Filling:
    """Fills one job."""

    def __init__(self, filler: Filler, queue: Queue, job: Job, file: BinaryIO) -> None:
        self._filler, self._queue, self._job, self._file = filler, queue, job, file
        self._marks: set[int] = set()
        self._later: list[int] = []
        self._rows = self._bytes = 0

    async def run(self) -> list[int]:
        """Fills it to the brim; returns what has to wait for another job of this kind."""
        while self._queue.parts:
            ready = await self._looked_up(self._queue.take(_READ))
            if not ready.loaded:
                continue  # all of it was easy
            rows, rest = self._cut(self._wanted(ready))
            kept = self._reserve(rows)
            self._queue.put_back([*kept, *rest])
            if kept or rest:
                break
        return self._later

    async def _looked_up(self, ordinals: list[int]) -> Ready:
        filler, queue = self._filler, self._queue
        work = Work(
            queue.task, filler.run_id, queue.question_id,
            ordinals, filler.ledger.observations(ordinals),
        )  # fmt: skip
        if filler.division is None:
            return filler.recall.look_up(work, await filler.loader.pictures(work))
        work = await filler.division.rest(work, filler.record)
        if not work.ordinals:
            return Ready(work, [], [])
        ready = filler.recall.look_up(work, await filler.loader.pictures(work))
        filler.division.earlier.recalled(filler.recall, ready)
        return ready

    def _wanted(self, ready: Ready) -> list[_Row]:
        """The rows to ask; what is known or cannot be asked is settled, what is under way waits."""
        filler, work = self._filler, ready.work
        number, rows = work.question_id, []
        fixes = filler.ledger.jobs.corrections(number, work.run_id, work.ordinals)
        for i, (item, seen) in enumerate(zip(ready.loaded, ready.seen, strict=True)):
            if isinstance(item, ObservationError):
                self._settle(work, i, item, Outcome(error=item), seen)
                continue
            assert seen is not None
            known = filler.awaited.answers.get((number, seen)) or filler.recall.known(number, seen)
            if known is not None:
                self._settle(work, i, item, known, seen)
                continue
            key = work.ordinals[i]
            if (number, seen) in filler.awaited.in_flight:
                filler.awaited.answers.setdefault((number, seen), None)
                self._later.append(key)
                continue
            line, mark = filler.batches.row(work.task, item, str(key), fixes.get(key))
            if mark in self._marks:  # the same address in another version
                self._later.append(key)
                continue
            self._marks.add(mark)
            filler.awaited.in_flight.add((number, seen))
            most = filler.tab.most(work.task, item, fixes.get(key))
            rows.append(_Row(JobRow(key, mark, seen, item.sha256), self._call(key, most), line))
        return rows

    def _call(self, ordinal: int, most: Spend) -> Call:
        filler, job = self._filler, self._job
        return Call(
            filler.session_id, job.run_id, job.question_id, ordinal,
            most, filler.tab.ceiling, time.time(), job.job_id,
        )  # fmt: skip

    def _settle(
        self, work: Work, index: int, item: Picture | ObservationError, outcome: Outcome,
        seen: int | None,
    ) -> None:  # fmt: skip
        times = (time.time(), 0.0)
        self._filler.settled.append(attempt(work, index, item, outcome, seen, times))

    def _cut(self, rows: list[_Row]) -> tuple[list[_Row], list[int]]:
        """What still fits into the job, and the ordinals of the rest."""
        most = self._filler.most
        for i, row in enumerate(rows):
            full = self._rows == most.rows or self._bytes + len(row.line) > most.bytes
            if full and self._rows:  # a job of one row may be as large as it likes
                self._forget(rows[i:])
                return rows[:i], [row.row.ordinal for row in rows[i:]]
            self._rows += 1
            self._bytes += len(row.line)
        return rows, []

    def _reserve(self, rows: list[_Row]) -> list[int]:
        """Reserves and writes rows; returns the ordinals of those that the ceiling keeps out."""
        reserved = self._filler.ledger.jobs.reserve(self._job, [(r.row, r.call) for r in rows])
        for place, row in enumerate(rows):
            if row.row.ordinal == reserved.over:
                self._filler.over = row.call.most
                self._forget(rows[place:])
                return [row.row.ordinal for row in rows[place:]]
            if row.row.ordinal in reserved.ordinals:
                self._file.write(row.line)
            else:  # another process asks, or has the answer
                self._forget([row])
        return []

    def _forget(self, rows: Sequence[_Row]) -> None:
        for row in rows:
            assert row.row.identity is not None
            self._filler.awaited.in_flight.discard((self._job.question_id, row.row.identity))
