"""GeoParquet 1.1: one row per asset, for GeoPandas, DuckDB, QGIS, kepler.gl and BigQuery.

`geometry` is a point in WGS 84 (WKB), longitude before latitude; `bbox` its covering, so that
readers skip what is far away. Columns are those of the GeoJSON. Written by the specification
(https://geoparquet.org/releases/v1.1.0/): no geographic library is needed.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from vistoria.publishers import Advance, Publisher, PublisherOptions
from vistoria.publishers._edition import Edition
from vistoria.publishers._files import FilePublisher, bare, check_options
from vistoria.publishers._units import Part, units_of
from vistoria.publishers.parquet import held, mark

__all__ = ["EXTRA", "SCHEMES", "SUFFIXES", "open_publisher"]

SCHEMES = ("geoparquet",)
SUFFIXES = (".geoparquet", ".geo.parquet")
EXTRA = None
_SIDES = ("xmin", "ymin", "xmax", "ymax")
_BBOX = pa.struct([(side, pa.float64()) for side in _SIDES])


def open_publisher(address: str, options: PublisherOptions) -> Publisher:
    """One file."""
    check_options(options)
    return FilePublisher(bare(address, *SCHEMES), options, _write, held)


def _write(path: Path, edition: Edition, advance: Advance) -> Mapping[str, int]:
    units, rows = units_of(edition), 0
    schema = pa.schema([*units.schema, ("bbox", _BBOX), ("geometry", pa.binary())])
    box: list[float] = []
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for part in units.parts():
            box = _wider(box, part)
            columns = [*part.properties.columns, _covering(part), part.points()]
            writer.write_batch(pa.record_batch(columns, schema=schema))
            rows += part.properties.num_rows
            advance(units.kind, part.properties.num_rows)
        writer.add_key_value_metadata({
            "geo": json.dumps(_geo(box)), **mark(edition, {units.kind: rows})
        })  # fmt: skip
    return {units.kind: rows}


def _covering(part: Part) -> pa.Array:
    """The box of each point, which has no extent; null where there is no point."""
    sides = [part.x, part.y, part.x, part.y]
    return pa.StructArray.from_arrays(sides, names=_SIDES, mask=part.x.is_null())


def _wider(box: list[float], part: Part) -> list[float]:
    """The box of these points and those before; empty while there is none."""
    if part.x.null_count == len(part.x):
        return box
    (west, east), (south, north) = (pc.min_max(side).as_py().values() for side in (part.x, part.y))
    old = box or [west, south, east, north]
    return [min(old[0], west), min(old[1], south), max(old[2], east), max(old[3], north)]


def _geo(box: list[float]) -> dict[str, Any]:
    """The metadata of the file; without a `crs` it is OGC:CRS84, which is what is meant."""
    covering = {"bbox": {side: ["bbox", side] for side in _SIDES}}
    column: dict[str, Any] = {
        "encoding": "WKB", "geometry_types": ["Point"], "covering": covering
    }  # fmt: skip
    if box:
        column["bbox"] = box
    return {"version": "1.1.0", "primary_column": "geometry", "columns": {"geometry": column}}
