"""What a head has to say: a field's labels as classes, sets or numbers."""

import dataclasses
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from vistoria.records import Value
from vistoria.task import Field

__all__ = ["NOTHING", "Target", "fitting", "target_of"]

NOTHING = "null"
"""The class that stands for "no answer", where a field may have none."""
_FEWEST = 8  # rows of a class below which it is not learned
_FEW_VALUES = 24  # different numbers up to which they are classes
_ENOUGH = 40  # rows below which a field is not learned


@dataclass(frozen=True, slots=True)
class Target:
    """The answers of some rows. `codes`: class per row; `members`: rows × choices; `numbers`.

    `rows`: which of the rows given have an answer that the head can learn. `rare`: classes seen
    too seldom to be learned, with their counts.
    """

    field: Field
    form: Literal["classes", "set", "value"]
    classes: tuple[str, ...]
    rows: NDArray[np.int64]
    codes: NDArray[np.int64] = dataclasses.field(default_factory=lambda: np.zeros(0, np.int64))
    members: NDArray[np.bool_] = dataclasses.field(
        default_factory=lambda: np.zeros((0, 0), np.bool_)
    )
    numbers: NDArray[np.float64] = dataclasses.field(default_factory=lambda: np.zeros(0))
    rare: tuple[tuple[str, int], ...] = ()

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, index: NDArray[np.int64]) -> "Target":
        """Some of its rows, by position."""
        return replace(
            self, rows=self.rows[index], codes=self.codes[index] if len(self.codes) else self.codes,
            members=self.members[index] if len(self.members) else self.members,
            numbers=self.numbers[index] if len(self.numbers) else self.numbers,
        )  # fmt: skip

    @property
    def tolerance(self) -> float:
        """By how much a number may be off and still agree: 5 % of the range that is asked for, or
        of the middle nine tenths that is seen; half a unit where whole numbers are asked."""
        asked = self.field
        if asked.minimum is not None and asked.maximum is not None:
            wide = asked.maximum - asked.minimum
        else:
            low, high = np.quantile(self.numbers, (0.05, 0.95))
            wide = float(high - low)
        return max(0.05 * wide, 0.5 if asked.integer else 1e-9)


def target_of(asked: Field, values: Sequence[Value], labelled: NDArray[np.bool_]) -> Target | str:
    """What can be learned from these values, or why nothing can.

    `labelled`: rows whose label is known; None is "does not apply" there, which is learned only
    where the field may be left empty although it applies (`optional`).
    """
    if asked.kind in ("text", "boxes"):
        return f"{asked.kind} stays with the teacher"
    wanted = [
        i for i in np.flatnonzero(labelled).tolist()
        if values[i] is not None or (asked.optional and not asked.only_if)
    ]  # fmt: skip
    if len(wanted) < _ENOUGH:
        return f"{len(wanted)} labelled rows; at least {_ENOUGH} are needed"
    if asked.kind == "choices":
        return _sets(asked, values, wanted)
    present = {class_name(values[i]) for i in wanted}
    if asked.kind == "number" and len(present) > _FEW_VALUES:
        return _numbers(asked, values, wanted)
    return _classes(asked, values, wanted)


def class_name(value: Value) -> str:
    """A value as the name of a class."""
    if value is None:
        return NOTHING
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:g}" if isinstance(value, float | int) else str(value)


def _classes(asked: Field, values: Sequence[Value], wanted: list[int]) -> Target | str:
    names = [class_name(values[i]) for i in wanted]
    counts = Counter(names)
    order = _order(asked, counts)
    known = tuple(name for name in order if counts[name] >= _FEWEST)
    rare = tuple((name, counts[name]) for name in order if counts[name] < _FEWEST)
    if len(known) < 2:
        return f"only one answer is common enough to learn: {', '.join(known) or 'none'}"
    code = {name: number for number, name in enumerate(known)}
    kept = [(i, code[name]) for i, name in zip(wanted, names, strict=True) if name in code]
    rows, codes = (np.array(column, np.int64) for column in zip(*kept, strict=True))
    return Target(asked, "classes", known, rows, codes=codes, rare=rare)


def _order(asked: Field, counts: Counter[str]) -> list[str]:
    if asked.kind == "boolean":
        order = ["false", "true"]
    elif asked.kind == "number":
        order = sorted((name for name in counts if name != NOTHING), key=float)
    else:
        order = [name for name in asked.choices if name in counts]
    return [name for name in [*order, NOTHING] if name in counts]


def _sets(asked: Field, values: Sequence[Value], wanted: list[int]) -> Target | str:
    held = np.zeros((len(wanted), len(asked.choices)), np.bool_)
    place = {name: number for number, name in enumerate(asked.choices)}
    for at, i in enumerate(wanted):
        chosen = values[i]
        for name in chosen if isinstance(chosen, list) else ():
            held[at, place[str(name)]] = True
    common = held.sum(axis=0)
    rare = tuple(
        (name, int(n)) for name, n in zip(asked.choices, common, strict=True) if n < _FEWEST
    )
    if len(rare) == len(asked.choices):
        return "no choice is common enough to learn"
    return Target(asked, "set", asked.choices, np.array(wanted, np.int64), members=held, rare=rare)


def _numbers(asked: Field, values: Sequence[Value], wanted: list[int]) -> Target | str:
    kept = [i for i in wanted if values[i] is not None]
    numbers = np.array([float(values[i]) for i in kept])  # type: ignore[arg-type]
    return Target(asked, "value", (), np.array(kept, np.int64), numbers=numbers)


def fitting(said: Value, right: Value, tolerance: float) -> bool:
    """Whether two answers to a field count as the same."""
    if isinstance(said, list) and isinstance(right, list):
        return sorted(map(str, said)) == sorted(map(str, right))
    numbers = isinstance(said, float | int) and isinstance(right, float | int)
    if numbers and not isinstance(said, bool) and not isinstance(right, bool):
        return abs(float(said) - float(right)) <= tolerance + 1e-9  # type: ignore[arg-type]
    return said == right
