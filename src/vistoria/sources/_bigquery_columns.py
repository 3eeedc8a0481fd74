"""The columns of a BigQuery table: their shapes, and what to select for a part of one."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from vistoria.sources._columns import Column, Found
from vistoria.sources._database import identifier

if TYPE_CHECKING:
    from google.cloud.bigquery import SchemaField

__all__ = ["Leaf", "expression", "flattened", "leaves_of", "quoted", "used", "whole_columns"]

_RECORDS = ("RECORD", "STRUCT")
_TIMES = ("TIMESTAMP", "DATETIME", "DATE")
_UNSORTABLE = ("JSON", "GEOGRAPHY", *_RECORDS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    """A column, or a part of a STRUCT column: BigQuery bills for such parts one by one.

    `sql`: BigQuery's SQL for it. `path`: the names that lead to it, () for an expression.
    `sortable`: whether it may stand in ORDER BY.
    """

    sql: str
    column: Column
    path: tuple[str, ...] = ()
    sortable: bool = False


def whole_columns(schema: "Iterable[SchemaField]") -> dict[str, Column]:
    """Column name → its shape."""
    return {field.name: _column(field) for field in schema}


def leaves_of(schema: "Iterable[SchemaField]") -> dict[str, Leaf]:
    """Path such as "location.latitude" → what it leads to."""
    return {".".join(leaf.path): leaf for field in schema for leaf in _leaves(field, ())}


def expression(sql: str, field: "SchemaField") -> Leaf:
    """An expression that a person wrote, whose value has the type of `field`."""
    return Leaf(sql=sql, column=_column(field), sortable=_sortable(field))


def used(found: Iterable[Found], leaves: Mapping[str, Leaf]) -> list[str]:
    """The names of the leaves that these expressions read, in the order of the table."""
    read = " ".join(each.sql for each in found)
    return [name for name in leaves if identifier(name) in read]


def quoted(*names: str) -> str:
    """Names as a path in BigQuery's SQL."""
    return ".".join("`" + name.replace("\\", "\\\\").replace("`", "\\`") + "`" for name in names)


def flattened(batch: "pa.RecordBatch", leaves: Mapping[str, Leaf]) -> "pa.RecordBatch":
    """The leaves of a batch that holds whole columns."""
    arrays = {}
    for name, leaf in leaves.items():
        top, *inner = leaf.path
        array = batch.column(top)
        arrays[name] = pc.struct_field(array, inner) if inner else array
    return pa.RecordBatch.from_pydict(arrays)


def _leaves(field: "SchemaField", above: tuple[str, ...]) -> Iterator[Leaf]:
    path = (*above, field.name)
    # A point as in GeoJSON is read as a whole: its coordinates have no names of their own.
    geojson = any(part.name == "coordinates" for part in field.fields)
    if field.field_type in _RECORDS and field.mode != "REPEATED" and not geojson:
        for part in field.fields:
            yield from _leaves(part, path)
    else:
        sql = f"its.{quoted(*path)}"
        yield Leaf(sql=sql, column=_column(field), path=path, sortable=_sortable(field))


def _column(field: "SchemaField") -> Column:
    if field.mode == "REPEATED":
        return Column("list")
    if field.field_type in _RECORDS:
        return Column("struct", whole_columns(field.fields))
    if field.field_type in _TIMES:
        return Column("time")
    if field.field_type in ("STRING", "GEOGRAPHY"):  # a place comes as well-known text
        return Column("text")
    if field.field_type == "JSON":
        return Column("text", is_json=True)
    return Column("bytes" if field.field_type == "BYTES" else "other")


def _sortable(field: "SchemaField") -> bool:
    return field.mode != "REPEATED" and field.field_type not in _UNSORTABLE
