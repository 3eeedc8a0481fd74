"""What people decided in review, and the certificates that rest on it."""

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vistoria.ledger._manifest import transaction
from vistoria.ledger._runs import now
from vistoria.records import Decision

_INSERT = (
    "INSERT INTO decisions (sample_id, item, part, field, verdict, value, reviewer, simulated, "
    "adjudicates, label_seen, decided_at, recorded_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """A look at a sample that gave a figure. `claim`: what was asked; `document`: every figure and
    what it is bound to; `reviewed`: units looked at; `decision_id`: the newest decision then."""

    certificate_id: int
    sample_id: int
    claim: Mapping[str, Any]
    reviewed: int
    decision_id: int
    sentence: str
    document: Mapping[str, Any]
    issued_at: str


def append(db: sqlite3.Connection, decisions: Sequence[Decision]) -> None:
    """Adds decisions, all or none."""
    recorded = now()
    with transaction(db):
        db.executemany(
            _INSERT,
            [
                (d.sample_id, d.item, d.part, d.field, d.verdict,
                 json.dumps(d.value, ensure_ascii=False) if d.verdict == "value" else None,
                 d.reviewer, d.simulated, d.adjudicates, d.label_seen, d.decided_at, recorded)
                for d in decisions
            ],
        )  # fmt: skip


def standing(db: sqlite3.Connection, sample_id: int) -> tuple[Decision, ...]:
    """The newest decision of each reviewer about each item, part and field, what was retracted
    left out; in the order of items."""
    rows = db.execute(
        "SELECT sample_id, item, part, field, verdict, value, reviewer, simulated, adjudicates, "
        "label_seen, decided_at FROM reviewed WHERE sample_id = ? "
        "ORDER BY item, part, field, reviewer",
        (sample_id,),
    )
    return tuple(_decision(row) for row in rows)


def newest_decision(db: sqlite3.Connection, sample_id: int) -> int:
    """The number of the newest decision about a sample, retractions included; 0 without one."""
    query = "SELECT coalesce(max(decision_id), 0) FROM decisions WHERE sample_id = ?"
    found: int = db.execute(query, (sample_id,)).fetchone()[0]
    return found


def add_certificate(
    db: sqlite3.Connection,
    sample_id: int,
    claim: Mapping[str, Any],
    sentence: str,
    document: Mapping[str, Any],
    reviewed: int,
) -> Certificate:
    """Stores a certificate, whether its figure pleases or not."""
    newest, issued = newest_decision(db, sample_id), now()
    cursor = db.execute(
        "INSERT INTO certificates (sample_id, claim, reviewed, decision_id, sentence, document, "
        "issued_at) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (sample_id, json.dumps(claim, sort_keys=True), reviewed, newest, sentence,
         json.dumps(document, ensure_ascii=False), issued),
    )  # fmt: skip
    assert cursor.lastrowid is not None
    return Certificate(
        certificate_id=cursor.lastrowid, sample_id=sample_id, claim=claim, reviewed=reviewed,
        decision_id=newest, sentence=sentence, document=document, issued_at=issued,
    )  # fmt: skip


def certificates(db: sqlite3.Connection) -> tuple[Certificate, ...]:
    """Every certificate, oldest first."""
    rows = db.execute(
        "SELECT certificate_id, sample_id, claim, reviewed, decision_id, sentence, document, "
        "issued_at FROM certificates ORDER BY certificate_id"
    )
    return tuple(
        Certificate(
            certificate_id=row[0], sample_id=row[1], claim=json.loads(row[2]), reviewed=row[3],
            decision_id=row[4], sentence=row[5], document=json.loads(row[6]), issued_at=row[7],
        )
        for row in rows
    )  # fmt: skip


def _decision(row: Sequence[Any]) -> Decision:
    return Decision(
        sample_id=row[0], item=row[1], part=row[2], field=row[3], verdict=row[4],
        value=None if row[5] is None else json.loads(row[5]), reviewer=row[6],
        simulated=bool(row[7]), adjudicates=bool(row[8]), label_seen=bool(row[9]),
        decided_at=row[10],
    )  # fmt: skip
