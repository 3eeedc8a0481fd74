"""What the street model answers: one head per field of a drawn photo's truth."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from vistoria.street.truth import (
    ASSETS,
    COVER_SHAPES,
    MATERIALS,
    SIGN_CONDITIONS,
    SIGN_KINDS,
    SPEEDS,
    Truth,
)

__all__ = ["HEADS", "HEADS_BY_NAME", "HEIGHT", "UNASKED", "WIDTH", "Head", "encode"]

WIDTH, HEIGHT = 320, 240
"""Pixels of the frame that the model sees: half of what the renderer draws."""
UNASKED = -1
"""The label of a head that does not apply to a photo."""

_BOOLEAN = ("false", "true")


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """One answer: a probability for each of `classes`.

    `only_if`: the answers of other heads that make this one meaningful. `stage`: 1 looks at the
    whole frame, 2 at the crop around the asset. `bar`: the accuracy that the project asks for on
    held-out photos, if it asks.
    """

    name: str
    classes: tuple[str, ...]
    kind: Literal["choice", "boolean", "number"]
    stage: Literal[1, 2]
    only_if: dict[str, str] | None = None
    bar: float | None = None


_POLE = {"asset": "utility_pole"}
_SIGN = {"asset": "road_sign"}
_COVER = {"asset": "maintenance_cover"}

HEADS: tuple[Head, ...] = (
    Head(name="asset", classes=ASSETS, kind="choice", stage=1, bar=0.98),
    Head(name="material", classes=MATERIALS, kind="choice", stage=2, only_if=_POLE, bar=0.90),
    Head(name="leaning", classes=_BOOLEAN, kind="boolean", stage=1, only_if=_POLE, bar=0.96),
    Head(name="transformer", classes=_BOOLEAN, kind="boolean", stage=2, only_if=_POLE),
    Head(name="vegetation", classes=_BOOLEAN, kind="boolean", stage=2, only_if=_POLE),
    Head(name="sign_kind", classes=SIGN_KINDS, kind="choice", stage=2, only_if=_SIGN, bar=0.94),
    Head(
        name="speed_limit",
        classes=tuple(map(str, SPEEDS)),
        kind="number",
        stage=2,
        only_if=_SIGN | {"sign_kind": "speed_limit"},
        bar=0.80,
    ),
    Head(
        name="sign_condition",
        classes=SIGN_CONDITIONS,
        kind="choice",
        stage=2,
        only_if=_SIGN,
        bar=0.90,
    ),
    Head(
        name="cover_shape", classes=COVER_SHAPES, kind="choice", stage=2, only_if=_COVER, bar=0.94
    ),
    Head(name="cover_cracked", classes=_BOOLEAN, kind="boolean", stage=2, only_if=_COVER, bar=0.94),
)
HEADS_BY_NAME = {head.name: head for head in HEADS}


def encode(truth: Truth) -> NDArray[np.int64]:
    """The class of each head, in the order of `HEADS`; `UNASKED` where it does not apply."""
    found = []
    for head in HEADS:
        value = getattr(truth, head.name)
        text = str(value).lower() if isinstance(value, bool) else str(value)
        found.append(UNASKED if value is None else head.classes.index(text))
    return np.array(found, np.int64)
