"""Things with a place, one row each: assets, or photos where the source names no asset."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa

from vistoria.assets import asset_table
from vistoria.labels import COUNTED

if TYPE_CHECKING:
    from vistoria.publishers._edition import Edition

__all__ = ["Unit", "Units", "units_of"]

_ASSET = ("asset_id", "snapshot_id", "asset_type", "photos")
_PHOTO = ("observation_id", "uri", "snapshot_id", "captured_at")


class Unit(NamedTuple):
    """A thing, where it is (None: not known), and what is known of it."""

    id: str
    latitude: float | None
    longitude: float | None
    properties: Mapping[str, Any]


class Units(NamedTuple):
    """`kind`: "assets" or "photos"; `schema`: of the properties; `rows`: in a stable order."""

    kind: str
    schema: pa.Schema
    rows: Iterator[Unit]


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
    for row in table.to_pylist():
        name = f"{row['snapshot_id']}/{row['asset_id']}" if row["snapshot_id"] else row["asset_id"]
        yield _unit(edition, name, row, schema)


def _photos(edition: "Edition", schema: pa.Schema) -> Iterator[Unit]:
    for ordinal, row in edition.photos():
        yield _unit(edition, str(ordinal), row, schema)


def _unit(edition: "Edition", name: str, row: Mapping[str, Any], schema: pa.Schema) -> Unit:
    of_run = {
        "model": edition.run.model, "version": edition.version, "attribution": edition.attribution
    }  # fmt: skip
    both = of_run | dict(row)
    properties = {name: _plain(both[name]) for name in schema.names}
    return Unit(name, row["latitude"], row["longitude"], properties)


def _plain(value: Any) -> Any:
    match value:
        case list():
            return ", ".join(map(str, value))
        case datetime():
            return value.isoformat()
        case _:
            return value
