"""FlatGeobuf: one feature per asset, with a spatial index, for large maps on the web.

Columns are those of the GeoJSON. Written by GDAL, of the extra `geo`.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from vistoria.errors import MissingExtra
from vistoria.publishers import Advance, Publisher, PublisherOptions
from vistoria.publishers._edition import Edition
from vistoria.publishers._files import FilePublisher, bare, check_options
from vistoria.publishers._units import units_of

__all__ = ["EXTRA", "SCHEMES", "SUFFIXES", "open_publisher"]

SCHEMES = ("flatgeobuf",)
SUFFIXES = (".fgb",)
EXTRA = "geo"
_LAYER = "vistoria"


def open_publisher(address: str, options: PublisherOptions) -> Publisher:
    """One file; raises MissingExtra without pyogrio."""
    check_options(options)
    _gdal()
    return FilePublisher(bare(address, *SCHEMES), options, _write, _held)


def _gdal() -> Any:
    try:
        import pyogrio  # noqa: PLC0415 - of the extra `geo`
    except ImportError:
        raise MissingExtra("FlatGeobuf files", "geo") from None
    return pyogrio


def _write(path: Path, edition: Edition, advance: Advance) -> Mapping[str, int]:
    units, batches = units_of(edition), []
    for part in units.parts():
        batches.append(part.properties.append_column("geometry", part.points()))
        advance(units.kind, part.properties.num_rows)
    table = pa.Table.from_batches(batches, units.schema.append(pa.field("geometry", pa.binary())))
    unplaced, rows = table["geometry"].null_count, table.num_rows
    mark = {**edition.provenance(), "rows": {units.kind: rows}}
    _gdal().write_arrow(
        table, path, layer=_LAYER, driver="FlatGeobuf", geometry_name="geometry",
        geometry_type="Point", crs="EPSG:4326",
        # The index takes no feature without a place.
        layer_options={
            "SPATIAL_INDEX": "NO" if unplaced or not rows else "YES",
            "TITLE": edition.attribution, "DESCRIPTION": json.dumps(mark, ensure_ascii=False),
        },
    )  # fmt: skip
    return {units.kind: rows}


def _held(path: Path) -> Mapping[str, Any] | None:
    try:
        known = _gdal().read_info(path).get("layer_metadata") or {}
    except _gdal().errors.DataSourceError:
        return None
    return json.loads(known["DESCRIPTION"]) if "DESCRIPTION" in known else None
