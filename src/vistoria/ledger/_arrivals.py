"""Objects that events told of, and deliveries that told of none."""

import sqlite3
import time
from collections.abc import Sequence
from typing import Literal, NamedTuple, TypeAlias

from vistoria.ledger._manifest import transaction

State: TypeAlias = Literal["answered", "failed"]

_BODY = 2_000  # characters of a stray that are kept


class Arrived(NamedTuple):
    """An object's generation as the ledger knows it. `state`: None while it has to be asked about;
    `reason` and `detail`: of a failure. `dead_letter`: the message that told of it."""

    ordinal: int
    first_at: float
    deliveries: int
    state: State | None
    reason: str | None = None
    detail: str | None = None
    dead_letter: str | None = None


class Stray(NamedTuple):
    """A delivery that told of no image."""

    why: str
    said: str
    body: str
    deliveries: int


class Arrivals:
    """What events told a ledger."""

    def __init__(self, db: sqlite3.Connection) -> None:
        """`db` must be in autocommit mode."""
        self._db = db

    def newest(self, run_id: int, uri: str) -> int | None:
        """The newest generation of an object that is known, if any is."""
        query = "SELECT max(generation) FROM arrivals WHERE run_id = ? AND uri = ?"
        found: int | None = self._db.execute(query, (run_id, uri)).fetchone()[0]
        return found

    def outdated(self, run_id: int, objects: Sequence[tuple[str, int]]) -> None:
        """Notes generations that were told of after a newer one, so that nothing is left to ask."""
        self._note(run_id, [(uri, generation, None) for uri, generation in objects])

    def admit(self, run_id: int, objects: Sequence[tuple[str, int, int]]) -> None:
        """Notes a delivery about each uri, generation and ordinal, in one transaction. Each becomes
        part of the run, in place of older generations of the same object."""
        with transaction(self._db):
            self._insert(run_id, objects)
            for uri, generation, ordinal in objects:
                older = self._db.execute(
                    "SELECT ordinal FROM arrivals WHERE run_id = ? AND uri = ? AND generation < ? "
                    "AND ordinal IS NOT NULL",
                    (run_id, uri, generation),
                ).fetchall()
                for (one,) in older:
                    _take_out(self._db, run_id, one)
                _put_in(self._db, run_id, ordinal)

    def give_up(self, run_id: int, ordinal: int, uri: str) -> None:
        """Transient failures went on for too long: events no longer have it asked about."""
        with transaction(self._db):
            self._db.execute(
                "UPDATE arrivals SET given_up = 1 WHERE run_id = ? AND uri = ? AND ordinal = ?",
                (run_id, uri, ordinal),
            )

    def dead(self, run_id: int, ordinal: int, uri: str, message: str) -> None:
        """The dead-letter topic took `message` about it."""
        with transaction(self._db):
            self._db.execute(
                "UPDATE arrivals SET dead_letter = ? WHERE run_id = ? AND uri = ? AND ordinal = ?",
                (message, run_id, uri, ordinal),
            )

    def stray(self, identity: str, why: str, said: str, body: str) -> None:
        """Notes a delivery that told of no image; the same one again is counted."""
        now = time.time()
        with transaction(self._db):
            self._db.execute(
                "INSERT INTO strays (identity, why, said, body, deliveries, first_at, last_at) "
                "VALUES (?, ?, ?, ?, 1, ?, ?) ON CONFLICT (identity) DO UPDATE SET "
                "deliveries = deliveries + 1, last_at = excluded.last_at",
                (identity, why, said, body[:_BODY], now, now),
            )

    def strays(self) -> tuple[Stray, ...]:
        """Every one, oldest first."""
        rows = self._db.execute("SELECT why, said, body, deliveries FROM strays ORDER BY stray_id")
        return tuple(Stray(*row) for row in rows)

    def _note(self, run_id: int, objects: Sequence[tuple[str, int, int | None]]) -> None:
        with transaction(self._db):
            self._insert(run_id, objects)

    def _insert(self, run_id: int, objects: Sequence[tuple[str, int, int | None]]) -> None:
        now = time.time()
        self._db.executemany(
            "INSERT INTO arrivals VALUES (?, ?, ?, ?, ?, 1, 0, NULL) ON CONFLICT DO UPDATE SET "
            "deliveries = deliveries + 1, ordinal = coalesce(ordinal, excluded.ordinal)",
            [(run_id, uri, generation, ordinal, now) for uri, generation, ordinal in objects],
        )

    def look(
        self, run_id: int, question_id: int, uri: str, generation: int, ordinal: int
    ) -> Arrived:
        """Where an object that was admitted stands now."""
        first_at, deliveries, given_up, letter = self._db.execute(
            "SELECT first_at, deliveries, given_up, dead_letter FROM arrivals "
            "WHERE run_id = ? AND uri = ? AND generation = ?",
            (run_id, uri, generation),
        ).fetchone()
        answered = self._attempt(question_id, ordinal, "status = 'answered'")
        if answered:
            return Arrived(ordinal, first_at, deliveries, "answered", dead_letter=letter)
        over = "" if given_up else " AND NOT retryable"
        failed = self._attempt(question_id, ordinal, f"status = 'failed'{over}")
        state: State | None = "failed" if failed or given_up else None
        reason, detail = failed or (None, None)
        return Arrived(ordinal, first_at, deliveries, state, reason, detail, letter)

    def _attempt(self, question_id: int, ordinal: int, where: str) -> tuple[str, str] | None:
        found: tuple[str, str] | None = self._db.execute(
            "SELECT reason, detail FROM attempts WHERE question_id = ? AND ordinal = ? "
            f"AND {where} ORDER BY attempt_id DESC",
            (question_id, ordinal),
        ).fetchone()
        return found


def _put_in(db: sqlite3.Connection, run_id: int, ordinal: int) -> None:
    """Adds an observation to the ranges of a run."""
    near = db.execute(
        "SELECT first, last FROM scopes WHERE run_id = ? AND first <= ? AND last >= ?",
        (run_id, ordinal + 1, ordinal - 1),
    ).fetchall()
    first = min([ordinal, *(row[0] for row in near)])
    last = max([ordinal, *(row[1] for row in near)])
    if near == [(first, last)]:
        return
    db.executemany(
        "DELETE FROM scopes WHERE run_id = ? AND first = ?", [(run_id, row[0]) for row in near]
    )
    db.execute("INSERT INTO scopes VALUES (?, ?, ?)", (run_id, first, last))


def _take_out(db: sqlite3.Connection, run_id: int, ordinal: int) -> None:
    """Takes an observation out of them."""
    row = db.execute(
        "SELECT first, last FROM scopes WHERE run_id = ? AND first <= ? AND last >= ?",
        (run_id, ordinal, ordinal),
    ).fetchone()
    if row is None:
        return
    db.execute("DELETE FROM scopes WHERE run_id = ? AND first = ?", (run_id, row[0]))
    left = [(run_id, row[0], ordinal - 1), (run_id, ordinal + 1, row[1])]
    db.executemany("INSERT INTO scopes VALUES (?, ?, ?)", [one for one in left if one[1] <= one[2]])
