"""Things with a place, one row each: assets, or photos where the source names no asset."""

import struct
from collections.abc import Iterator, Mapping
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa

from vistoria.assets import asset_table
from vistoria.labels import COUNTED

if TYPE_CHECKING:
    from vistoria.publishers._edition import Edition

__all__ = ["Part", "Unit", "Units", "units_of"]

_BATCH = 20_000
_PHOTO = ("observation_id", "uri", "snapshot_id", "captured_at")


class Unit(NamedTuple):
    """A thing, its longitude and latitude (None: not both are known), and what is known of it."""

    id: str
    place: tuple[float, float] | None
    properties: Mapping[str, Any]


class Units(NamedTuple):
    """`kind`: "assets" or "photos"; `schema`: of the properties; `rows`: in a stable order."""

    kind: str
    schema: pa.Schema
    rows: Iterator[Unit]

    def parts(self) -> Iterator["Part"]:
        """The rows as Arrow, so many at a time."""
        while some := list(islice(self.rows, _BATCH)):
            properties = [dict(unit.properties) for unit in some]
            yield Part(
                pa.RecordBatch.from_pylist(properties, self.schema),
                *(
                    pa.array([unit.place and unit.place[axis] for unit in some], pa.float64())
                    for axis in (0, 1)
                ),
            )


class Part(NamedTuple):
    """Some units: their properties, longitudes and latitudes."""

    properties: pa.RecordBatch
    x: pa.Array
    y: pa.Array

    def points(self) -> pa.Array:
        """Points as well-known binary, little-endian, longitude before latitude."""
        places = zip(self.x.to_pylist(), self.y.to_pylist(), strict=True)
        found = [None if x is None else struct.pack("<BIdd", 1, 1, x, y) for x, y in places]
        return pa.array(found, pa.binary())


def units_of(edition: "Edition") -> Units:
    """The assets of a run with an answer per field, how sure it is, and whether photos disagree;
    photos with their answers where no row names an asset. Properties: those, and provenance."""
    if edition.assets is not None:
        table = asset_table(edition.assets, edition.curves)
        schema = _schema(table.drop_columns(["latitude", "longitude"]).schema)
        return Units("assets", schema, _assets(edition, table, schema))
    schema = _schema(_photo_schema(edition))
    return Units("photos", schema, _photos(edition, schema))


def _schema(schema: pa.Schema) -> pa.Schema:
    """The columns, lists as text with commas (GIS formats have none), and provenance."""
    flat = [(f.name, pa.string() if pa.types.is_nested(f.type) else f.type) for f in schema]
    names = {name for name, _ in flat}
    of_run = [n for n in ("model", "version", "attribution") if n not in names]
    return pa.schema([*flat, *((name, pa.string()) for name in of_run)])


def _photo_schema(edition: "Edition") -> pa.Schema:
    whole = edition.ledger.schema(edition.run)
    asked = [field.name for field in edition.fields if field.kind in COUNTED]
    sure = [f"{name}_confidence" for name in asked if f"{name}_confidence" in whole.names]
    return pa.schema([whole.field(name) for name in (*_PHOTO, *asked, *sure)])


def _assets(edition: "Edition", table: pa.Table, schema: pa.Schema) -> Iterator[Unit]:
    for row in _rows(table):
        name = f"{row['snapshot_id']}/{row['asset_id']}" if row["snapshot_id"] else row["asset_id"]
        yield _unit(edition, name, row, schema)


def _rows(table: pa.Table) -> Iterator[dict[str, Any]]:
    """So many at once, since a million rows as objects take gigabytes."""
    for batch in table.to_batches(max_chunksize=_BATCH):
        yield from batch.to_pylist()


def _photos(edition: "Edition", schema: pa.Schema) -> Iterator[Unit]:
    for ordinal, row in edition.photos():
        yield _unit(edition, str(ordinal), row, schema)


def _unit(edition: "Edition", name: str, row: Mapping[str, Any], schema: pa.Schema) -> Unit:
    of_run = {
        "model": edition.run.model, "version": edition.version, "attribution": edition.attribution
    }  # fmt: skip
    both = of_run | dict(row)
    properties = {name: _plain(both[name]) for name in schema.names}
    x, y = row["longitude"], row["latitude"]
    return Unit(name, None if x is None or y is None else (x, y), properties)


def _plain(value: Any) -> Any:
    match value:
        case list():
            return ", ".join(map(str, value))
        case datetime():
            return value.isoformat()
        case _:
            return value
