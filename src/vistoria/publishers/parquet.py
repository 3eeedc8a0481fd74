"""Parquet: one table as a file, or all tables in a folder.

`labels.parquet` holds the table `labels`, or the one that the option `table` names; a folder
(`parquet://results`) one file for each table. Columns carry their descriptions, and the file's
metadata says under `vistoria` which edition it holds.
"""

import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from vistoria.publishers import Advance, Publisher, PublisherOptions
from vistoria.publishers._columns import TABLES, schema_of
from vistoria.publishers._edition import Edition
from vistoria.publishers._files import FilePublisher, FolderPublisher, bare, check_options
from vistoria.publishers._tables import one_of

__all__ = ["EXTRA", "SCHEMES", "SUFFIXES", "open_publisher"]

SCHEMES = ("parquet",)
SUFFIXES = (".parquet", ".pq")
EXTRA = None
_KEY = b"vistoria"


def open_publisher(address: str, options: PublisherOptions) -> Publisher:
    """A file, or a folder where the address ends in neither of `SUFFIXES`."""
    check_options(options, "table")
    place = bare(address, *SCHEMES)
    if place.lower().endswith(SUFFIXES):
        table = one_of(options)
        write, there = partial(write_table, table=table), partial(_held_table, table=table)
        return FilePublisher(place, options, write, there)
    files = {f"{table}.parquet": partial(write_table, table=table) for table in TABLES}
    return FolderPublisher(place, files)


def write_table(path: Path, edition: Edition, advance: Advance, *, table: str) -> Mapping[str, int]:
    """One table as a Parquet file."""
    rows = 0
    with pq.ParquetWriter(path, schema_of(table), compression="zstd") as writer:
        for batch in edition.batches(table):
            writer.write_batch(batch)
            rows += batch.num_rows
            advance(table, batch.num_rows)
        writer.add_key_value_metadata(mark(edition, {table: rows}))
    return {table: rows}


def mark(edition: Edition, rows: Mapping[str, int]) -> dict[str, str]:
    """The metadata by which a file is recognised."""
    return {_KEY.decode(): json.dumps({**edition.provenance(), "rows": rows})}


def held(path: Path) -> Mapping[str, Any] | None:
    """What a Parquet file says that it holds."""
    try:
        known = pq.read_metadata(path).metadata or {}
    except pa.ArrowException:
        return None
    return json.loads(known[_KEY]) if _KEY in known else None


def _held_table(path: Path, *, table: str) -> Mapping[str, Any] | None:
    """The same, if it is this table."""
    found = held(path)
    return found if found and table in found["rows"] else None
