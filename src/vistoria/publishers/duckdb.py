"""DuckDB: a database file with every table, of one run or many.

A run's rows are replaced in one transaction, so that readers see an edition whole; rows of other
runs stay. `editions` says which edition of each run is there. Columns carry comments.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from vistoria.errors import TransientError, UserError
from vistoria.publishers import Advance, Publisher, PublisherOptions, Receipt, quiet
from vistoria.publishers._columns import TABLES
from vistoria.publishers._edition import Edition
from vistoria.publishers._files import bare, check_options

__all__ = ["EXTRA", "SCHEMES", "SUFFIXES", "open_publisher"]

SCHEMES = ("duckdb",)
SUFFIXES = (".duckdb", ".ddb")
EXTRA = None
_TYPES: Mapping[pa.DataType, str] = {
    pa.string(): "VARCHAR", pa.float64(): "DOUBLE", pa.int64(): "BIGINT", pa.bool_(): "BOOLEAN",
    pa.timestamp("us", "UTC"): "TIMESTAMPTZ",
}  # fmt: skip


def open_publisher(address: str, options: PublisherOptions) -> Publisher:
    """A database file, made where it is missing."""
    check_options(options)
    return _Database(bare(address, *SCHEMES))


class _Database:
    def __init__(self, address: str) -> None:
        self.address = address

    def publish(self, edition: Edition, advance: Advance = quiet) -> Receipt:
        """Replaces the run's rows, all at once."""
        with _opened(self.address) as db:
            _prepare(db)
            there = db.execute("SELECT version FROM editions WHERE run = ?", [edition.key])
            written = there.fetchall() != [(edition.version,)]
            if written:
                db.execute("BEGIN")
                for table in TABLES:
                    _replace(db, table, edition, advance)
                db.execute(
                    "INSERT OR REPLACE INTO editions VALUES (?, ?)", [edition.key, edition.version]
                )
                db.execute("COMMIT")
            rows = {table: _count(db, table, edition.key) for table in TABLES}
        return Receipt(
            address=self.address, version=edition.version, rows=rows, written=written
        )  # fmt: skip


@contextmanager
def _opened(address: str) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection; what was begun and not committed is undone when it closes."""
    try:
        db = duckdb.connect(Path(address), config={"autoinstall_known_extensions": "false"})
    except duckdb.IOException as error:
        said = str(error)
        if "lock" in said.lower():
            raise TransientError(f"another program has {address!r} open: {said}") from error
        raise UserError(f"cannot open {address!r} as a DuckDB database: {said}") from error
    try:
        yield db
    finally:
        db.close()


def _prepare(db: duckdb.DuckDBPyConnection) -> None:
    """Makes what is missing, all at once."""
    db.execute("BEGIN")
    db.execute(
        "CREATE TABLE IF NOT EXISTS editions (run VARCHAR PRIMARY KEY, version VARCHAR NOT NULL)"
    )
    there = {name for (name,) in db.execute("SELECT table_name FROM duckdb_tables()").fetchall()}
    for table, columns in TABLES.items():
        if table in there:
            continue
        parts = ", ".join(f"{column.name} {_TYPES[column.type]}" for column in columns)
        db.execute(f"CREATE TABLE {table} ({parts})")
        for column in columns:
            said = column.text.replace("'", "''")
            db.execute(f"COMMENT ON COLUMN {table}.{column.name} IS '{said}'")
    db.execute("COMMIT")


def _replace(
    db: duckdb.DuckDBPyConnection, table: str, edition: Edition, advance: Advance
) -> None:  # fmt: skip
    db.execute(f"DELETE FROM {table} WHERE run = ?", [edition.key])
    for batch in edition.batches(table):
        db.register("batch", pa.Table.from_batches([batch]))
        db.execute(f"INSERT INTO {table} BY NAME FROM batch")
        db.unregister("batch")
        advance(table, batch.num_rows)


def _count(db: duckdb.DuckDBPyConnection, table: str, run: str) -> int:
    found: Any = db.execute(f"SELECT count(*) FROM {table} WHERE run = ?", [run]).fetchone()
    return int(found[0])
