"""How a head does on rows it was not fitted on, with limits that hold."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vistoria.records import Value
from vistoria.student.backbones.backbone import Floats
from vistoria.student.dataset import TrainingSet
from vistoria.student.heads import Doubles, Head
from vistoria.student.targets import class_name, fitting
from vistoria.task import Field
from vistoria.truth import Interval, binomial

__all__ = ["Measured", "answers_of", "calibration_error", "confusion_of", "measured"]

_BINS = 15


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """On `rows` rows. `agreement` with the teacher and `accuracy` against people rest on one
    row per asset, drawn by hash (`assets`, `people`): photos of one asset share their errors, and
    limits that count each of them would be too narrow. `calibration`: expected error of the
    confidence. `confusion`: label → answer → rows.
    """

    rows: int
    assets: int
    people: int
    agreement: Interval
    accuracy: Interval
    calibration: float
    confusion: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "rows": self.rows, "assets": self.assets, "people": self.people,
            "agreement": limits_of(self.agreement), "accuracy": limits_of(self.accuracy),
            "calibration_error": round(self.calibration, 4),
            "confusion": {key: dict(row) for key, row in self.confusion.items()},
        }  # fmt: skip


def limits_of(interval: Interval) -> dict[str, float | None]:
    """Estimate and limits, rounded."""
    estimate = None if interval.estimate is None else round(interval.estimate, 4)
    return {"estimate": estimate, "low": round(interval.low, 4), "high": round(interval.high, 4)}


def measured(rows: TrainingSet, vectors: Floats, head: Head, *, part: int) -> Measured:
    """Of the rows of one part whose label of the field is known and applies."""
    asked = head.target.field
    name = asked.name
    known = (rows.part == part) & (rows.weights[name] > 0)
    index = [
        i for i in np.flatnonzero(known).tolist()
        if rows.labels[name][i] is not None or (asked.optional and not asked.only_if)
    ]  # fmt: skip
    if not index:
        nothing = binomial(0, 0)
        return Measured(rows=0, assets=0, people=0, agreement=nothing, accuracy=nothing,
                        calibration=0.0)  # fmt: skip
    outputs = head.outputs(vectors[index])
    said, sure = answers_of(head, outputs)
    teacher = [rows.teacher[name][i] for i in index]
    labels = [rows.labels[name][i] for i in index]
    right = _same(said, teacher, head.tolerance)
    first = _one_per_group(rows.group[index])
    human = rows.people(name)[index]
    true = _same(said, labels, head.tolerance)
    seen = _one_per_group(np.where(human, rows.group[index], -1)) & human
    return Measured(
        rows=len(index), assets=int(first.sum()), people=int(seen.sum()),
        agreement=binomial(int(right[first].sum()), int(first.sum())),
        accuracy=binomial(int(true[seen].sum()), int(seen.sum())),
        calibration=calibration_error(sure, true if human.sum() > 200 else right),
        confusion=confusion_of(asked, labels, said),
    )  # fmt: skip


def answers_of(head: Head, outputs: Doubles) -> tuple[list[Value], Doubles]:
    """Values and their confidence, read from a head's outputs."""
    target = head.target
    asked = target.field
    if target.form == "value":
        numbers = bounded(outputs[:, 0], asked)
        return [number_of(value, asked) for value in numbers.tolist()], outputs[:, 1]
    if target.form == "set":
        said = [
            [name for name, p in zip(target.classes, row, strict=True) if p >= 0.5]
            for row in outputs
        ]
        return list(said), np.maximum(outputs, 1 - outputs).prod(axis=1)
    values = [value_of(name, asked) for name in target.classes]
    return [values[code] for code in outputs.argmax(axis=1).tolist()], outputs.max(axis=1)


def bounded(numbers: Doubles, asked: Field) -> Doubles:
    """Within what the field allows."""
    low = -np.inf if asked.minimum is None else asked.minimum
    high = np.inf if asked.maximum is None else asked.maximum
    return np.clip(numbers, low, high)


def number_of(value: float, asked: Field) -> Value:
    """Whole where the field is."""
    return round(value) if asked.integer else round(value, 6)


def value_of(name: str, asked: Field) -> Value:
    """A class as a value of its field."""
    if name == "null" and "null" not in asked.choices:
        return None
    if asked.kind == "boolean":
        return name == "true"
    return float(name) if asked.kind == "number" else name


def _same(said: Sequence[Value], right: Sequence[Value], tolerance: float) -> NDArray[np.bool_]:
    pairs = zip(said, right, strict=True)
    return np.array([fitting(a, b, tolerance) for a, b in pairs], np.bool_)


def _one_per_group(group: NDArray[np.int64]) -> NDArray[np.bool_]:
    """One row of each group: the first, which is any, since rows come in no order that matters."""
    found = np.zeros(len(group), np.bool_)
    found[np.unique(group, return_index=True)[1]] = True
    return found


def calibration_error(sure: Doubles, right: NDArray[np.bool_]) -> float:
    """Expected calibration error over 15 bins of equal width (Naeini et al., AAAI 2015)."""
    if not len(sure):
        return 0.0
    bins = np.minimum((sure * _BINS).astype(int), _BINS - 1)
    count = np.bincount(bins, minlength=_BINS)
    gap = np.bincount(bins, sure - right, _BINS)
    return float(np.abs(gap[count > 0]).sum() / len(sure))


def confusion_of(
    asked: Field, labels: Sequence[Value], said: Sequence[Value]
) -> dict[str, dict[str, int]]:
    """Label → answer → rows; empty for numbers of many values and for sets."""
    if asked.kind == "choices":
        return {}
    found: dict[str, dict[str, int]] = {}
    for label, answer in zip(labels, said, strict=True):
        row = found.setdefault(class_name(label), {})
        name = class_name(answer)
        row[name] = row.get(name, 0) + 1
    return found if len(found) <= 24 else {}
