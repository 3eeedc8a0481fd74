"""What the custom metadata of an object tells of its photo: place, time, asset."""

import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

__all__ = ["TOLD", "told"]


def _degrees(most: float) -> Callable[[str], float | None]:
    def read(text: str) -> float | None:
        found = float(text)
        return found if math.isfinite(found) and abs(found) <= most else None

    return read


def _moment(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def _text(text: str) -> str | None:
    return text.strip() or None


TOLD: Mapping[str, Callable[[str], Any]] = {
    "asset_id": _text, "asset_type": _text, "latitude": _degrees(90), "longitude": _degrees(180),
    "heading": _degrees(360), "captured_at": _moment,
}  # fmt: skip
"""Column of an observation → how its value is read from the metadata of the same name."""


def told(metadata: Mapping[str, str], column: str) -> Any:
    """The value of a column; None where the metadata has none, or none that fits."""
    text = metadata.get(column)
    if not isinstance(text, str):
        return None
    try:
        return TOLD[column](text)
    except ValueError:
        return None
