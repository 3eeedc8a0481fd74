"""Calls to a service: recorded with the most they can cost before they are sent, settled after.

The checks run inside the writer's transaction, so that they hold across threads and processes.
"""

import sqlite3
from dataclasses import dataclass
from typing import Literal, TypeAlias

from vistoria.pricing import Ceiling, Spend


@dataclass(frozen=True, slots=True)
class Call:
    """A call about to be sent. `most`: the most it can cost; `ceiling`: that of its run; `job_id`:
    the batch job that it is part of."""

    session_id: int
    run_id: int
    question_id: int
    ordinal: int
    most: Spend
    ceiling: Ceiling
    sent_at: float
    job_id: int | None = None


_RECENT = 20_000  # calls: those before are many commits old, so what came of them is on disk
_UNANSWERED = """
UPDATE calls SET state = 'lost'
WHERE session_id = ? AND state = 'settled' AND requests > 0
  AND call_id > (SELECT max(call_id) FROM calls) - ?
  AND NOT EXISTS (
    SELECT 1 FROM attempts AS a WHERE a.question_id = calls.question_id
    AND a.ordinal = calls.ordinal AND a.started_at + a.seconds >= calls.sent_at)
"""

Refusal: TypeAlias = Literal["over", "taken", "answered"]
"""Why a call may not be sent: it could break a bound; another process has it open; it has been
answered meanwhile."""


class Sums:
    """What each run has spent, within one transaction: read once, `write` it at the end."""

    def __init__(self, db: sqlite3.Connection) -> None:
        """`db` must be in a transaction that lasts until `write`."""
        self._db = db
        self._spent: dict[int, Spend] = {}

    def of(self, run_id: int) -> Spend:
        """Open and lost calls counted at their most; what is unknown counts 0."""
        if run_id not in self._spent:
            self._spent[run_id] = spending(self._db, run_id)
        return self._spent[run_id]

    def add(self, run_id: int, requests: int, money: int, tokens: int) -> None:
        """Further calls of a run, or less than was reserved."""
        self._spent[run_id] = self.of(run_id) + Spend(money, requests, tokens)

    def write(self) -> None:
        """Stores them."""
        self._db.executemany(
            "INSERT OR REPLACE INTO spending VALUES (?, ?, ?, ?)",
            [(run, s.requests, s.money, s.tokens) for run, s in self._spent.items()],
        )


def open_call(db: sqlite3.Connection, sums: Sums, call: Call) -> int | Refusal:
    """The number of the call, now recorded as open, or why it may not be sent."""
    key = (call.question_id, call.ordinal)
    answered = (
        "SELECT 1 FROM attempts WHERE question_id = ? AND ordinal = ? AND status = 'answered'"
    )
    since = " AND run_id >= ?"
    if db.execute(answered + since, (*key, call.run_id)).fetchone():
        return "answered"
    if not call.ceiling.fits(sums.of(call.run_id), Spend(), call.most):
        return "over"
    most = call.most
    try:
        cursor = db.execute(
            "INSERT INTO calls (session_id, run_id, question_id, ordinal, state, requests, money, "
            "tokens, sent_at, job_id) VALUES (?, ?, ?, ?, 'open', ?, ?, ?, ?, ?)",
            (call.session_id, call.run_id, *key, most.requests, most.money, most.tokens,
             call.sent_at, call.job_id),
        )  # fmt: skip
    except sqlite3.IntegrityError:
        return "taken"
    sums.add(call.run_id, most.requests, most.money or 0, most.tokens or 0)
    assert cursor.lastrowid is not None
    return cursor.lastrowid


def settle_call(
    db: sqlite3.Connection, sums: Sums, call_id: int, bill: Spend | None
) -> None:  # fmt: skip
    """Replaces the most a call can cost by its bill; None: the outcome is lost, the most stays."""
    if bill is None:
        db.execute("UPDATE calls SET state = 'lost' WHERE call_id = ?", (call_id,))
        return
    row = "SELECT run_id, requests, money, tokens FROM calls WHERE call_id = ?"
    run_id, *most = db.execute(row, (call_id,)).fetchone()
    db.execute(
        "UPDATE calls SET state = 'settled', requests = ?, money = ?, tokens = ? WHERE call_id = ?",
        (bill.requests, bill.money, bill.tokens, call_id),
    )
    saved = zip((bill.requests, bill.money, bill.tokens), most, strict=True)
    sums.add(run_id, *((paid or 0) - (reserved or 0) for paid, reserved in saved))


def spending(db: sqlite3.Connection, run_id: int) -> Spend:
    """What a run has spent, open and lost calls counted at their most; what is unknown counts 0."""
    row = db.execute(
        "SELECT money, requests, tokens FROM spending WHERE run_id = ?", (run_id,)
    ).fetchone()
    return Spend(*row) if row else Spend()


def lose_calls(db: sqlite3.Connection, session_id: int) -> tuple[int, ...]:
    """Marks the open calls of a dead session as lost, and those whose bill it wrote down but not
    what came of them; returns the ordinals that the open ones asked about."""
    db.execute(_UNANSWERED, (session_id, _RECENT))
    where = "state = 'open' AND session_id = ? AND job_id IS NULL"  # a job outlives its session
    rows = db.execute(f"SELECT ordinal FROM calls WHERE {where}", (session_id,)).fetchall()
    db.execute(f"UPDATE calls SET state = 'lost' WHERE {where}", (session_id,))
    return tuple(row[0] for row in rows)


def lost_calls(db: sqlite3.Connection, run_id: int) -> list[int]:
    """The ordinals of observations whose last call of this run has no outcome, because its session
    ended before: not in flight, not repeated, neither answered nor failed since."""
    rows = db.execute(
        "SELECT DISTINCT c.ordinal FROM calls AS c JOIN sessions AS s USING (session_id) "
        "WHERE c.run_id = ? AND c.state = 'lost' AND s.ended_at IS NOT NULL AND NOT EXISTS ("
        "  SELECT 1 FROM attempts AS a WHERE a.question_id = c.question_id "
        "  AND a.ordinal = c.ordinal AND a.started_at + a.seconds >= c.sent_at)",
        (run_id,),
    )
    return [row[0] for row in rows]
