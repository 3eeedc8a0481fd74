"""Batch jobs: what was handed to a provider to answer later, and what became of each row.

A job's rows are reserved as calls, each with the most it can cost, before the job is submitted;
each is settled together with its attempt, in one transaction, so that a kill between the two
cannot be. A job's name is fixed before it is submitted.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias

import numpy as np
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from vistoria.errors import UserError
from vistoria.ledger._calls import Call, Sums, open_call, settle_call
from vistoria.ledger._manifest import integers, transaction
from vistoria.ledger._runs import now, placeholders, related_questions
from vistoria.ledger._writer import insert_attempts
from vistoria.pricing import Spend
from vistoria.records import Attempt

JobState: TypeAlias = Literal["filling", "ready", "submitted", "done", "dropped"]

_LIVE = "('filling', 'ready', 'submitted')"
_JOB = (
    "job_id, run_id, question_id, name, state, resource, said, detail, rows, done_rows, made_at, "
    "submitted_at, ended_at"
)
_NOTHING = Spend(0, 0, 0)


@dataclass(frozen=True, slots=True)
class Job:
    """A batch job. `said`: the provider's last word; `done_rows`: its count, if it told one."""

    job_id: int
    run_id: int
    question_id: int
    name: str
    state: JobState
    resource: str | None
    said: str | None
    detail: str | None
    rows: int
    done_rows: int | None
    made_at: str
    submitted_at: str | None
    ended_at: str | None

    @property
    def live(self) -> bool:
        """Whether its results are still to come."""
        return self.state in ("filling", "ready", "submitted")


class JobRow(NamedTuple):
    """One row of a job: `mark` names what its request carries, `identity` what the model sees."""

    ordinal: int
    mark: int
    identity: int | None
    sha256: bytes | None


class OpenRow(NamedTuple):
    """A row whose outcome is not known yet; `sent_at`: when it was reserved."""

    ordinal: int
    call_id: int
    mark: int
    identity: int | None
    sha256: bytes | None
    sent_at: float


class Settled(NamedTuple):
    """What became of a row: its `bill` (None: nobody knows) and the attempt to record, if any."""

    call_id: int
    bill: Spend | None
    attempt: Attempt | None


class Reserved(NamedTuple):
    """Which rows were reserved, and which one broke the ceiling (None: none did)."""

    ordinals: frozenset[int]
    over: int | None


