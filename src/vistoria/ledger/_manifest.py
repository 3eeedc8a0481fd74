"""Gives every row of a source an integer ordinal, the same one each time the row is seen."""

import sqlite3
from collections.abc import Callable, Iterable
from itertools import chain
from typing import Any, TypeAlias

import duckdb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from vistoria.records import OBSERVATION_COLUMNS

Complete: TypeAlias = Callable[[pa.RecordBatch], pa.RecordBatch]

_IDENTITY = (
    "observation_id", "uri", "version", "snapshot_id",
    "box_left", "box_top", "box_right", "box_bottom",
)  # fmt: skip
_INSERT = (
    f"INSERT INTO observations (ordinal, key, {', '.join(OBSERVATION_COLUMNS)}) "
    f"VALUES (?, ?{', ?' * len(OBSERVATION_COLUMNS)})"
)
_AT_ONCE = 1024  # new rows as Python objects: they take ten times the room that they do in Arrow
# DuckDB computes the keys a batch at a time. `concat` takes NULL as the empty text, and is twice as
# fast as a chain of `||`.
_KEYS = (
    "SELECT md5_number_lower(concat("
    + ", chr(31), ".join(f"CAST({name} AS VARCHAR)" for name in _IDENTITY)
    + ")) AS key FROM batch"
)


class Manifest:
    """The ordinals of one ledger, looked up by key in sorted arrays (16 bytes a row)."""

    def __init__(self, db: sqlite3.Connection) -> None:
        """Reads the keys already given."""
        self._db = db
        self._duck = duckdb.connect(config={"threads": 1})
        self._runs: list[tuple[NDArray[np.int64], NDArray[np.int64]]] = []
        self.size = 0
        self._catch_up()

    def ordinals(
        self, batch: pa.RecordBatch, complete: Complete | None = None
    ) -> NDArray[np.int64]:
        """The ordinal of each row; new rows are given one, and equal rows share one.

        `complete` is called once with the new rows, to fill columns that cost a look at each
        image, before they are stored.
        """
        keys = self._keys(batch)
        found = self._find(keys)
        if found.all():
            return found
        if complete is not None:
            batch = _completed(batch, found == 0, complete)
        with transaction(self._db):  # no other process may give ordinals meanwhile
            self._catch_up()
            found = self._find(keys)
            new = np.flatnonzero(found == 0)
            if len(new):
                self._add(batch, keys, new)
        return self._find(keys)

    def _find(self, keys: NDArray[np.int64]) -> NDArray[np.int64]:
        """Ordinals of `keys`, 0 where unknown."""
        ordinals = np.zeros(len(keys), dtype=np.int64)
        order = np.argsort(keys)  # neighbours are found in the same pages: four times as fast
        keys = keys[order]
        for known, numbers in self._runs:
            at = np.minimum(np.searchsorted(known, keys), len(known) - 1)
            hit = known[at] == keys
            ordinals[order[hit]] = numbers[at[hit]]
        return ordinals

    def _catch_up(self) -> None:
        """Reads keys that were stored by others since the last look."""
        query = "SELECT key FROM observations WHERE ordinal > ? ORDER BY ordinal"
        rows = self._db.execute(query, (self.size,))
        self._append(integers(rows))

    def _add(self, batch: pa.RecordBatch, keys: NDArray[np.int64], new: NDArray[np.int64]) -> None:
        _, first = np.unique(keys[new], return_index=True)
        rows = new[np.sort(first)]  # ordinals follow the order of the source
        for at in range(0, len(rows), _AT_ONCE):
            some = rows[at : at + _AT_ONCE]
            numbers = range(self.size + 1 + at, self.size + 1 + at + len(some))
            chosen = batch.take(pa.array(some))
            columns = [_sqlite_values(chosen.column(name)) for name in OBSERVATION_COLUMNS]
            self._db.executemany(_INSERT, zip(numbers, keys[some].tolist(), *columns, strict=True))
        self._append(keys[rows])

    def _keys(self, batch: pa.RecordBatch) -> NDArray[np.int64]:
        self._duck.register("batch", pa.table(batch))
        keys = self._duck.sql(_KEYS).fetchnumpy()["key"]
        self._duck.unregister("batch")
        return np.ascontiguousarray(keys, dtype=np.uint64).view(np.int64)

    def _append(self, keys: NDArray[np.int64]) -> None:
        """Takes in the keys of the next ordinals as a sorted run.

        Runs are merged so that sizes at least double: few to search, little copying.
        """
        if not len(keys):
            return
        numbers = np.arange(self.size + 1, self.size + 1 + len(keys), dtype=np.int64)
        self.size += len(keys)
        while self._runs and len(self._runs[-1][0]) <= 2 * len(keys):
            older, their_numbers = self._runs.pop()
            keys, numbers = np.concatenate([older, keys]), np.concatenate([their_numbers, numbers])
        order = np.argsort(keys)
        self._runs.append((keys[order], numbers[order]))

    def close(self) -> None:
        """Releases DuckDB."""
        self._duck.close()


def integers(rows: Iterable[tuple[int]]) -> NDArray[np.int64]:
    """The one column of a query, without a step in Python for each row."""
    return np.fromiter(chain.from_iterable(rows), dtype=np.int64)


class transaction:  # noqa: N801 - reads as a statement
    """`with transaction(db):` begins, and commits or rolls back."""

    def __init__(self, db: sqlite3.Connection) -> None:
        """`db` must be in autocommit mode."""
        self._db = db

    def __enter__(self) -> None:
        self._db.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._db.execute("COMMIT" if kind is None else "ROLLBACK")


def _sqlite_values(column: pa.Array) -> list[Any]:
    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.timestamp("us", "UTC")).cast(pa.string())
    values: list[Any] = column.to_pylist()
    return values


def _completed(batch: pa.RecordBatch, new: NDArray[np.bool_], complete: Complete) -> pa.RecordBatch:
    """`batch` with its new rows completed; known rows keep their place and are not stored."""
    rows = np.flatnonzero(new)
    fresh = complete(batch.take(pa.array(rows)))
    place = np.zeros(batch.num_rows, dtype=np.int64)
    place[rows] = np.arange(len(rows))
    return fresh.take(pa.array(place))
