"""The town's tables, with the names, columns and types of Street View Insights."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

LOCATION = "STRUCT(latitude DOUBLE, longitude DOUBLE)"
CORNER = "STRUCT(x DOUBLE, y DOUBLE)"
POSE = (
    "STRUCT(latitude DOUBLE, longitude DOUBLE, altitude DOUBLE, "
    "pitch DOUBLE, heading DOUBLE, roll DOUBLE)"
)
TIME = "TIMESTAMP WITH TIME ZONE"
SNAPSHOTS: Mapping[str, str] = {
    "snapshot_id": "VARCHAR",
    "subscription_id": "VARCHAR",
    "creation_time": TIME,
    "product_types": "VARCHAR[]",
}
OBSERVATIONS: Mapping[str, str] = {
    "snapshot_id": "VARCHAR",
    "asset_id": "VARCHAR",
    "asset_type": "VARCHAR",
    "location": LOCATION,
    "detection_time": TIME,
    "observation_id": "VARCHAR",
    "bbox": f"STRUCT(lo {CORNER}, hi {CORNER})",
    "camera_pose": POSE,
    "capture_time": TIME,
    "gcs_uri": "VARCHAR",
    "map_url": "VARCHAR",
    "pano_id": "VARCHAR",
}
ASSETS: Mapping[str, str] = {
    "asset_id": "VARCHAR",
    "snapshot_id": "VARCHAR",
    "asset_type": "VARCHAR",
    "location": LOCATION,
    "detection_time": TIME,
    "observation_id": "VARCHAR",
}
Row = Mapping[str, Any]


def write_database(
    path: Path, snapshots: Sequence[Row], observations: Sequence[Row], assets: Sequence[Row]
) -> None:
    """Write the five tables; `_latest` holds the rows of the last of `snapshots`."""
    path.unlink(missing_ok=True)
    latest = snapshots[-1]["snapshot_id"]
    with duckdb.connect(str(path)) as database:
        _table(database, "snapshots", SNAPSHOTS, snapshots)
        for name, columns, rows in (
            ("cropped_observations", OBSERVATIONS, observations),
            ("cropped_assets", ASSETS, assets),
        ):
            _table(database, f"{name}_all", columns, rows)
            newest = [row for row in rows if row["snapshot_id"] == latest]
            _table(database, f"{name}_latest", columns, newest)


def _table(
    database: duckdb.DuckDBPyConnection, name: str, columns: Mapping[str, str], rows: Sequence[Row]
) -> None:
    listed = ", ".join(f"{column} {kind}" for column, kind in columns.items())
    database.execute(f"CREATE TABLE {name} ({listed})")
    if rows:
        held = pa.Table.from_pylist([dict(row) for row in rows])
        database.register("held", held)
        chosen = ", ".join(f"CAST({column} AS {kind})" for column, kind in columns.items())
        database.execute(f"INSERT INTO {name} SELECT {chosen} FROM held")
        database.unregister("held")


def write_parquet(path: Path, rows: Sequence[Row], schema: pa.Schema | None = None) -> None:
    """Write rows as Parquet."""
    pq.write_table(pa.Table.from_pylist([dict(row) for row in rows], schema=schema), path)
