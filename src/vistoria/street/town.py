"""Vila Serena: a made-up town whose assets were photographed for two snapshots."""

import uuid
from collections import Counter
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from vistoria.street.chance import Rng
from vistoria.street.darkroom import develop
from vistoria.street.site import Change, Site, hex_id, settle_town
from vistoria.street.tables import Row, write_database, write_parquet
from vistoria.street.truth import Asset, Truth
from vistoria.street.visit import Visit, visit

TYPES: dict[Asset, str] = {
    "utility_pole": "ASSET_CLASS_UTILITY_POLE",
    "road_sign": "ASSET_CLASS_ROAD_SIGN",
    "maintenance_cover": "ASSET_CLASS_MAINTENANCE_COVER",
}
CREATED = (
    datetime(2024, 5, 20, 17, 26, 27, 757171, tzinfo=UTC),
    datetime(2025, 9, 25, 16, 2, 11, 308466, tzinfo=UTC),
)
SPANS = (
    (datetime(2015, 3, 1, tzinfo=UTC), datetime(2024, 4, 20, tzinfo=UTC)),
    (datetime(2024, 6, 1, tzinfo=UTC), datetime(2025, 8, 31, tzinfo=UTC)),
)
PHOTOS: tuple[dict[int, float], ...] = (
    {1: 0.82, 2: 0.18},
    {1: 0.38, 2: 0.35, 3: 0.20, 4: 0.07},
)
"""Shares of assets by their number of photos, in the older and the newer snapshot."""
BAD = 0.2
"""Share of bad views among the further photos of an asset."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Town:
    """What was written. `changes` maps the assets that really changed to what happened."""

    folder: Path
    database: Path
    truth: Path
    snapshot_ids: tuple[str, str]
    assets: int
    observations: int
    changes: dict[str, Change]


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """One photo of the town: a visit to a site for a snapshot."""

    observation_id: str
    snapshot: int
    site: Site
    visit: Visit
    path: Path
    pano_id: str


def build_town(folder: Path, *, seed: int = 7, assets: int = 200, workers: int = 2) -> Town:
    """Draw the town into `folder`: `images/`, `town.duckdb`, `truth.parquet`, `changes.parquet`.

    Each photo belongs to one snapshot. In the newest, 62 % of the assets have several photos; some
    are bad views on which an attribute can be misread. The same arguments give the same images
    and rows, but for the address of the folder.
    """
    folder = folder.resolve()
    rng = np.random.default_rng([seed, 2015])
    ids = (str(uuid.UUID(bytes=rng.bytes(16), version=4)), _uuid(rng))
    sites = settle_town(rng, assets)
    taken = [photo for site in sites for photo in _photograph(rng, site, folder, ids)]
    for path in {photo.path.parent for photo in taken}:
        path.mkdir(parents=True, exist_ok=True)
    truths = develop([(photo.visit.scene, photo.path) for photo in taken], workers)
    _write(folder, taken, truths, ids, _uuid(rng))
    changes: dict[str, Change] = {
        site.asset_id: site.change for site in sites if site.change != "none"
    }
    return Town(
        folder=folder,
        database=folder / "town.duckdb",
        truth=folder / "truth.parquet",
        snapshot_ids=ids,
        assets=len(sites),
        observations=len(taken),
        changes=changes,
    )


def _uuid(rng: Rng) -> str:
    return str(uuid.UUID(bytes=rng.bytes(16), version=4))


def _photograph(rng: Rng, site: Site, folder: Path, ids: tuple[str, str]) -> list[Observation]:
    """All photos of a site; the first of each snapshot is nearly always a good view."""
    found = []
    for snapshot, thing in enumerate((site.before, site.after)):
        if thing is None:
            continue
        counts = PHOTOS[snapshot]
        count = int(rng.choice(list(counts), p=list(counts.values())))
        for turn in range(count):
            bad = bool(rng.random() < (BAD if turn else 0.04))
            observation_id = f"o1:{hex_id(rng)}:00110060"
            name = observation_id.replace(":", "_") + ".jpg"
            found.append(
                Observation(
                    observation_id=observation_id,
                    snapshot=snapshot,
                    site=site,
                    visit=visit(rng, site.street, thing, SPANS[snapshot], bad=bad),
                    path=folder / "images" / ids[snapshot] / "v0" / name,
                    pano_id=_pano_id(rng),
                )
            )
    return found


def _pano_id(rng: Rng) -> str:
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return "".join(letters[int(at)] for at in rng.integers(0, 64, 22))


def _write(
    folder: Path,
    taken: list[Observation],
    truths: list[Truth],
    ids: tuple[str, str],
    subscription: str,
) -> None:
    last: dict[tuple[str, int], Observation] = {}
    for photo in taken:
        key = (photo.site.asset_id, photo.snapshot)
        if key not in last or photo.visit.captured > last[key].visit.captured:
            last[key] = photo
    snapshots = [
        {
            "snapshot_id": snapshot_id,
            "subscription_id": subscription,
            "creation_time": created,
            "product_types": ["SV_CROPPED_ASSETS"],
        }
        for snapshot_id, created in zip(ids, CREATED, strict=True)
    ]
    observations = [
        _observation_row(photo, truth, ids, last[photo.site.asset_id, photo.snapshot])
        for photo, truth in zip(taken, truths, strict=True)
    ]
    assets = [_asset_row(photo, ids) for photo in last.values()]
    write_database(folder / "town.duckdb", snapshots, observations, assets)
    rows = [
        {
            "observation_id": photo.observation_id,
            "asset_id": photo.site.asset_id,
            "snapshot_id": ids[photo.snapshot],
            **asdict(truth),
            "bad_view": photo.visit.flaw is not None,
            "flaw": photo.visit.flaw,
        }
        for photo, truth in zip(taken, truths, strict=True)
    ]
    write_parquet(folder / "truth.parquet", rows, _truth_schema())
    _write_changes(folder, taken)


def _write_changes(folder: Path, taken: list[Observation]) -> None:
    """One row per asset of the town: what became of it between the snapshots."""
    sites = {photo.site.asset_id: photo.site for photo in taken}
    seen = Counter((photo.site.asset_id, photo.snapshot) for photo in taken)
    rows = [
        {
            "asset_id": key,
            "asset_type": TYPES[site.asset],
            "change": site.change,
            "photos_before": seen[key, 0],
            "photos_after": seen[key, 1],
        }
        for key, site in sites.items()
    ]
    write_parquet(folder / "changes.parquet", rows)


def _place(latitude: float, longitude: float) -> dict[str, float]:
    return {"latitude": latitude, "longitude": longitude}


def _observation_row(
    photo: Observation, truth: Truth, ids: tuple[str, str], last: Observation
) -> Row:
    camera = photo.visit.scene.camera
    latitude, longitude = photo.site.degrees(camera.x, camera.z)
    heading = (photo.site.heading + camera.heading + 180) % 360 - 180
    left, top, right, bottom = truth.box or (0, 0, 0, 0)
    pose: dict[str, Any] = {
        **_place(latitude, longitude),
        "altitude": round(683.0 + camera.height, 3),
        "pitch": round(camera.pitch, 4),
        "heading": round(heading, 4),
        "roll": round(camera.roll, 4),
    }
    return {
        "snapshot_id": ids[photo.snapshot],
        "asset_id": photo.site.asset_id,
        "asset_type": TYPES[photo.site.asset],
        "location": _place(latitude, longitude),
        "detection_time": last.visit.captured,
        "observation_id": photo.observation_id,
        "bbox": {
            "lo": {"x": float(left), "y": float(top)},
            "hi": {"x": float(right), "y": float(bottom)},
        },
        "camera_pose": pose,
        "capture_time": photo.visit.captured,
        "gcs_uri": photo.path.as_uri(),
        "map_url": f"https://www.google.com/maps/search/{latitude},{longitude}",
        "pano_id": photo.pano_id,
    }


def _asset_row(photo: Observation, ids: tuple[str, str]) -> Row:
    thing = photo.visit.scene.thing
    assert thing is not None
    return {
        "asset_id": photo.site.asset_id,
        "snapshot_id": ids[photo.snapshot],
        "asset_type": TYPES[photo.site.asset],
        "location": _place(*photo.site.degrees(thing.x, thing.z)),
        "detection_time": photo.visit.captured,
        "observation_id": photo.observation_id,
    }


def _truth_schema() -> pa.Schema:
    text, flag = pa.string(), pa.bool_()
    return pa.schema(
        [
            ("observation_id", text),
            ("asset_id", text),
            ("snapshot_id", text),
            ("asset", text),
            ("material", text),
            ("leaning", flag),
            ("lean_degrees", pa.float64()),
            ("transformer", flag),
            ("vegetation", flag),
            ("sign_kind", text),
            ("speed_limit", pa.int64()),
            ("sign_condition", text),
            ("cover_shape", text),
            ("cover_cracked", flag),
            ("time_of_day", text),
            ("weather", text),
            ("visible_fraction", pa.float64()),
            ("box", pa.list_(pa.int64())),
            ("bad_view", flag),
            ("flaw", text),
        ]
    )
