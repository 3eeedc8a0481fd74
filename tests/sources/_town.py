"""The tables of Street View Insights with rows but without pictures: quick to make."""

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from vistoria.street.tables import write_database

KINDS = ("ASSET_CLASS_UTILITY_POLE", "ASSET_CLASS_ROAD_SIGN", "ASSET_CLASS_MAINTENANCE_COVER")


def write_town(path: Path, *, assets: int = 40, seed: int = 1) -> None:
    """Two snapshots; most assets have several observations, as in Google's data."""
    chance = random.Random(seed)
    first = datetime(2026, 8, 1, 3, 17, 26, 757171, UTC)
    snapshots = [
        {
            "snapshot_id": f"{chance.getrandbits(128):032x}",
            "subscription_id": "subscription-1",
            "creation_time": first + timedelta(days=30 * number),
            "product_types": ["SV_CROPPED_ASSETS"] + ["SV_PANO"] * number,
        }
        for number in range(2)
    ]
    observations, listed = [], []
    for snapshot in snapshots:
        for number in range(assets):
            mine = _observations(random.Random(f"{seed}:{number}"), snapshot, KINDS[number % 3])
            observations += mine
            newest = max(mine, key=lambda row: row["capture_time"])
            names = ("asset_id", "snapshot_id", "asset_type", "location", "observation_id")
            taken = newest["capture_time"]
            listed.append({name: newest[name] for name in names} | {"detection_time": taken})
    write_database(path, snapshots, observations, listed)


def _observations(
    chance: random.Random, snapshot: dict[str, Any], kind: str
) -> list[dict[str, Any]]:
    asset = f"t1:{chance.getrandbits(128):032x}:ffff005f"
    latitude, longitude = chance.uniform(-30, -20), chance.uniform(-50, -40)
    rows = []
    for _ in range(chance.choice((1, 1, 1, 2, 2, 3, 4, 5))):
        observation = f"o1:{chance.getrandbits(128):032x}:00110060"
        left, top = chance.uniform(0, 900), chance.uniform(0, 900)
        taken = datetime(2015, 1, 1, tzinfo=UTC) + timedelta(seconds=chance.randrange(360_000_000))
        rows.append(
            {
                "snapshot_id": snapshot["snapshot_id"],
                "asset_id": asset,
                "asset_type": kind,
                "location": {"latitude": latitude, "longitude": longitude},
                "detection_time": taken,
                "observation_id": observation,
                "bbox": {"lo": {"x": left, "y": top}, "hi": {"x": left + 80, "y": top + 300}},
                "camera_pose": {
                    "latitude": latitude, "longitude": longitude, "altitude": 2.5,
                    "pitch": -80.0, "heading": chance.uniform(-180, 180), "roll": 0.0,
                },
                "capture_time": taken,
                "gcs_uri": f"gs://photos/{snapshot['snapshot_id']}/v0/{observation}.jpg",
                "map_url": f"https://www.google.com/maps/search/{latitude},{longitude}",
                "pano_id": None if chance.random() < 0.69 else f"pano{chance.getrandbits(64):x}",
            }
        )  # fmt: skip
    return rows
