"""Fits the heads of a student, and says how good they are on rows they never saw."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vistoria.errors import UserError
from vistoria.records import Value
from vistoria.student.backbones.backbone import Floats
from vistoria.student.backbones.embedding import Listen, unheard
from vistoria.student.dataset import TrainingSet
from vistoria.student.finetuning.sides import Sides
from vistoria.student.heads import (
    Doubles,
    Head,
    calibrated,
    finished,
    fit_head,
    loss,
    temperature_of,
    unthreaded,
)
from vistoria.student.measure import Measured, measured
from vistoria.student.targets import Target, target_of
from vistoria.task import Field, Task

__all__ = ["Fitted", "Learned", "Point", "Suspect", "learn"]

_STRENGTHS = (0.003, 0.03, 0.3)
_FOLDS = 4
_CURVE = (0.125, 0.25, 0.5)
_TRUSTED = 200  # decisions of people from which confidence is fitted on them alone


class Suspect(NamedTuple):
    """A label that the student, not having seen it, would give otherwise. `margin`: by how much
    its own answer is likelier, from -1 to 1."""

    ordinal: int
    field: str
    label: Value
    student: str
    margin: float


class Point(NamedTuple):
    """One point of a learning curve: rows learned from, agreement on validation rows."""

    rows: int
    agreement: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """One field. `trained` is false where it does no better than always giving the commonest
    answer; `test`: on rows it never saw; `curve`: agreement over rows learned from. `trusted`: its
    confidence was fitted on decisions of people."""

    head: Head
    rows: int
    human: int
    trained: bool
    trusted: bool
    test: Measured
    curve: tuple[Point, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Learned:
    """What training came to. `left`: field → why it stays with the teacher."""

    fields: Mapping[str, Fitted]
    left: Mapping[str, str]
    suspects: tuple[Suspect, ...]
    seconds: float


def learn(
    rows: TrainingSet, vectors: Floats, task: Task, listen: Listen = unheard, *,
    suspects: int = 200, sides: Sides | None = None,
) -> Learned:  # fmt: skip
    """Heads for the fields that can be learned; `vectors`: one per row. Raises UserError when
    none can.

    `sides`: of a backbone that was tuned on some rows. Heads are fitted on these, and everything
    that needs rows not seen (strength, temperature, whether it beats guessing) rests on the watched
    ones; no curve is drawn, and only watched labels can be suspects.
    """
    started = time.monotonic()
    fields: dict[str, Fitted] = {}
    left: dict[str, str] = {}
    doubts: list[Suspect] = []
    for number, asked in enumerate(task.fields):
        listen(f"learning {asked.name}", number, len(task.fields))
        with unthreaded():
            found = _field(rows, vectors, asked, sides)
        if isinstance(found, str):
            left[asked.name] = found
        else:
            fields[asked.name] = found[0]
            doubts += found[1]
    listen("learning", len(task.fields), len(task.fields))
    if not fields:
        why = "; ".join(f"{name}: {reason}" for name, reason in left.items())
        raise UserError(f"no field can be learned from {len(rows)} rows: {why}")
    doubts.sort(key=lambda one: -one.margin)
    return Learned(
        fields=fields, left=left, suspects=tuple(doubts[:suspects]),
        seconds=time.monotonic() - started,
    )  # fmt: skip


def _field(
    rows: TrainingSet, vectors: Floats, asked: Field, sides: Sides | None
) -> tuple[Fitted, list[Suspect]] | str:
    """A field's head; or why there is none."""
    train = rows.part == 0 if sides is None else sides.either
    every = target_of(asked, rows.labels[asked.name], (rows.weights[asked.name] > 0) & train)
    if isinstance(every, str):
        return every
    weights = rows.weights[asked.name][every.rows]
    folds = _folds(rows.group[every.rows]) if sides is None else 1 - sides.watched[every.rows]
    features = vectors[every.rows]
    strength = _strength(every, features, weights, folds)
    scores = _outside(every, features, weights, folds, strength, _FOLDS if sides is None else 1)
    if scores is None:
        return "its answers come from too few assets to check it"
    judged = np.flatnonzero(folds < (_FOLDS if sides is None else 1))
    outside, target, seen = scores[judged], every.take(judged), weights[judged]
    trusted = rows.people(asked.name)[target.rows]
    enough = int(trusted.sum()) >= _TRUSTED
    heat = temperature_of(*_checked(outside, target, seen, trusted if enough else None))
    kept = np.flatnonzero(folds > 0) if sides is not None else np.arange(len(every))
    whole = calibrated(fit_head(every.take(kept), features[kept], weights[kept], strength), heat)
    fitted = Fitted(
        head=whole, rows=len(kept), human=int(rows.people(asked.name)[every.rows[kept]].sum()),
        trained=_beats_guessing(outside, target, seen), trusted=enough,
        test=measured(rows, vectors, whole, part=2),
        curve=_curve(rows, vectors, every, strength) if sides is None else (),
    )  # fmt: skip
    return fitted, _suspects(rows, target, outside / heat if target.form != "value" else outside)


def _checked(
    outside: Doubles, target: Target, weights: Doubles, trusted: NDArray[np.bool_] | None
) -> tuple[Doubles, Target, Doubles]:
    """What the temperature is fitted on: rows that people decided, where there are enough."""
    if trusted is None:
        return outside, target, weights
    index = np.flatnonzero(trusted)
    return outside[index], target.take(index), weights[index]


def _folds(group: NDArray[np.int64]) -> NDArray[np.int64]:
    """A fold per row; the rows of one asset are in one."""
    return (_places(group, 0) * _FOLDS).astype(np.int64)


