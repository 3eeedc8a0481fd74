"""CSV: one table as a file, or all tables in a folder.

`labels.csv` holds the table `labels`, or the one that the option `table` names; a folder
(`csv://results`) one file for each table. Beside each file lies `….csv-metadata.json`, which says
what the columns mean and which edition it is, as "CSV on the Web" of the W3C has it.
"""

import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pc

from vistoria.publishers import Advance, Publisher, PublisherOptions, Receipt, quiet
from vistoria.publishers._columns import TABLES, schema_of
from vistoria.publishers._edition import Edition
from vistoria.publishers._files import (
    FilePublisher,
    FolderPublisher,
    bare,
    check_options,
    held_by,
)
from vistoria.publishers._tables import one_of

__all__ = ["EXTRA", "SCHEMES", "SUFFIXES", "open_publisher"]

SCHEMES = ("csv",)
SUFFIXES = (".csv",)
EXTRA = None
_NOTES = "-metadata.json"
_KINDS = {
    pa.string(): "string", pa.float64(): "double", pa.int64(): "integer", pa.bool_(): "boolean",
}  # fmt: skip


def open_publisher(address: str, options: PublisherOptions) -> Publisher:
    """A file, or a folder where the address does not end in `.csv`."""
    check_options(options, "table")
    place = bare(address, *SCHEMES)
    if place.lower().endswith(SUFFIXES):
        return _Noted(place, options, one_of(options))
    files: dict[str, Any] = {}
    for table in TABLES:
        files[f"{table}.csv"] = partial(_write, table=table)
        files[f"{table}.csv{_NOTES}"] = partial(_describe, table=table, name=f"{table}.csv")
    return FolderPublisher(place, files)


class _Noted:
    """A CSV file, and then its notes, which say that it is whole."""

    def __init__(self, address: str, options: PublisherOptions, table: str) -> None:
        self.address = address
        notes, name = address + _NOTES, Path(address).name
        self._table = table
        self._rows: dict[str, int] = {}
        describe = partial(_describe, table=table, name=name, rows=self._rows)
        self._data = FilePublisher(address, options, partial(_write, table=table), _never)
        self._notes = FilePublisher(notes, options, describe, _held)

    def publish(self, edition: Edition, advance: Advance = quiet) -> Receipt:
        """Writes both unless they hold this edition."""
        noted = Path(self._notes.address)
        there = held_by(_held, noted) if Path(self.address).exists() else None
        same = there and there.get("version") == edition.version
        if there and same and self._table in there["rows"]:
            return Receipt(
                address=self.address, version=edition.version, rows=there["rows"], written=False
            )
        noted.unlink(missing_ok=True)  # meanwhile nothing says that the file is whole
        receipt = self._data.publish(edition, advance)
        self._rows |= receipt.rows
        self._notes.publish(edition, quiet)
        return receipt


def _never(path: Path) -> None:
    del path


def _write(path: Path, edition: Edition, advance: Advance, *, table: str) -> Mapping[str, int]:
    rows = 0
    with pc.CSVWriter(path, _plain(schema_of(table))) as writer:
        for batch in edition.batches(table):
            writer.write_batch(pa.record_batch(batch.columns, schema=_plain(batch.schema)))
            rows += batch.num_rows
            advance(table, batch.num_rows)
    return {table: rows}


def _plain(schema: pa.Schema) -> pa.Schema:
    return pa.schema([(field.name, field.type) for field in schema])


def _describe(
    path: Path, edition: Edition, advance: Advance, *, table: str, name: str,
    rows: Mapping[str, int] | None = None,
) -> Mapping[str, int]:  # fmt: skip
    """See https://www.w3.org/TR/tabular-metadata/."""
    del advance
    columns = [
        {
            "name": column.name, "titles": column.name, "dc:description": column.text,
            "datatype": _KINDS.get(column.type, "dateTime"),
        }
        for column in TABLES[table]
    ]  # fmt: skip
    document = {
        "@context": "http://www.w3.org/ns/csvw",
        "url": name,
        "tableSchema": {"columns": columns, "primaryKey": ["run", "row_key"]},
        "vistoria:edition": {**edition.provenance(), "rows": dict(rows or {})},
    }
    path.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return {}


def _held(path: Path) -> Mapping[str, Any] | None:
    found: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    edition: Mapping[str, Any] | None = found.get("vistoria:edition")
    return edition
