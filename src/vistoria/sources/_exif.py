"""Place, time and direction that a camera wrote into a photo."""

import math
import os
import re
import warnings
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, NamedTuple
from urllib.parse import unquote_to_bytes

import pyarrow as pa
import pyarrow.compute as pc
from PIL import Image

__all__ = ["Shot", "complete", "read_shot"]

_HEAD_BYTES = 1 << 18
_EXIF_IFD, _GPS_IFD = 0x8769, 0x8825
_BROKEN = (OSError, ValueError, TypeError, LookupError, ArithmeticError, SyntaxError, EOFError)
"""What Pillow raises on metadata that is damaged; a photo without them is still a photo."""


class Shot(NamedTuple):
    """Degrees north and east, time in UTC, degrees clockwise from north; None where unknown."""

    latitude: float | None = None
    longitude: float | None = None
    captured_at: datetime | None = None
    heading: float | None = None


def complete(batch: "pa.RecordBatch") -> "pa.RecordBatch":
    """`batch` with the gaps in `Shot`'s columns filled from photos that are local JPEG files."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of Pillow, on metadata that is damaged
        shots = [_shot_at(uri) for uri in batch.column("uri").to_pylist()]
    for name in Shot._fields:
        place = batch.schema.get_field_index(name)
        kind = batch.schema.field(place)
        read = pa.array([getattr(shot, name) for shot in shots], kind.type)
        batch = batch.set_column(place, kind, pc.coalesce(batch.column(place), read))
    return batch


def read_shot(head: bytes) -> Shot:
    """What the beginning of a JPEG file says; nothing for other bytes or broken metadata."""
    block = _exif_block(head)
    if block is None:
        return Shot()
    exif = Image.Exif()
    try:
        exif.load(block)
        gps, camera = exif.get_ifd(_GPS_IFD), exif.get_ifd(_EXIF_IFD)
    except _BROKEN:
        return Shot()
    latitude, longitude = _angle(gps, 2, 1, "S", 90), _angle(gps, 4, 3, "W", 180)
    if latitude is None or longitude is None or latitude == longitude == 0:  # 0, 0: no fix
        latitude = longitude = None
    return Shot(latitude, longitude, _time(exif, camera, gps), _heading(gps))


def _shot_at(uri: str) -> Shot:
    if uri.startswith("file:///"):
        path: bytes | str = unquote_to_bytes(uri.removeprefix("file://"))
    elif uri.startswith("/"):
        path = uri
    else:
        return Shot()
    if not os.path.isfile(path):  # noqa: PTH113 - a Path cannot be made of bytes; pipes would wait
        return Shot()
    try:
        with open(path, "rb") as file:  # noqa: PTH123
            return read_shot(file.read(_HEAD_BYTES))
    except (OSError, ValueError):
        return Shot()  # the run will say what is wrong with it


def _exif_block(head: bytes) -> bytes | None:
    """The Exif segment of a JPEG file; layout: ITU-T T.81 annex B, Exif 2.32 section 4.5."""
    at = 2 if head.startswith(b"\xff\xd8") else len(head)
    while at + 4 <= len(head) and head[at] == 0xFF and head[at + 1] not in (0xDA, 0xD9):
        size = int.from_bytes(head[at + 2 : at + 4], "big")
        segment = head[at + 4 : at + 2 + size]
        if head[at + 1] == 0xE1 and segment.startswith(b"Exif\0\0"):
            return segment
        at += 2 + size
    return None


def _angle(gps: dict[int, Any], value: int, sign: int, negative: str, bound: int) -> float | None:
    degrees = _numbers(gps.get(value))
    if not degrees:
        return None
    angle = sum(part / 60**place for place, part in enumerate(degrees[:3]))
    if str(gps.get(sign, "")).strip("\0 ").upper() == negative:
        angle = -angle
    return angle if abs(angle) <= bound else None


def _heading(gps: dict[int, Any]) -> float | None:
    numbers = _numbers(gps.get(17))
    return numbers[0] if numbers and 0 <= numbers[0] <= 360 else None


def _numbers(value: object) -> list[float]:
    parts: Iterable[Any] = value if isinstance(value, tuple) else () if value is None else (value,)
    try:
        numbers = [float(part) for part in parts]
    except (ValueError, TypeError, ArithmeticError):
        return []
    return numbers if all(map(math.isfinite, numbers)) else []  # NaN: 0/0


def _time(exif: Image.Exif, camera: dict[int, Any], gps: dict[int, Any]) -> datetime | None:
    """Local time with its offset, else the satellites' time, else local time taken as UTC."""
    written = camera.get(36867) or camera.get(36868) or exif.get(306)
    offset = camera.get(36881) or camera.get(36880)
    clock = _numbers(gps.get(7))
    if not (written and offset) and gps.get(29) and len(clock) == 3:
        written = f"{gps[29]} {int(clock[0]):02}:{int(clock[1]):02}:{int(clock[2]):02}"
        offset = None
    return _moment(str(written), str(offset) if offset else "+00:00")


def _moment(written: str, offset: str) -> datetime | None:
    date = re.match(r"(\d{4})[:-](\d\d)[:-](\d\d)[ T](\d\d:\d\d:\d\d)", written.strip("\0 "))
    if date is None:
        return None
    try:
        text = f"{date[1]}-{date[2]}-{date[3]}T{date[4]}{offset.strip(chr(0) + ' ') or '+00:00'}"
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
