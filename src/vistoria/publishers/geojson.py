"""GeoJSON: one feature per asset, for web maps and QGIS.

As RFC 7946 has it: WGS 84, longitude before latitude, a `null` geometry where the place is not
known, a bounding box. What the edition is, and whose pictures it rests on, stands in members of the
collection and in the properties of each feature. Photos stand in for assets where no row names one.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from vistoria.publishers import Advance, Publisher, PublisherOptions
from vistoria.publishers._collection import held, write_collection
from vistoria.publishers._edition import Edition
from vistoria.publishers._files import FilePublisher, bare, check_options
from vistoria.publishers._units import Unit, units_of

__all__ = ["EXTRA", "SCHEMES", "SUFFIXES", "open_publisher"]

SCHEMES = ("geojson",)
SUFFIXES = (".geojson",)
EXTRA = None
_DIGITS = 7  # of a degree: a centimetre, as the RFC advises not to write more than is known


def open_publisher(address: str, options: PublisherOptions) -> Publisher:
    """One file."""
    check_options(options)
    return FilePublisher(bare(address, *SCHEMES), options, _write, held)


def _write(path: Path, edition: Edition, advance: Advance) -> Mapping[str, int]:
    units = units_of(edition)
    box: list[float] = []

    def features() -> Iterator[dict[str, Any]]:
        nonlocal box
        for unit in units.rows:
            feature = feature_of(unit)
            if feature["geometry"]:
                box = _wider(box, feature["geometry"]["coordinates"])
            yield feature

    def members() -> dict[str, Any]:
        return {**({"bbox": box} if box else {}), "attribution": edition.attribution}

    return write_collection(path, edition, units.kind, features(), advance, members)


def feature_of(unit: Unit) -> dict[str, Any]:
    """A unit as a GeoJSON feature."""
    geometry = None
    if unit.place is not None:
        place = [round(degrees, _DIGITS) for degrees in unit.place]
        geometry = {"type": "Point", "coordinates": place}
    return {
        "type": "Feature", "id": unit.id, "geometry": geometry, "properties": dict(unit.properties)
    }  # fmt: skip


def _wider(box: list[float], point: list[float]) -> list[float]:
    west, south, east, north = box or [*point, *point]
    return [
        min(west, point[0]), min(south, point[1]), max(east, point[0]), max(north, point[1])
    ]  # fmt: skip
