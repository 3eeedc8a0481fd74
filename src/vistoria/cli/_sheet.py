"""A contact sheet of photos with what was said about them and what is true."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from random import Random
from typing import TypeAlias
from urllib.parse import urlsplit
from urllib.request import url2pathname

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vistoria.cli._accuracy import Row, wrong_fields

Tile: TypeAlias = tuple[NDArray[np.uint8], str]

SHOWN_WRONG = 6
"""Tiles kept for photos that are labelled wrong, so that one sees what goes wrong."""
_TILES = 24
_FRAME = 8
_GREEN, _RED = (46, 160, 67), (218, 54, 51)


def tiles(fields: Sequence[str], labels: Sequence[Row], truth: Mapping[str, Row]) -> Iterator[Tile]:
    """Framed photos and captions, green where all is right and red where something is not."""
    for label in _varied([row for row in labels if row["status"] == "answered"], fields, truth):
        known = truth[label["observation_id"]]
        wrong = wrong_fields(fields, label, known)
        lines = [", ".join(_part(f, label[f]) for f in fields if label[f] is not None)]
        # Of a thing that was taken for another, nothing else can be right.
        lines += [
            f"WRONG: it is {_part(f, known[f])}" for f in (wrong[:1] if "asset" in wrong else wrong)
        ]
        if known["bad_view"]:
            lines.append("(a bad view)")
        yield _framed(_photo(label["uri"]), _RED if wrong else _GREEN), "\n".join(lines)


def _varied(labels: Sequence[Row], fields: Sequence[str], truth: Mapping[str, Row]) -> list[Row]:
    """All kinds of assets in turn; as many wrong ones as SHOWN_WRONG, if there are."""
    shuffled = list(labels)
    Random(1).shuffle(shuffled)  # the same sheet each time
    wrong: list[Row] = []
    right: list[Row] = []
    for label in _in_turn(shuffled, truth):
        known = truth[label["observation_id"]]
        (wrong if wrong_fields(fields, label, known) else right).append(label)
    some = wrong[: max(SHOWN_WRONG, _TILES - len(right))]
    return list(_in_turn([*some, *right[: _TILES - len(some)]], truth))


def _in_turn(labels: Sequence[Row], truth: Mapping[str, Row]) -> Iterator[Row]:
    kinds: dict[str, list[Row]] = {}
    for label in labels:
        kinds.setdefault(truth[label["observation_id"]]["asset"], []).append(label)
    for one_of_each in zip_longest(*kinds.values()):
        yield from (label for label in one_of_each if label is not None)


def _photo(uri: str) -> NDArray[np.uint8]:
    with Image.open(Path(url2pathname(urlsplit(uri).path))) as image:
        return np.asarray(image.convert("RGB")).copy()


def _framed(picture: NDArray[np.uint8], colour: tuple[int, int, int]) -> NDArray[np.uint8]:
    for edge in (np.s_[:_FRAME], np.s_[-_FRAME:], np.s_[:, :_FRAME], np.s_[:, -_FRAME:]):
        picture[edge] = colour
    return picture


def _part(field: str, value: object) -> str:
    name = field.replace("_", " ")
    if isinstance(value, bool):
        return name if value else f"not {name}"
    word = f"{value:g}" if isinstance(value, int | float) else str(value).replace("_", " ")
    return word if field == "asset" else f"{name} {word}"
