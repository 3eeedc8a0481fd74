"""The made-up town: tables as in Street View Insights, true changes, honest bad views."""

from collections import Counter, defaultdict
from pathlib import Path
from typing import Any
from urllib.parse import urlparse
from urllib.request import url2pathname

import duckdb
import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from vistoria.street.site import settle_town
from vistoria.street.town import PHOTOS, Town, build_town

LOCATION = "STRUCT(latitude DOUBLE, longitude DOUBLE)"
BBOX = "STRUCT(lo STRUCT(x DOUBLE, y DOUBLE), hi STRUCT(x DOUBLE, y DOUBLE))"
POSE = (
    "STRUCT(latitude DOUBLE, longitude DOUBLE, altitude DOUBLE, "
    "pitch DOUBLE, heading DOUBLE, roll DOUBLE)"
)
TIME = "TIMESTAMP WITH TIME ZONE"
OBSERVATIONS = [
    ("snapshot_id", "VARCHAR"), ("asset_id", "VARCHAR"), ("asset_type", "VARCHAR"),
    ("location", LOCATION), ("detection_time", TIME), ("observation_id", "VARCHAR"),
    ("bbox", BBOX), ("camera_pose", POSE), ("capture_time", TIME), ("gcs_uri", "VARCHAR"),
    ("map_url", "VARCHAR"), ("pano_id", "VARCHAR"),
]  # fmt: skip
ASSETS = [
    ("asset_id", "VARCHAR"), ("snapshot_id", "VARCHAR"), ("asset_type", "VARCHAR"),
    ("location", LOCATION), ("detection_time", TIME), ("observation_id", "VARCHAR"),
]  # fmt: skip
SNAPSHOTS = [
    ("snapshot_id", "VARCHAR"), ("subscription_id", "VARCHAR"), ("creation_time", TIME),
    ("product_types", "VARCHAR[]"),
]  # fmt: skip
ATTRIBUTES = (
    "material", "leaning", "transformer", "vegetation", "sign_kind", "speed_limit",
    "sign_condition", "cover_shape", "cover_cracked",
)  # fmt: skip


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Town:
    return build_town(tmp_path_factory.mktemp("town"), assets=30, workers=1)


@pytest.fixture(scope="module")
def truth(town: Town) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pq.read_table(town.truth).to_pylist()
    return rows


def ask(town: Town, query: str) -> list[Any]:
    with duckdb.connect(str(town.database), read_only=True) as database:
        return database.execute(query).fetchall()


@pytest.mark.parametrize(
    ("table", "columns"),
    [
        ("snapshots", SNAPSHOTS),
        ("cropped_observations_all", OBSERVATIONS),
        ("cropped_observations_latest", OBSERVATIONS),
        ("cropped_assets_all", ASSETS),
        ("cropped_assets_latest", ASSETS),
    ],
)
def test_tables_have_the_columns_of_street_view_insights(
    town: Town, table: str, columns: list[tuple[str, str]]
) -> None:
    assert [row[:2] for row in ask(town, f"DESCRIBE {table}")] == columns


def test_there_are_no_other_tables(town: Town) -> None:
    assert len(ask(town, "SHOW TABLES")) == 5


def test_rows_and_files_agree(town: Town) -> None:
    rows = ask(town, "SELECT gcs_uri, observation_id, snapshot_id FROM cropped_observations_all")
    assert len(rows) == town.observations
    for uri, observation_id, snapshot_id in rows:
        path = Path(url2pathname(urlparse(uri).path))
        assert path.parts[-3:-1] == (snapshot_id, "v0")
        assert path.stem.replace("_", ":") == observation_id
        with Image.open(path) as photo:
            assert photo.size == (640, 480)
    drawn = list((town.folder / "images").rglob("*.jpg"))
    assert len(drawn) == town.observations


def test_latest_is_the_newest_snapshot(town: Town) -> None:
    newest = ask(town, "SELECT snapshot_id FROM snapshots ORDER BY creation_time DESC LIMIT 1")
    assert newest[0][0] == town.snapshot_ids[1]
    for kind in ("observations", "assets"):
        inside = ask(town, f"SELECT DISTINCT snapshot_id FROM cropped_{kind}_latest")
        assert inside == newest
        both = ask(town, f"SELECT count(DISTINCT snapshot_id) FROM cropped_{kind}_all")
        assert both == [(2,)]


def test_ids_boxes_and_times_are_well_formed(town: Town) -> None:
    odd = ask(
        town,
        "SELECT count(*) FROM cropped_observations_all o JOIN snapshots s USING (snapshot_id) "
        "WHERE NOT regexp_full_match(asset_id, 't1:[0-9a-f]{32}:ffff005f') "
        "OR NOT regexp_full_match(observation_id, 'o1:[0-9a-f]{32}:00110060') "
        "OR bbox.lo.x < 0 OR bbox.hi.x > 640 OR bbox.lo.x >= bbox.hi.x "
        "OR bbox.lo.y < 0 OR bbox.hi.y > 480 OR bbox.lo.y >= bbox.hi.y "
        "OR capture_time >= creation_time OR detection_time < capture_time "
        "OR abs(camera_pose.heading) > 180 OR abs(location.latitude - 41.74) > 0.1",
    )
    assert odd == [(0,)]


def test_shares_of_photos_per_asset(town: Town) -> None:
    assert 1 - PHOTOS[1][1] == pytest.approx(0.62)
    counts = ask(town, "SELECT count(*) FROM cropped_observations_latest GROUP BY asset_id")
    several = sum(count > 1 for (count,) in counts) / len(counts)
    assert 0.4 < several < 0.85


def test_an_asset_is_the_same_in_all_photos_of_a_snapshot(truth: list[dict[str, Any]]) -> None:
    looks: dict[tuple[str, str], set[tuple[Any, ...]]] = defaultdict(set)
    for row in truth:
        key = (row["asset_id"], row["snapshot_id"])
        looks[key].add(tuple(row[name] for name in ATTRIBUTES))
    assert all(len(look) == 1 for look in looks.values())


def test_real_changes_are_recorded_and_nothing_else_changed(
    town: Town, truth: list[dict[str, Any]]
) -> None:
    looks = {
        (row["asset_id"], row["snapshot_id"]): [row[name] for name in ATTRIBUTES] for row in truth
    }
    assert town.changes
    for asset_id in {key[0] for key in looks}:
        before, after = (looks.get((asset_id, snapshot)) for snapshot in town.snapshot_ids)
        change = town.changes.get(asset_id, "none")
        assert (before is None) == (change == "new")
        assert (after is None) == (change == "gone")
        if before is not None and after is not None:
            assert (before != after) == (change != "none")
    listed = pq.read_table(town.folder / "changes.parquet").to_pylist()
    assert {row["asset_id"]: row["change"] for row in listed if row["change"] != "none"} == (
        town.changes
    )


def test_good_views_are_clear_and_bad_views_exist(truth: list[dict[str, Any]]) -> None:
    assert any(row["bad_view"] for row in truth)
    assert all(row["visible_fraction"] >= 0.6 for row in truth if not row["bad_view"])
    assert sum(row["bad_view"] for row in truth) < len(truth) / 4


def test_a_whole_town_has_every_kind_of_change() -> None:
    sites = settle_town(np.random.default_rng(7), 600)
    kinds = Counter(site.change for site in sites)
    assert set(kinds) == {
        "none", "new", "gone", "leaning", "overgrown", "cut_back", "graffiti", "faded",
        "replaced", "cracked",
    }  # fmt: skip
    assert 0.6 < kinds["none"] / len(sites) < 0.85
    assert len({site.asset_id for site in sites}) == 600
