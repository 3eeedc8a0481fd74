"""What a network is tuned towards: the labels of each field as numbers, and where its heads start.

The heads start as they were fitted on the frozen features (linear probing, then fine-tuning: Kumar
et al., ICLR 2022), so that the first steps do not spoil what the backbone knows.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vistoria.student.backbones.backbone import Floats
from vistoria.student.dataset import TrainingSet
from vistoria.student.finetuning.sides import Sides
from vistoria.student.heads import Doubles, Form, fit_head, unthreaded
from vistoria.student.targets import Target
from vistoria.student.training import Learned

__all__ = ["Aim", "Scale", "aims_of", "scale_of"]

_FEWEST = 10  # rows from which a head is fitted


@dataclass(frozen=True, slots=True)
class Scale:
    """By which features are made comparable before the heads."""

    centre: Floats
    spread: Floats


@dataclass(frozen=True, slots=True)
class Aim:
    """A field. `wanted`, per row: a class (classes), 0 or 1 for each choice (set), or a number of
    mean 0 and deviation 1 (value). `weights`: per row, 0 where there is nothing to learn. `weight`
    (dimensions, outputs) and `bias`: where its head starts, on scaled features."""

    name: str
    form: Form
    wanted: NDArray[Any] = field(repr=False)
    weights: Floats = field(repr=False)
    weight: Floats = field(repr=False)
    bias: Floats = field(repr=False)


def scale_of(vectors: Floats, sides: Sides) -> Scale:
    """Of the features of the rows that are learned from."""
    given = vectors[sides.taught]
    spread = given.std(axis=0)
    return Scale(given.mean(axis=0), np.where(spread > 1e-6, spread, 1.0).astype(np.float32))


def aims_of(
    rows: TrainingSet, vectors: Floats, frozen: Learned, scale: Scale, sides: Sides
) -> tuple[Aim, ...]:
    """An aim for each field of which a head was fitted on frozen features, `vectors`."""
    scaled = (vectors - scale.centre) / scale.spread
    with unthreaded():
        return tuple(
            _aim(rows, one.head.target, scaled, sides) for one in frozen.fields.values()
        )  # fmt: skip


def _aim(rows: TrainingSet, target: Target, scaled: Floats, sides: Sides) -> Aim:
    name, count = target.field.name, len(rows)
    weights = np.zeros(count, np.float32)
    weights[target.rows] = rows.weights[name][target.rows]
    taught = np.flatnonzero(sides.taught[target.rows])
    weight, bias = _start(target.take(taught), scaled, weights)
    wanted: NDArray[Any]
    if target.form == "classes":
        wanted = np.zeros(count, np.int64)
        wanted[target.rows] = target.codes
        weights[target.rows] *= _rarity(target.codes, weights[target.rows], len(target.classes))
    elif target.form == "set":
        wanted = np.zeros((count, len(target.classes)), np.float32)
        wanted[target.rows] = target.members
    else:
        known = target.numbers[taught]
        middle, wide = float(known.mean()), max(float(known.std()), 1e-9)
        wanted = np.zeros(count, np.float32)
        wanted[target.rows] = (target.numbers - middle) / wide
        weight, bias = weight[:, :1] / wide, (bias[:1] - middle) / wide
    return Aim(
        name, target.form, wanted, weights, weight.astype(np.float32), bias.astype(np.float32)
    )


def _start(taught: Target, scaled: Floats, weights: Floats) -> tuple[Doubles, Doubles]:
    """A head fitted on the rows to be tuned on, and on no watched one; zeros where it cannot be."""
    width = {"classes": len(taught.classes), "set": len(taught.classes), "value": 2}[taught.form]
    lacking = taught.form == "classes" and len(np.unique(taught.codes)) < width
    if lacking or len(taught) < _FEWEST:
        return np.zeros((scaled.shape[1], width)), np.zeros(width)
    head = fit_head(taught, scaled[taught.rows], weights[taught.rows].astype(np.float64))
    return head.weight, head.bias


def _rarity(codes: NDArray[np.int64], weights: Floats, count: int) -> Floats:
    """As heads weigh rare classes: by the square root of their rarity."""
    shares = np.bincount(codes, weights, count)
    rarity = np.sqrt(shares.sum() / (count * np.maximum(shares, 1e-9)))
    found: Floats = rarity[codes].astype(np.float32)
    return found
