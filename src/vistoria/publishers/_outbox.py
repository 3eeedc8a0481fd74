"""What is still to be sent to one receiver: an SQLite file that survives a crash.

Events of one unit (an asset, or a photo that names none) have an order. Each event has an id that
follows from what it says and from the event before it about the same photo, so that it stays the
same however often it is sent, and filling the outbox again adds nothing.
"""

import hashlib
import json
import sqlite3
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from filelock import FileLock, Timeout

from vistoria.errors import TransientError

if TYPE_CHECKING:
    from vistoria.publishers._edition import Edition

__all__ = ["Event", "Outbox"]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS events (
  number INTEGER PRIMARY KEY,
  event_id TEXT NOT NULL UNIQUE,
  run TEXT NOT NULL,
  unit TEXT NOT NULL,
  body TEXT NOT NULL,
  state TEXT NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'delivered', 'refused')),
  tries INTEGER NOT NULL DEFAULT 0,
  said TEXT
);
CREATE INDEX IF NOT EXISTS events_waiting ON events (run) WHERE state = 'waiting';
CREATE TABLE IF NOT EXISTS photos (
  run TEXT NOT NULL,
  ordinal INTEGER NOT NULL,
  digest TEXT NOT NULL,
  event_id TEXT NOT NULL,
  PRIMARY KEY (run, ordinal)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS units (
  run TEXT NOT NULL,
  unit TEXT NOT NULL,
  events INTEGER NOT NULL,
  PRIMARY KEY (run, unit)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS editions (run TEXT PRIMARY KEY, version TEXT NOT NULL);
"""


class Event(NamedTuple):
    """Something to be sent: its id, its JSON, and how often it was tried in vain."""

    event_id: str
    body: str
    tries: int


class Outbox:
    """The outbox for one address, of one process at a time: two would mix up the order."""

    def __init__(self, folder: Path, address: str) -> None:
        """`folder`: where the ledger lies. Raises TransientError while another process has it."""
        name = hashlib.sha256(address.encode()).hexdigest()[:12]
        path = folder / f"outbox-{name}.sqlite"
        self._lock = FileLock(f"{path}.lock")  # which the system releases however a process ends
        try:
            self._lock.acquire(blocking=False)
        except Timeout:
            raise TransientError(
                f"another process sends to {address} now; run the same command when it has ended"
            ) from None
        # One thread at a time: in a notebook the events are sent from another one.
        self._db = sqlite3.connect(path, timeout=60, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode = WAL")
        # What a power cut takes is sent again, under the same id.
        self._db.execute("PRAGMA synchronous = NORMAL")
        self._db.executescript(_SCHEMA)

    def close(self) -> None:
        """Closes the file, for others to open."""
        self._db.close()
        self._lock.release()

    def fill(self, edition: "Edition") -> None:
        """Adds an event for each photo whose labels are new or changed, all or none."""
        there = self._db.execute("SELECT version FROM editions WHERE run = ?", (edition.key,))
        if there.fetchone() == (edition.version,):
            return
        names = [field.name for field in edition.fields]
        with self._db:
            self._db.execute("BEGIN IMMEDIATE")
            for ordinal, row in edition.photos():
                self._add(edition, ordinal, row, names)
            self._db.execute(
                "INSERT OR REPLACE INTO editions VALUES (?, ?)", (edition.key, edition.version)
            )

    def _add(
        self, edition: "Edition", ordinal: int, row: Mapping[str, Any], names: list[str]
    ) -> None:
        labels = {name: row[name] for name in names}
        digest = _hash([labels, row["model_version"]])
        known = self._db.execute(
            "SELECT digest, event_id FROM photos WHERE run = ? AND ordinal = ?",
            (edition.key, ordinal),
        ).fetchone()
        if known and known[0] == digest:
            return
        event_id = _hash([edition.key, ordinal, digest, known[1] if known else None])
        unit = _unit(row)
        (sequence,) = self._db.execute(
            "INSERT INTO units VALUES (?, ?, 1) ON CONFLICT DO UPDATE SET events = events + 1 "
            "RETURNING events",
            (edition.key, unit),
        ).fetchone()
        body = _body(edition, event_id, sequence, row, labels)
        self._db.execute(
            "INSERT INTO events (event_id, run, unit, body) VALUES (?, ?, ?, ?)",
            (event_id, edition.key, unit, json.dumps(body, ensure_ascii=False, default=str)),
        )
        self._db.execute(
            "INSERT OR REPLACE INTO photos VALUES (?, ?, ?, ?)",
            (edition.key, ordinal, digest, event_id),
        )

    def waiting(self, run: str) -> dict[str, deque[int]]:
        """Unit → the numbers of its events that wait, in their order."""
        found: dict[str, deque[int]] = {}
        for unit, number in self._db.execute(
            "SELECT unit, number FROM events WHERE run = ? AND state = 'waiting' ORDER BY number",
            (run,),
        ):
            found.setdefault(unit, deque()).append(number)
        return found

    def event(self, number: int) -> Event:
        """An event by number."""
        row = self._db.execute(
            "SELECT event_id, body, tries FROM events WHERE number = ?", (number,)
        ).fetchone()
        return Event(*row)

    def settle(self, number: int, state: str, said: str | None = None) -> None:
        """Notes that an event was "delivered", "refused" for good, or is "waiting" still."""
        with self._db:
            self._db.execute(
                "UPDATE events SET state = ?, said = ?, tries = tries + 1 WHERE number = ?",
                (state, said, number),
            )

    def counts(self, run: str) -> tuple[int, dict[str, int]]:
        """How many events of a run were delivered, and how many refused, by what was said."""
        delivered, refused = 0, {}
        for state, said, count in self._db.execute(
            "SELECT state, said, count(*) FROM events WHERE run = ? AND state <> 'waiting' "
            "GROUP BY state, CASE state WHEN 'refused' THEN said END",
            (run,),
        ):
            if state == "delivered":
                delivered += count
            else:
                refused[said or "refused"] = count
        return delivered, refused


def _unit(row: Mapping[str, Any]) -> str:
    if row["asset_id"] is None:
        return f"photo/{row['observation_id']}"
    return f"asset/{row['asset_id']}"


def _body(
    edition: "Edition", event_id: str, sequence: int, row: Mapping[str, Any], labels: Any
) -> dict[str, Any]:
    same = (
        "observation_id", "uri", "asset_id", "asset_type", "snapshot_id", "latitude", "longitude",
        "captured_at", "map_url", "model_version", "answered_at",
    )  # fmt: skip
    sure = {
        name: row[f"{name}_confidence"]
        for name in labels
        if row.get(f"{name}_confidence") is not None
    }
    return {
        "id": event_id, "type": "vistoria.labels", "sequence": sequence, "unit": _unit(row),
        "run": edition.key, "task": edition.run.task, "model": edition.run.model,
        **{name: row[name] for name in same},
        "labels": labels, "confidence": sure, "attribution": edition.attribution,
    }  # fmt: skip


def _hash(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:32]
