"""Calls to a service: recorded with the most they can cost before they are sent, settled after.

The checks run inside the writer's transaction, so that they hold across threads and processes.
"""

import sqlite3
from dataclasses import dataclass
from typing import Literal, TypeAlias


@dataclass(frozen=True, slots=True)
class Spending:
    """An amount of requests, money (billionths of a US dollar) and tokens."""

    requests: int = 0
    money: int = 0
    tokens: int = 0

    def plus(self, other: "Spending") -> "Spending":
        """The sum."""
        return Spending(
            self.requests + other.requests, self.money + other.money, self.tokens + other.tokens
        )


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a run may spend at most; None: no bound."""

    requests: int | None = None
    money: int | None = None
    tokens: int | None = None

    def hold(self, spent: Spending) -> bool:
        """Whether `spent` stays within them."""
        pairs = (
            (self.requests, spent.requests),
            (self.money, spent.money),
            (self.tokens, spent.tokens),
        )
        return all(bound is None or amount <= bound for bound, amount in pairs)


@dataclass(frozen=True, slots=True)
class Call:
    """A call about to be sent. `most`: the most it can cost; `bounds`: those of its run."""

    session_id: int
    run_id: int
    question_id: int
    ordinal: int
    most: Spending
    bounds: Bounds
    sent_at: float


Refusal: TypeAlias = Literal["over", "taken", "answered"]
"""Why a call may not be sent: it could break a bound; another process has it open; it has been
answered meanwhile."""


def open_call(db: sqlite3.Connection, call: Call) -> int | Refusal:
    """The number of the call, now recorded as open, or why it may not be sent."""
    key = (call.question_id, call.ordinal)
    answered = (
        "SELECT 1 FROM attempts WHERE question_id = ? AND ordinal = ? AND status = 'answered'"
    )
    since = " AND run_id >= ?"
    if db.execute(answered + since, (*key, call.run_id)).fetchone():
        return "answered"
    spent = spending(db, call.run_id)
    if not call.bounds.hold(spent.plus(call.most)):
        return "over"
    most = call.most
    try:
        cursor = db.execute(
            "INSERT INTO calls (session_id, run_id, question_id, ordinal, state, requests, money, "
            "tokens, sent_at) VALUES (?, ?, ?, ?, 'open', ?, ?, ?, ?)",
            (call.session_id, call.run_id, *key, most.requests, most.money, most.tokens,
             call.sent_at),
        )  # fmt: skip
    except sqlite3.IntegrityError:
        return "taken"
    _spend(db, call.run_id, most)
    assert cursor.lastrowid is not None
    return cursor.lastrowid


def settle_call(db: sqlite3.Connection, call_id: int, bill: Spending | None) -> None:
    """Replaces the most a call can cost by its bill; None: the outcome is lost, the most stays."""
    run_id, *most = db.execute(
        "SELECT run_id, requests, money, tokens FROM calls WHERE call_id = ?", (call_id,)
    ).fetchone()
    if bill is None:
        db.execute("UPDATE calls SET state = 'lost' WHERE call_id = ?", (call_id,))
        return
    db.execute(
        "UPDATE calls SET state = 'settled', requests = ?, money = ?, tokens = ? WHERE call_id = ?",
        (bill.requests, bill.money, bill.tokens, call_id),
    )
    _spend(
        db, run_id, Spending(bill.requests - most[0], bill.money - most[1], bill.tokens - most[2])
    )


def spending(db: sqlite3.Connection, run_id: int) -> Spending:
    """What a run has spent, open and lost calls counted at their most."""
    row = db.execute(
        "SELECT requests, money, tokens FROM spending WHERE run_id = ?", (run_id,)
    ).fetchone()
    return Spending(*row) if row else Spending()


def lose_calls(db: sqlite3.Connection, session_id: int) -> tuple[int, ...]:
    """Marks the open calls of a dead session as lost; returns the ordinals they asked about."""
    where = "state = 'open' AND session_id = ?"
    rows = db.execute(f"SELECT ordinal FROM calls WHERE {where}", (session_id,)).fetchall()
    db.execute(f"UPDATE calls SET state = 'lost' WHERE {where}", (session_id,))
    return tuple(row[0] for row in rows)


def _spend(db: sqlite3.Connection, run_id: int, amount: Spending) -> None:
    db.execute(
        "INSERT INTO spending VALUES (?, ?, ?, ?) ON CONFLICT (run_id) DO UPDATE SET "
        "requests = requests + excluded.requests, money = money + excluded.money, "
        "tokens = tokens + excluded.tokens",
        (run_id, amount.requests, amount.money, amount.tokens),
    )
