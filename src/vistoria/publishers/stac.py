"""STAC: an item collection of the photos, with their labels as properties.

One item per answered photo (STAC 1.1), its image as asset `image`, its labels as `vistoria:FIELD`.
A photo whose time is not known has been taken some time before the run began, and says so.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from vistoria.publishers import Advance, Publisher, PublisherOptions
from vistoria.publishers._collection import held, write_collection
from vistoria.publishers._edition import Edition
from vistoria.publishers._files import FilePublisher, bare, check_options

__all__ = ["EXTRA", "SCHEMES", "SUFFIXES", "open_publisher"]

SCHEMES = ("stac",)
SUFFIXES = (".stac.json",)
EXTRA = None
_FIRST = "1900-01-01T00:00:00Z"
_TYPES = {".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".png": "image/png", ".webp": "image/webp"}


def open_publisher(address: str, options: PublisherOptions) -> Publisher:
    """One file."""
    check_options(options)
    return FilePublisher(bare(address, *SCHEMES), options, _write, held)


def _write(path: Path, edition: Edition, advance: Advance) -> Mapping[str, int]:
    items = (_item(edition, ordinal, row) for ordinal, row in edition.photos())
    return write_collection(path, edition, "items", items, advance)


def _item(edition: Edition, ordinal: int, row: Mapping[str, Any]) -> dict[str, Any]:
    item: dict[str, Any] = {
        "type": "Feature", "stac_version": "1.1.0", "stac_extensions": [],
        "id": f"{edition.key}-{ordinal}", "geometry": None,
        "properties": _properties(edition, row), "links": [],
        "assets": {"image": _image(row["uri"])},
    }  # fmt: skip
    if row["latitude"] is not None and row["longitude"] is not None:
        place = [row["longitude"], row["latitude"]]
        item |= {"geometry": {"type": "Point", "coordinates": place}, "bbox": [*place, *place]}
    return item


def _properties(edition: Edition, row: Mapping[str, Any]) -> dict[str, Any]:
    kept = ("observation_id", "asset_id", "asset_type", "snapshot_id", "model_version")
    known = {f"vistoria:{name}": row[name] for name in kept if row[name] is not None}
    labels = {
        f"vistoria:{name}": row[name]
        for field in edition.fields
        for name in (field.name, f"{field.name}_confidence")
        if row.get(name) is not None
    }
    return {
        **_time(edition, row["captured_at"]),
        "providers": [{"name": edition.attribution, "roles": ["licensor"]}],
        "vistoria:model": edition.run.model, "vistoria:version": edition.version,
        **known, **labels,
    }  # fmt: skip


def _time(edition: Edition, captured_at: str | None) -> dict[str, Any]:
    if captured_at is not None:
        return {"datetime": _utc(captured_at)}
    last = _utc(edition.run.started_at)
    return {"datetime": None, "start_datetime": _FIRST, "end_datetime": last}


def _utc(text: str) -> str:
    moment = datetime.fromisoformat(text)
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return moment.isoformat().replace("+00:00", "Z")


def _image(uri: str) -> dict[str, Any]:
    asset: dict[str, Any] = {"href": uri, "roles": ["data"]}
    kind = _TYPES.get(Path(uri).suffix.lower())
    return asset if kind is None else asset | {"type": kind}
