"""What the outputs of an ONNX graph mean: one head per field, in the forms that there are.

"classes": a probability for each class. "set": a probability for each choice by itself. "value": a
number and its confidence. A graph of format 1, without forms, has classes only.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from vistoria.errors import UserError
from vistoria.records import Value
from vistoria.task import Field

__all__ = ["Column", "Head", "check_choices", "columns_of", "read_head"]

_Read = tuple[Sequence[Value], Sequence[float]]


@dataclass(frozen=True, slots=True)
class Head:
    """One question that the graph answers; `trained` is false where it does no better than
    guessing, and then it is not used. `choices`: those that a student was taught, in all; empty
    where the graph does not say. `nothing`: the class that stands for no answer. `tolerance`: the
    error of a number that still counts as the same."""

    name: str
    kind: str
    classes: tuple[str, ...]
    trained: bool
    form: Literal["classes", "set", "value"] = "classes"
    choices: tuple[str, ...] = ()
    nothing: str | None = None
    tolerance: float = 0.0


def read_head(given: Mapping[str, Any]) -> Head:
    """A head from the metadata; raises KeyError for what is missing."""
    return Head(
        given["name"], given["kind"], tuple(given["classes"]), given["trained"],
        given.get("form", "classes"), tuple(given.get("choices", ())), given.get("nothing"),
        given.get("tolerance", 0.0),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Column:
    """How one field is read off the head of its name: the value of each class, for classes."""

    field: Field
    head: Head
    values: tuple[Value, ...]

    def read(self, output: NDArray[np.float32]) -> _Read:
        """A value and its confidence for each picture."""
        if self.head.form == "classes":
            best = output.argmax(axis=1).tolist()
            return [self.values[i] for i in best], output.max(axis=1).round(4).tolist()
        if self.head.form == "set":
            sure = np.maximum(output, 1 - output).prod(axis=1)
            rows = (output >= 0.5).tolist()
            return [self._chosen(row) for row in rows], sure.round(4).tolist()
        numbers = output[:, 0].tolist()
        whole = self.field.integer
        values = [round(number) if whole else round(number, 6) for number in numbers]
        return values, output[:, 1].round(4).tolist()

    def _chosen(self, held: Sequence[bool]) -> Value:
        return [name for name, one in zip(self.head.classes, held, strict=True) if one]


def columns_of(fields: Sequence[Field], heads: Mapping[str, Head]) -> tuple[Column, ...]:
    """How each field is read; raises UserError where classes do not fit the task."""
    return tuple(
        Column(field, heads[field.name], _values(field, heads[field.name])) for field in fields
    )


def check_choices(field: Field, head: Head) -> None:
    """Raises UserError unless a student was taught the choices that the task now has."""
    if not head.choices or set(head.choices) == set(field.choices):
        return
    new, gone = set(field.choices) - set(head.choices), set(head.choices) - set(field.choices)
    what = [f"the task also allows {', '.join(sorted(new))}"] if new else []
    what += [f"it was taught {', '.join(sorted(gone))}, which the task does not allow"] * bool(gone)
    raise UserError(
        f"this student was trained on other choices of field {field.name!r}: {'; '.join(what)}. "
        "Train it again on labels of this task, or leave the field out with --fields"
    )


def _values(field: Field, head: Head) -> tuple[Value, ...]:
    """The field's value for each class; a choice unknown to the task becomes "other"."""
    if head.form != "classes":
        return ()
    names = [None if name == head.nothing else name for name in head.classes]
    if None in names and not field.nullable:
        raise UserError(
            f"the model may answer nothing for field {field.name!r}, which the task does not allow;"
            " make the field optional, or train the student again"
        )
    if field.kind == "boolean":
        return tuple(None if name is None else name == "true" for name in names)
    if field.kind == "number":
        return tuple(None if name is None else float(name) for name in names)
    unknown = [name for name in names if name is not None and name not in field.choices]
    if unknown and "other" not in field.choices:
        raise UserError(
            f"the model may answer {unknown[0]!r} for field {field.name!r}, which the task does "
            f'not allow; add it, or "other", to the field\'s choices ({", ".join(field.choices)})'
        )
    return tuple(name if name is None or name in field.choices else "other" for name in names)