def _places(group: NDArray[np.int64], salt: int) -> Doubles:
    """A number from 0 to 1 for each asset: another `salt`, another number."""
    mixed = (group.astype(np.uint64) + np.uint64(salt)) * np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(29))) * np.uint64(0xBF58476D1CE4E5B9)
    return (mixed >> np.uint64(11)).astype(np.float64) / 2.0**53


def _fit_without(
    target: Target, features: Floats, weights: Doubles, kept: NDArray[np.bool_], strength: float
) -> Head | None:
    """A head of some rows; None where they lack a class."""
    part = target.take(np.flatnonzero(kept))
    if target.form == "classes" and len(np.unique(part.codes)) < len(target.classes):
        return None
    if target.form == "value" and len(part) < 10:
        return None
    return fit_head(part, features[kept], weights[kept], strength)


def _strength(
    target: Target, features: Floats, weights: Doubles, folds: NDArray[np.int64]
) -> float:
    """The one that does best on a fold left out."""
    if target.form == "value":
        return _STRENGTHS[0]  # ridge regression finds its own
    best, found = float("inf"), _STRENGTHS[1]
    kept = folds != 0
    if kept.all() or not kept.any():
        return found
    for strength in _STRENGTHS:
        head = _fit_without(target, features, weights, kept, strength)
        if head is None:
            return found
        index = np.flatnonzero(~kept)
        scores = head.scores(features[index])
        lost = loss(scores, target.take(index), weights[index])
        if lost < best:
            best, found = lost, strength
    return found


def _outside(
    target: Target, features: Floats, weights: Doubles, folds: NDArray[np.int64], strength: float,
    count: int,
) -> Doubles | None:  # fmt: skip
    """Scores of every row of the first `count` folds by a head that has not seen it."""
    found: Doubles | None = None
    for fold in range(count):
        held = folds == fold
        if not held.any():
            continue
        head = _fit_without(target, features, weights, ~held, strength)
        if head is None:
            return None
        scores = head.scores(features[held])
        if found is None:
            found = np.zeros((len(target), scores.shape[1]))
        found[held] = scores
    return found


def _beats_guessing(scores: Doubles, target: Target, weights: Doubles) -> bool:
    """Whether unseen rows are answered better than by what is commonest, by two standard errors."""
    if target.form == "value":
        middle = float(np.median(target.numbers))
        gain = np.abs(target.numbers - middle) - np.abs(target.numbers - scores[:, 0])
    elif target.form == "classes":
        usual = int(np.argmax(np.bincount(target.codes, weights)))
        right = scores.argmax(axis=1) == target.codes
        gain = right.astype(float) - (target.codes == usual)
        if usual_is_most(target.codes, usual):  # then order matters more than the top answer
            sure = finished(scores, "classes", 0.0)[np.arange(len(scores)), target.codes]
            share = np.bincount(target.codes, minlength=len(target.classes)) / len(target.codes)
            gain = np.log(np.clip(sure, 1e-9, 1)) - np.log(share[target.codes])
    else:
        held = target.members.mean(axis=0)
        gain = ((scores > 0) == target.members).mean(axis=1) - (
            (held > 0.5) == target.members
        ).mean(axis=1)
    error = float(np.std(gain)) / max(len(gain), 1) ** 0.5
    return bool(np.mean(gain) > 2 * error)


def usual_is_most(codes: NDArray[np.int64], usual: int) -> bool:
    """Whether nearly all rows have one answer, so that no model gains much by naming another."""
    return bool((codes == usual).mean() > 0.9)


def _curve(
    rows: TrainingSet, vectors: Floats, target: Target, strength: float
) -> tuple[Point, ...]:
    """Agreement on validation rows when learning from fewer assets; and from all."""
    found = []
    place = _places(rows.group[target.rows], 1)
    weights, features = rows.weights[target.field.name][target.rows], vectors[target.rows]
    for share in (*_CURVE, 1.0):
        kept = place < share
        if kept.sum() < 20:
            continue
        head = _fit_without(target, features, weights, kept, strength)
        if head is not None:
            agreement = measured(rows, vectors, head, part=1).agreement.estimate
            if agreement is not None:
                found.append(Point(int(kept.sum()), agreement))
    return tuple(found)


def _suspects(rows: TrainingSet, target: Target, scores: Doubles) -> list[Suspect]:
    """Labels that rows left out would get otherwise, by margin (Northcutt, Jiang & Chuang, JAIR 70
    (2021) 1373 rank likewise); of numbers by how many expected errors they are off."""
    name = target.field.name
    ordinals = rows.ordinals[target.rows]
    labels: Sequence[Value] = [rows.labels[name][i] for i in target.rows.tolist()]
    if target.form == "value":
        off = np.abs(target.numbers - scores[:, 0]) / np.exp(scores[:, 1])
        margins = 1 - np.exp(1 - np.maximum(off, 1.0))
        said = [f"{value:g}" for value in np.round(scores[:, 0], 3)]
    elif target.form == "classes":
        found = finished(scores, "classes", 0.0)
        own = found[np.arange(len(found)), target.codes]
        other = found.copy()
        other[np.arange(len(found)), target.codes] = -1
        margins = other.max(axis=1) - own
        said = [target.classes[code] for code in other.argmax(axis=1)]
    else:
        found = finished(scores, "set", 0.0)
        margins = np.where(target.members, 1 - 2 * found, 2 * found - 1).max(axis=1)
        said = [
            ", ".join(n for n, p in zip(target.classes, row, strict=True) if p >= 0.5)
            for row in found
        ]
    return [
        Suspect(int(ordinals[i]), name, labels[i], said[i], float(margins[i]))
        for i in np.flatnonzero(margins > 0).tolist()
    ]