class Jobs:
    """The batch jobs of one ledger."""

    def __init__(self, db: sqlite3.Connection, path: Path) -> None:
        """`path`: the ledger's file; what is being filled lies beside it."""
        self._db, self._path = db, path

    @contextmanager
    def alone(self) -> Iterator[Path]:
        """Keeps other processes from working on these jobs; yields the folder for their files.

        Raises UserError when another one does.
        """
        lock = FileLock(f"{self._path}.jobs.lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            raise UserError(
                f"another process works on the batch jobs of {str(self._path)!r}; wait for it, or "
                "stop it: the jobs themselves go on"
            ) from None
        folder = Path(f"{self._path}.jobs")
        try:
            folder.mkdir(exist_ok=True)
            yield folder
            if not any(folder.iterdir()):
                folder.rmdir()
        finally:
            lock.release()  # its file stays: another process may be opening it

    def all(self, run_id: int | None = None, *, live: bool = False) -> tuple[Job, ...]:
        """Jobs of a run, or of all; only those whose results are still to come if `live`."""
        where = ["state <> 'dropped'"] + [f"state IN {_LIVE}"] * live
        if run_id is not None:
            where.append(f"run_id = {run_id:d}")
        query = f"SELECT {_JOB} FROM jobs WHERE {' AND '.join(where)} ORDER BY job_id"
        return tuple(Job(*row) for row in self._db.execute(query))

    def find(self, job_id: int) -> Job:
        """One job."""
        row = self._db.execute(f"SELECT {_JOB} FROM jobs WHERE job_id = ?", (job_id,)).fetchone()
        return Job(*row)

    def related(self, question_ids: Iterable[int]) -> tuple[Job, ...]:
        """Live jobs that ask the same model some of the same fields, but not the same question."""
        mine = set(question_ids)
        near = {n for q in mine for n in related_questions(self._db, q)} - mine
        return tuple(job for job in self.all(live=True) if job.question_id in near)

    def open(self, run_id: int, question_id: int) -> Job:
        """A new job without rows. Its name follows from the run and its number."""
        with transaction(self._db):
            begun = self._db.execute(
                "SELECT identity, started_at FROM runs WHERE run_id = ?", (run_id,)
            ).fetchone()
            row = self._db.execute("SELECT coalesce(max(job_id), 0) + 1 FROM jobs").fetchone()
            number = int(row[0])
            known = sha256("\x1f".join((*begun, str(number))).encode()).hexdigest()[:16]
            self._db.execute(
                "INSERT INTO jobs (job_id, run_id, question_id, name, state, rows, made_at) "
                "VALUES (?, ?, ?, ?, 'filling', 0, ?)",
                (number, run_id, question_id, f"vistoria-{run_id}-{number}-{known}", now()),
            )
        return self.find(number)

    def reserve(self, job: Job, asked: Sequence[tuple[JobRow, Call]]) -> Reserved:
        """Reserves rows of a job being filled, in order until the ceiling would break. Rows that
        another process asks about, or that are answered, are left out."""
        kept: set[int] = set()
        over: int | None = None
        with transaction(self._db):
            sums = Sums(self._db)
            for row, call in asked:
                leave = open_call(self._db, sums, call)
                if leave == "over":
                    over = row.ordinal
                    break
                if isinstance(leave, int):
                    kept.add(row.ordinal)
                    self._db.execute(
                        "INSERT INTO job_rows VALUES (?, ?, ?, ?, ?, ?)",
                        (job.job_id, row.ordinal, leave, row.mark, row.identity, row.sha256),
                    )
            sums.write()
            self._db.execute(
                "UPDATE jobs SET rows = rows + ? WHERE job_id = ?", (len(kept), job.job_id)
            )
        return Reserved(frozenset(kept), over)

    def ready(self, job: Job) -> Job:
        """Its file is complete: from now on it may have been submitted."""
        return self._set(job, state="ready")

    def submitted(self, job: Job, resource: str) -> Job:
        """The provider has it, under this name."""
        return self._set(job, state="submitted", resource=resource, submitted_at=now())

    def told(self, job: Job, said: str, done_rows: int | None) -> Job:
        """What the provider says about it."""
        return self._set(job, said=said, done_rows=done_rows)

    def drop(self, job: Job) -> Job:
        """It was never submitted: its rows cost nothing and are free again."""
        while rows := self.open_rows(job):
            self.settle([Settled(row.call_id, _NOTHING, None) for row in rows])
        return self._set(job, state="dropped", ended_at=now())

    def end(self, job: Job, detail: str | None) -> Job:
        """Each of its rows is settled."""
        return self._set(job, state="done", detail=detail, ended_at=now())

    def _set(self, job: Job, **values: object) -> Job:
        names = ", ".join(f"{name} = ?" for name in values)
        with transaction(self._db):
            self._db.execute(
                f"UPDATE jobs SET {names} WHERE job_id = ?", (*values.values(), job.job_id)
            )
        return self.find(job.job_id)

    def open_rows(self, job: Job, limit: int = 1_000) -> list[OpenRow]:
        """Rows without an outcome, at most so many."""
        return self._open(job, "1 LIMIT ?", (limit,))

    def by_ordinal(self, job: Job, ordinals: Sequence[int]) -> dict[int, OpenRow]:
        """Ordinal → row, of those that still lack an outcome."""
        rows = self._open(job, f"r.ordinal IN ({placeholders(ordinals)})", tuple(ordinals))
        return {row.ordinal: row for row in rows}

    def by_mark(self, job: Job, marks: Sequence[int]) -> dict[int, OpenRow]:
        """Mark → row, likewise."""
        rows = self._open(job, f"r.mark IN ({placeholders(marks)})", tuple(marks))
        return {row.mark: row for row in rows}

    def _open(self, job: Job, where: str, values: tuple[int, ...]) -> list[OpenRow]:
        rows = self._db.execute(
            "SELECT r.ordinal, r.call_id, r.mark, r.identity, r.sha256, c.sent_at "
            "FROM job_rows AS r JOIN calls AS c USING (call_id) "
            f"WHERE r.job_id = ? AND c.state = 'open' AND {where}",
            (job.job_id, *values),
        )
        return [OpenRow(*row) for row in rows]

    def under_way(self, question_id: int) -> NDArray[np.int64]:
        """The ordinals that live jobs ask this about."""
        return integers(self._of_live("r.ordinal", question_id))

    def identities(self, question_id: int) -> set[int]:
        """What the model sees in them."""
        return set(integers(self._of_live("r.identity", question_id)).tolist())

    def _of_live(self, column: str, question_id: int) -> sqlite3.Cursor:
        return self._db.execute(
            f"SELECT {column} FROM jobs AS j JOIN job_rows AS r USING (job_id) "
            "JOIN calls AS c USING (call_id) "
            f"WHERE j.state IN {_LIVE} AND j.question_id = ? AND c.state = 'open' "
            f"AND {column} IS NOT NULL",
            (question_id,),
        )

    def settle(self, rows: Sequence[Settled]) -> None:
        """Notes what became of rows: bills and attempts together or not at all."""
        with transaction(self._db):
            sums = Sums(self._db)
            for row in rows:
                settle_call(self._db, sums, row.call_id, row.bill)
            insert_attempts(self._db, [row.attempt for row in rows if row.attempt is not None])
            sums.write()

    def corrections(self, question_id: int, run_id: int, ordinals: Sequence[int]) -> dict[int, str]:
        """Ordinal → what was wrong with its only answer in this run, which is to be asked again."""
        rows = self._db.execute(
            "SELECT ordinal, detail FROM attempts WHERE question_id = ? "
            f"AND ordinal IN ({placeholders(ordinals)}) AND run_id = ? AND status = 'failed' "
            "AND retryable AND reason = 'answer_invalid' ORDER BY attempt_id",
            (question_id, *ordinals, run_id),
        )
        return dict(rows.fetchall())
