"""A GeoJSON collection that is written feature by feature, and whose end says what it holds."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from vistoria.publishers import Advance
from vistoria.publishers._edition import Edition

__all__ = ["held", "write_collection"]

_TAIL = 8192  # bytes, in which the mark must be found
_MARK = re.compile(r'"vistoria": (\{.*\})\}\s*$')


def write_collection(
    path: Path,
    edition: Edition,
    kind: str,
    features: Iterator[Mapping[str, Any]],
    advance: Advance,
    members: Callable[[], Mapping[str, Any]] = dict,
) -> Mapping[str, int]:
    """Writes the features, one a line, and counts them as `kind`. `members`: further members of
    the collection; asked for once all features are written."""
    rows = 0
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.write('{"type": "FeatureCollection", "features": [')
        for feature in features:
            file.write(",\n" if rows else "\n")
            file.write(_json(feature))
            rows += 1
            advance(kind, 1)
        file.write("\n]")
        for name, value in members().items():
            file.write(f', "{name}": {_json(value)}')
        mark = {**edition.provenance(), "rows": {kind: rows}}
        file.write(f', "vistoria": {_json(mark)}}}\n')
    return {kind: rows}


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)


def held(path: Path) -> Mapping[str, Any] | None:
    """What the end of a collection says."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - _TAIL))
        found = _MARK.search(file.read().decode("utf-8", "replace"))
    return json.loads(found[1]) if found else None
