"""The processes that work on a run: who is alive, and what a dead one left open."""

import sqlite3
from pathlib import Path
from typing import Literal, TypeAlias

from filelock import FileLock, Timeout

from vistoria.ledger._calls import lose_calls
from vistoria.ledger._manifest import transaction
from vistoria.ledger._runs import now

Outcome: TypeAlias = Literal["finished", "stopped", "interrupted", "failed"]
RunState: TypeAlias = Outcome | Literal["planned", "running", "killed"]


class Sessions:
    """The sessions of one ledger. A live one holds a lock on a file of its own, which the system
    releases however its process ends."""

    def __init__(self, db: sqlite3.Connection, path: Path) -> None:
        """`path`: the ledger's file; the locks lie beside it."""
        self._db, self._path = db, path
        self._locks: dict[int, FileLock] = {}

    def start(self, run_id: int) -> int:
        """Notes that this process works on the run; returns the session's number."""
        with transaction(self._db):
            cursor = self._db.execute(
                "INSERT INTO sessions (run_id, started_at) VALUES (?, ?)", (run_id, now())
            )
            number = cursor.lastrowid
            assert number is not None
            self._locks[number] = self._lock(number)
            self._locks[number].acquire(timeout=0)
        return number

    def end(self, number: int, outcome: Outcome) -> None:
        """Notes how it ended; calls still open were cut off, so that their outcome is lost."""
        with transaction(self._db):
            lose_calls(self._db, number)
            self._db.execute(
                "UPDATE sessions SET ended_at = ?, outcome = ? WHERE session_id = ?",
                (now(), outcome, number),
            )
        _release(self._locks.pop(number))

    def bury(self, run_id: int) -> tuple[int, ...]:
        """Ends the run's sessions whose process is gone; returns the ordinals of calls that they
        had sent without learning the outcome."""
        lost: tuple[int, ...] = ()
        for number in self._open(run_id):
            lock = self._lock(number)
            try:
                lock.acquire(timeout=0)
            except Timeout:
                continue  # alive
            with transaction(self._db):
                lost += lose_calls(self._db, number)
                self._db.execute(
                    "UPDATE sessions SET ended_at = ?, outcome = 'killed' WHERE session_id = ?",
                    (now(), number),
                )
            _release(lock)
        return lost

    def state(self, run_id: int) -> RunState:
        """ "running" while a process works on it, else how its last session ended; "planned" if
        there was none."""
        if self._alive(run_id):
            return "running"
        last = self._db.execute(
            "SELECT outcome FROM sessions WHERE run_id = ? ORDER BY session_id DESC", (run_id,)
        ).fetchone()
        outcome: RunState = "planned" if last is None else last[0] or "killed"
        return outcome

    def _alive(self, run_id: int) -> bool:
        for number in self._open(run_id):
            try:
                with self._lock(number).acquire(timeout=0):
                    pass
            except Timeout:
                return True
        return any(self._run_of(number) == run_id for number in self._locks)

    def _run_of(self, number: int) -> int:
        row = self._db.execute("SELECT run_id FROM sessions WHERE session_id = ?", (number,))
        found: int = row.fetchone()[0]
        return found

    def _open(self, run_id: int) -> list[int]:
        rows = self._db.execute(
            "SELECT session_id FROM sessions WHERE run_id = ? AND ended_at IS NULL", (run_id,)
        )
        return [row[0] for row in rows if row[0] not in self._locks]

    def _lock(self, number: int) -> FileLock:
        return FileLock(f"{self._path}.session-{number}.lock")


def _release(lock: FileLock) -> None:
    Path(lock.lock_file).unlink(missing_ok=True)
    lock.release()
