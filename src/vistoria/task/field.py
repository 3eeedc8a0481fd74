"""A field: one question of a task, with its allowed answers."""

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from vistoria.records import Value

Kind: TypeAlias = Literal["choice", "choices", "text", "number", "boolean", "boxes"]


@dataclass(frozen=True)
class Field:
    """One question of a task. The Task checks its fields; a Field alone checks nothing.

    `kind`: "choice" (one of `choices`), "choices" (any of them, also none), "text", "number",
    "boolean", or "boxes" (rectangles, each with a label: one of `choices` if there are any).
    `help`: what exactly to answer, as one would tell a new inspector. Without it the field is
    asked by its name alone.
    `unit`, `minimum`, `maximum` (both inclusive), `integer`: of a number. `max_length`: of a
    text, in characters.
    `only_if`: earlier field → values of it for which this field applies; all conditions must
    hold. Where it does not apply the value is None.
    `optional`: None is a valid answer even where the field applies, e.g. "cannot be read".
    """

    name: str
    kind: Kind
    help: str = ""
    _: dataclasses.KW_ONLY
    choices: tuple[str, ...] = ()
    unit: str | None = None
    minimum: float | None = None
    maximum: float | None = None
    integer: bool = False
    max_length: int | None = None
    only_if: Mapping[str, tuple[Value, ...]] = dataclasses.field(default_factory=dict)
    optional: bool = False
    fingerprint: str = dataclasses.field(init=False, default="", compare=False, repr=False)
    """Hex; set by the task that the field is in ("" before): see `vistoria.task.fingerprint`."""

    def __post_init__(self) -> None:
        """Turn lists into tuples and a single `only_if` value into a tuple of one."""
        object.__setattr__(self, "choices", tuple(self.choices))
        conditions = {
            name: tuple(values) if isinstance(values, list | tuple) else (values,)
            for name, values in self.only_if.items()
        }
        object.__setattr__(self, "only_if", conditions)

    def __hash__(self) -> int:
        """Agrees with `==`; `only_if` itself cannot be hashed."""
        return hash((self.name, self.kind, self.help, self.choices))

    @property
    def nullable(self) -> bool:
        """Whether None can be a value of this field."""
        return self.optional or bool(self.only_if)

    @property
    def allowed(self) -> str:
        """The allowed answers in words, e.g. `one of "wood", "concrete"`."""
        listed = ", ".join(json.dumps(choice, ensure_ascii=False) for choice in self.choices)
        match self.kind:
            case "choice":
                return f"one of {listed}"
            case "choices":
                return f"a list of any of {listed}; empty if none"
            case "boolean":
                return "true or false"
            case "text":
                return (
                    f"text of at most {self.max_length} characters" if self.max_length else "text"
                )
            case "number":
                return ("a whole number" if self.integer else "a number") + self._range
            case "boxes":
                label = f"one of {listed}" if listed else "text"
                return (
                    'a list of {"box": [ymin, xmin, ymax, xmax], "label": …} with coordinates from '
                    f"0 to 1000 and label {label}; empty if none"
                )

    @property
    def _range(self) -> str:
        low, high = ("" if b is None else _plain(b) for b in (self.minimum, self.maximum))
        if low and high:
            span = f" from {low} to {high}"
        else:
            span = f" of {low} or more" if low else f" up to {high}" if high else ""
        return span + (f" ({self.unit})" if self.unit else "")


def _plain(bound: float) -> str:
    """1000000, not 1e+06."""
    return str(int(bound) if bound == int(bound) else bound)
