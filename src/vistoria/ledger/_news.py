"""What reading a source again has brought: rows that are new, rows that are gone."""

import sqlite3
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vistoria.ledger._runs import ranges


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """A run's observations against those it had before, told apart by their ids: `new`, `gone`,
    and `again`: the same id with another address, version, snapshot or box. `snapshots`: ids of
    those that it did not have."""

    rows: int = 0
    new: int = 0
    gone: int = 0
    again: int = 0
    snapshots: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        """Whether anything differs."""
        return bool(self.new or self.gone or self.again)


_TEMPORARY = """
CREATE TEMP TABLE IF NOT EXISTS earlier (first INTEGER PRIMARY KEY, last INTEGER NOT NULL)
"""
_BEFORE = "FROM earlier AS s JOIN observations AS o ON o.ordinal BETWEEN s.first AND s.last"
_AFTER = (
    "FROM scopes AS s JOIN observations AS o ON o.ordinal BETWEEN s.first AND s.last "
    "AND s.run_id = :run"
)
_COUNTED = "SELECT count(*) FROM (SELECT o.{0} {1} EXCEPT SELECT o.{0} {2})"


def news(db: sqlite3.Connection, run_id: int, before: NDArray[np.int64]) -> News:
    """What a run's observations are now, against `before`: ascending ordinals."""
    db.execute(_TEMPORARY)
    db.execute("DELETE FROM earlier")
    db.executemany("INSERT INTO earlier VALUES (?, ?)", ranges(before))
    run = {"run": run_id}

    def count(column: str, there: str, not_there: str) -> int:
        found: int = db.execute(_COUNTED.format(column, there, not_there), run).fetchone()[0]
        return found

    arrived = count("ordinal", _AFTER, _BEFORE)
    new, gone = (
        (count("observation_id", _AFTER, _BEFORE), count("observation_id", _BEFORE, _AFTER))
        if arrived or count("ordinal", _BEFORE, _AFTER)
        else (0, 0)
    )
    snapshots = db.execute(
        f"SELECT DISTINCT o.snapshot_id {_AFTER} WHERE o.snapshot_id IS NOT NULL "
        f"EXCEPT SELECT o.snapshot_id {_BEFORE}",
        run,
    ).fetchall()
    rows = db.execute(f"SELECT count(*) {_AFTER}", run).fetchone()[0]
    return News(
        rows=rows, new=new, gone=gone, again=max(0, arrived - new),
        snapshots=tuple(sorted(row[0] for row in snapshots)),
    )  # fmt: skip
