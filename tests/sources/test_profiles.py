"""Known tables are recognised by their columns, in whatever shape they come."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.contracts.sources import rows
from vistoria import registry
from vistoria.sources import Source, SourceOptions

SVI: dict[str, Any] = {
    "snapshot_id": "2026-10",
    "asset_id": "t1:0123:ffff005f",
    "asset_type": "ASSET_CLASS_UTILITY_POLE",
    "location": {"latitude": "35.5", "longitude": "139.25"},
    "detection_time": "2025-05-27 03:17:03",
    "observation_id": "o1:0123:00110060",
    "bbox": {"lo": {"x": 10, "y": 20.5}, "hi": {"x": 110, "y": 320}},
    "camera_pose": {
        "latitude": "35.6", "longitude": "139.3", "altitude": "12", "pitch": "-80.1",
        "heading": "-120.5", "roll": "0",
    },
    "capture_time": "2019-09-25 17:26:27.757171 UTC",
    "gcs_uri": "gs://geoai/2026-10/v0/o1:0123:00110060.jpg",
    "map_url": "https://www.google.com/maps/search/35.5,139.25",
}  # fmt: skip
SVI_ROW = {
    "observation_id": "o1:0123:00110060",
    "uri": "gs://geoai/2026-10/v0/o1:0123:00110060.jpg",
    "box_left": 10.0,
    "box_top": 20.5,
    "box_right": 110.0,
    "box_bottom": 320.0,
    "asset_id": "t1:0123:ffff005f",
    "asset_type": "ASSET_CLASS_UTILITY_POLE",
    "latitude": 35.5,
    "longitude": 139.25,
    "captured_at": datetime(2019, 9, 25, 17, 26, 27, 757171, tzinfo=UTC),
    "heading": -120.5,
    "snapshot_id": "2026-10",
    "map_url": "https://www.google.com/maps/search/35.5,139.25",
}
PANO = {
    "capture_id": "c1", "pano_id": None, "observation_id": "o1:p_3:5001ee",
    "snapshot_id": "2026-10", "capture_time": "2024-01-02T03:04:05Z",
    "capture_location": {"latitude": 1.5, "longitude": 2.5},
    "camera_pose": {"heading": 60.0}, "gcs_uri": "gs://b/p.jpg", "map_url": None,
}  # fmt: skip
MAPILLARY = {
    "id": "498763468214164", "captured_at": 1603459736644, "sequence": "zxcv",
    "thumb_1024_url": "https://scontent/m1024.jpg?sig=a%2Fb", "compass_angle": 99.5,
    "computed_geometry": {"type": "Point", "coordinates": [-73.5, 45.25]},
    "geometry": {"type": "Point", "coordinates": [0, 0]},
}  # fmt: skip
PANORAMAX = {
    "id": "0a1b", "type": "Feature", "bbox": [2.0, 48.0, 2.0, 48.0],
    "geometry": {"type": "Point", "coordinates": [2.25, 48.5]},
    "properties": {"datetime": "2022-07-08T09:10:11+02:00", "view:azimuth": 315},
    "assets": {"hd": {"href": "https://api.panoramax.xyz/p/hd.jpg"}, "thumb": {"href": "t"}},
}  # fmt: skip
KARTAVIEW = {
    "id": "8", "lat": "46.5", "lng": "23.25", "shotDate": "2016-05-30 12:00:00", "heading": "12.5",
    "fileurlProc": "https://cdn.kartaview.org/p.jpg", "sequenceId": "7",
}  # fmt: skip
PRE_PREVIEW = {
    "observationId": "o", "captureTimestamp": "2021-02-03T04:05:06Z", "trackId": "t",
    "bbox": SVI["bbox"], "signedUrl": "https://storage/x.jpg?X-Goog-Signature=1",
    "geometry": "POINT(139.25 35.5)",
}  # fmt: skip


def read(path: Path, row: dict[str, Any], name: str) -> tuple[Source, dict[str, object]]:
    """A source with this row, and what it yields; text files hold nested values as text."""
    suffix = path.suffix
    made = path.with_name(name + suffix)
    if suffix == ".jsonl":
        made.write_text(json.dumps(row) + "\n")
    else:
        (path.parent / "rows.json").write_text(json.dumps([row]))
        columns = (
            "*"
            if suffix == ".parquet"
            else ", ".join(
                f'''to_json("{c}")::VARCHAR AS "{c}"''' if isinstance(v, dict) else f'"{c}"'
                for c, v in row.items()
            )
        )
        query = f"SELECT {columns} FROM read_json('{path.parent}/rows.json')"
        duckdb.sql(f"COPY ({query}) TO '{made}'")
    opened: Source = registry.load("sources", suffix[1:]).open_source(str(made), SourceOptions())
    (found,) = rows(opened)
    return opened, {name: value for name, value in found.items() if value is not None}


@pytest.mark.parametrize("suffix", [".jsonl", ".parquet", ".csv"])
@pytest.mark.parametrize(
    ("profile", "table", "row"),
    [
        ("svi_full_frame", "full_frame_observations_latest", SVI),
        ("svi_cropped", "cropped_observations_all", SVI),
        ("svi_ga", "all_observations", SVI | {"pano_id": "x"}),
        ("imagery_preview", "latest_observations", SVI),
    ],
)
def test_street_view_insights(
    tmp_path: Path, suffix: str, profile: str, table: str, row: dict[str, Any]
) -> None:
    source, found = read(tmp_path / f"a{suffix}", row, table)
    assert source.profile == profile
    assert found == SVI_ROW
    assert source.mapping["box_left"] == "bbox.lo.x"


@pytest.mark.parametrize("suffix", [".jsonl", ".parquet", ".csv"])
@pytest.mark.parametrize(
    ("profile", "row", "expected"),
    [
        (
            "svi_pano",
            PANO,
            {"observation_id": "o1:p_3:5001ee", "uri": "gs://b/p.jpg", "snapshot_id": "2026-10",
             "latitude": 1.5, "longitude": 2.5, "heading": 60.0,
             "captured_at": datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC)},
        ),
        (
            "mapillary",
            MAPILLARY,
            {"observation_id": "498763468214164", "latitude": 45.25, "longitude": -73.5,
             "uri": "https://scontent/m1024.jpg?sig=a%2Fb", "heading": 99.5,
             "captured_at": datetime(2020, 10, 23, 13, 28, 56, 644000, tzinfo=UTC)},
        ),
        (
            "panoramax",
            PANORAMAX,
            {"observation_id": "0a1b", "uri": "https://api.panoramax.xyz/p/hd.jpg",
             "latitude": 48.5, "longitude": 2.25, "heading": 315.0,
             "captured_at": datetime(2022, 7, 8, 7, 10, 11, tzinfo=UTC)},
        ),
        (
            "kartaview",
            KARTAVIEW,
            {"observation_id": "8", "uri": "https://cdn.kartaview.org/p.jpg", "latitude": 46.5,
             "longitude": 23.25, "heading": 12.5,
             "captured_at": datetime(2016, 5, 30, 12, tzinfo=UTC)},
        ),
        (
            "pre_preview",
            PRE_PREVIEW,
            {"observation_id": "o", "uri": PRE_PREVIEW["signedUrl"], "asset_id": "t",
             "latitude": 35.5, "longitude": 139.25, "box_left": 10.0, "box_top": 20.5,
             "box_right": 110.0, "box_bottom": 320.0,
             "captured_at": datetime(2021, 2, 3, 4, 5, 6, tzinfo=UTC)},
        ),
    ],
)  # fmt: skip
def test_others(
    tmp_path: Path, suffix: str, profile: str, row: dict[str, Any], expected: dict[str, object]
) -> None:
    source, found = read(tmp_path / f"a{suffix}", row, "rows")
    assert source.profile == profile
    assert found == expected


@pytest.mark.parametrize("glue", [".", "_"])
def test_flattened(tmp_path: Path, glue: str) -> None:
    flat = {
        glue.join(("bbox", corner, axis)): value
        for corner, point in SVI["bbox"].items()
        for axis, value in point.items()
    }
    flat |= {f"location{glue}{name}": value for name, value in SVI["location"].items()}
    flat |= {f"camera_pose{glue}heading": "-120.5"}
    plain = {name: value for name, value in SVI.items() if not isinstance(value, dict)}
    source, found = read(tmp_path / "a.csv", plain | flat, "cropped_observations")
    assert source.profile == "svi_cropped"
    assert found == SVI_ROW


def test_printed_dicts(tmp_path: Path) -> None:
    printed = {name: str(v) if isinstance(v, dict) else v for name, v in SVI.items()}
    assert "'" in printed["location"]
    assert read(tmp_path / "a.csv", printed, "cropped_observations")[1] == SVI_ROW


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("image_id", "image_path"), ("x", "/p.jpg")),
        (("ID", "URL"), ("x", "/p.jpg")),
        (("observation_id", "gcs_uri"), ("x", "/p.jpg")),
        (("something", "file"), ("/p.jpg", "/p.jpg")),
    ],
)
def test_plain_tables(tmp_path: Path, names: tuple[str, str], expected: tuple[str, str]) -> None:
    row = dict(zip(names, ("x", "/p.jpg"), strict=True)) | {"Lat": 1, "lng": 2, "etag": "v"}
    source, found = read(tmp_path / "a.csv", row, "rows")
    assert source.profile == "generic"
    assert (found["observation_id"], found["uri"]) == expected
    assert (found["latitude"], found["longitude"], found["version"]) == (1.0, 2.0, "v")


def wkb(x: float, y: float) -> str:
    import struct

    return (struct.pack("<BIdd", 1, 1, x, y)).hex()


@pytest.mark.parametrize(
    "sql",
    [
        "'POINT (2.5 -1.25)'",
        "'SRID=4326;POINT Z (2.5 -1.25 7)'",
        """'{"type": "Point", "coordinates": [2.5, -1.25]}'""",
        """'{"type": "Point", "coordinates": [2.5, -1.25]}'::JSON""",
        "{'latitude': -1.25, 'longitude': '2.5'}",
        "{'type': 'Point', 'coordinates': [2.5, -1.25]}",
        f"from_hex('{wkb(2.5, -1.25)}')",
        "'POINT (2.5 -1.25)'::GEOMETRY",
    ],
)
def test_points_in_any_form(tmp_path: Path, sql: str) -> None:
    with duckdb.connect(str(tmp_path / "a.duckdb")) as database:
        database.execute(f"CREATE TABLE t AS SELECT 'x.jpg' AS uri, {sql} AS geometry")
    source = registry.load("sources", "duckdb").open_source(
        str(tmp_path / "a.duckdb"), SourceOptions()
    )
    (row,) = rows(source)
    assert (row["latitude"], row["longitude"]) == (-1.25, 2.5)


@pytest.mark.parametrize(
    ("written", "read_as"),
    [
        ("2019-09-25 17:26:27.757171 UTC", "2019-09-25 17:26:27.757171+00:00"),
        ("2025-05-27 03:17:03", "2025-05-27 03:17:03+00:00"),
        ("2025-05-27T03:17:03+09:00", "2025-05-26 18:17:03+00:00"),
        ("2025:05:27 03:17:03", "2025-05-27 03:17:03+00:00"),
        ("2025-05-27", "2025-05-27 00:00:00+00:00"),
        ("20250527", "2025-05-27 00:00:00+00:00"),
        ("1700000000", "2023-11-14 22:13:20+00:00"),
        ("1700000000.5", "2023-11-14 22:13:20.500000+00:00"),
        ("1700000000123", "2023-11-14 22:13:20.123000+00:00"),
        ("1700000000123456", "2023-11-14 22:13:20.123456+00:00"),
        ("1700000000123456000", "2023-11-14 22:13:20.123456+00:00"),
        ("yesterday", "None"),
        ("nan", "None"),
        ("1e300", "None"),
        ("", "None"),
    ],
)
def test_times(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: str, read_as: str) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    (tmp_path / "a.csv").write_text(f"uri,timestamp\na.jpg,{written}\n")
    source = registry.load("sources", "csv").open_source(str(tmp_path / "a.csv"), SourceOptions())
    (row,) = rows(source)
    assert str(row["captured_at"]) == read_as


@pytest.mark.parametrize("bad", ["north", "nan", "inf", "-91", "1e9", ""])
def test_numbers_that_make_no_sense(tmp_path: Path, bad: str) -> None:
    (tmp_path / "a.csv").write_text(f"uri,lat,lon,heading\na.jpg,{bad},{bad}x,400\n")
    source = registry.load("sources", "csv").open_source(str(tmp_path / "a.csv"), SourceOptions())
    (row,) = rows(source)
    assert row["latitude"] is row["longitude"] is row["heading"] is None
