"""GeoParquet 1.1: one row per asset, for GeoPandas, DuckDB, QGIS, kepler.gl and BigQuery.

`geometry` is a point in WGS 84 (WKB), longitude before latitude; `bbox` its covering, so that
readers skip what is far away. Columns are those of the GeoJSON. Written by the specification
(https://geoparquet.org/releases/v1.1.0/): no geographic library is needed.
"""

import json
import math
import struct
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from vistoria.publishers import Advance, Publisher, PublisherOptions
from vistoria.publishers._edition import Edition
from vistoria.publishers._files import FilePublisher, bare, check_options
from vistoria.publishers._units import Unit, units_of
from vistoria.publishers.parquet import held, mark

__all__ = ["EXTRA", "SCHEMES", "SUFFIXES", "open_publisher", "point"]

SCHEMES = ("geoparquet",)
SUFFIXES = (".geoparquet", ".geo.parquet")
EXTRA = None
_BATCH = 20_000
_SIDES = ("xmin", "ymin", "xmax", "ymax")
_BBOX = pa.struct([(side, pa.float64()) for side in _SIDES])


def open_publisher(address: str, options: PublisherOptions) -> Publisher:
    """One file."""
    check_options(options)
    return FilePublisher(bare(address, *SCHEMES), options, _write, held)


def _write(path: Path, edition: Edition, advance: Advance) -> Mapping[str, int]:
    units, rows = units_of(edition), 0
    schema = pa.schema([*units.schema, ("bbox", _BBOX), ("geometry", pa.binary())])
    box = [math.inf, math.inf, -math.inf, -math.inf]
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for batch in _batches(units.rows, schema, box):
            writer.write_batch(batch)
            rows += batch.num_rows
            advance(units.kind, batch.num_rows)
        writer.add_key_value_metadata({
            "geo": json.dumps(_geo(box)), **mark(edition, {units.kind: rows})
        })  # fmt: skip
    return {units.kind: rows}


def _batches(
    units: Iterator[Unit], schema: pa.Schema, box: list[float]
) -> Iterator[pa.RecordBatch]:  # fmt: skip
    while some := list(islice(units, _BATCH)):
        rows = []
        for unit in some:
            row = dict(unit.properties)
            if unit.latitude is not None and unit.longitude is not None:
                x, y = unit.longitude, unit.latitude
                row |= {
                    "geometry": point(x, y),
                    "bbox": dict(zip(_SIDES, (x, y, x, y), strict=True)),
                }
                box[:] = min(box[0], x), min(box[1], y), max(box[2], x), max(box[3], y)
            rows.append(row)
        yield pa.RecordBatch.from_pylist(rows, schema)


def point(x: float, y: float) -> bytes:
    """A point as well-known binary, little-endian."""
    return struct.pack("<BIdd", 1, 1, x, y)


def _geo(box: list[float]) -> dict[str, Any]:
    """The metadata of the file; without a `crs` it is OGC:CRS84, which is what is meant."""
    covering = {"bbox": {side: ["bbox", side] for side in _SIDES}}
    column: dict[str, Any] = {
        "encoding": "WKB", "geometry_types": ["Point"], "covering": covering
    }  # fmt: skip
    if math.isfinite(box[0]):
        column["bbox"] = box
    return {"version": "1.1.0", "primary_column": "geometry", "columns": {"geometry": column}}
