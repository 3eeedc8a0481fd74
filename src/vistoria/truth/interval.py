"""What every method here returns: an estimate between two limits."""

from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from vistoria.errors import UserError

Covers: TypeAlias = Literal["each", "together", "average"]


@dataclass(frozen=True, slots=True)
class Interval:
    """`estimate` is None where nothing was reviewed: what is not known is not zero.

    covers  "each": this interval holds the truth with `confidence`;
            "together": all intervals of the same call hold it at once with `confidence`;
            "average": over the intervals of the same call, a share of `confidence` holds it:
            no promise about any single one
    """

    estimate: float | None
    low: float
    high: float
    confidence: float
    method: str
    covers: Covers = "each"

    @property
    def width(self) -> float:
        """From the lower to the upper limit."""
        return self.high - self.low

    def times(self, rows: float) -> "Interval":
        """The same for a count: a share of `rows` rows becomes a number of rows."""
        if rows < 0:
            raise UserError(f"a share cannot be taken of {rows!r} rows: give a number from 0")
        estimate = None if self.estimate is None else self.estimate * rows
        return replace(self, estimate=estimate, low=self.low * rows, high=self.high * rows)


def check_confidence(confidence: float) -> float:
    """The error that remains, 1 - `confidence`; raises UserError unless 0.5 <= confidence < 1."""
    if not 0.5 <= confidence < 1:
        raise UserError(
            f"confidence {confidence!r} is not between 0.5 and 1: give 0.95 for 95 percent"
        )
    return round(1 - confidence, 12)  # 0.05, not 0.050000000000000044


def check_share(name: str, value: float) -> float:
    """`value`; raises UserError unless it lies strictly between 0 and 1."""
    if not 0 < value < 1:
        raise UserError(f"{name} {value!r} is not between 0 and 1: give 0.95 for 95 percent")
    return value


def check_count(name: str, count: int, of: int) -> None:
    """Raises UserError unless 0 <= `count` <= `of` and both are whole numbers."""
    if not (float(count).is_integer() and float(of).is_integer()):
        raise UserError(f"{name}: {count!r} of {of!r} are not whole numbers: give plain counts")
    if not 0 <= count <= of:
        raise UserError(f"{name}: {count!r} of {of!r} is impossible: check what was counted")
