"""What a run's table holds, field by field: how often each value, or how numbers spread."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from vistoria.ledger import Field

_SHOWN = 8


@dataclass(slots=True)
class FieldCount:
    """One field of the answered observations.

    `values`: of a choice, choices (each ticked one), boolean or box label; empty for text.
    `empty`: answered with "does not apply" or "cannot tell". `low`, `high`, `total`: of numbers.
    """

    name: str
    kind: str
    answered: int = 0
    empty: int = 0
    values: Counter[str] = field(default_factory=Counter)
    low: float = float("inf")
    high: float = float("-inf")
    total: float = 0.0

    def add(self, value: Any) -> None:
        """Counts one answer in."""
        if value is None:
            self.empty += 1
            return
        self.answered += 1
        match self.kind:
            case "choice":
                self.values[value] += 1
            case "boolean":
                self.values["yes" if value else "no"] += 1
            case "choices":
                self.values.update(value or ["(none)"])
            case "boxes":
                self.values.update(box["label"] for box in value)
            case "number":
                self.low, self.high = min(self.low, value), max(self.high, value)
                self.total += value

    def document(self) -> dict[str, Any]:
        """For `--json`."""
        found: dict[str, Any] = {"kind": self.kind, "answered": self.answered, "empty": self.empty}
        if self.values:
            found["values"] = dict(self.values.most_common())
        if self.kind == "number" and self.answered:
            mean = self.total / self.answered
            found |= {"minimum": self.low, "maximum": self.high, "mean": mean}
        return found

    def __str__(self) -> str:
        """On one line."""
        if not self.answered:
            return "never applied" if self.empty else "not answered yet"
        if self.kind == "number":
            mean = self.total / self.answered
            return f"{self.answered:,} numbers, {self.low:g} to {self.high:g}, mean {mean:.4g}"
        if self.kind == "text":
            return f"{self.answered:,} texts"
        shown = self.values.most_common(_SHOWN)
        more = len(self.values) - len(shown)
        rest = [f"and {more} more values"] if more > 0 else []
        return ", ".join([*(f"{value} {count:,}" for value, count in shown), *rest])


def count_fields(
    fields: Sequence[Field], batches: Iterable[pa.RecordBatch]
) -> tuple[FieldCount, ...]:
    """The counts of each field over the answered rows of a run's table."""
    counts = tuple(FieldCount(found.name, found.kind) for found in fields)
    for batch in batches:
        answered = [state == "answered" for state in batch["status"].to_pylist()]
        for count in counts:
            for value, counted in zip(batch[count.name].to_pylist(), answered, strict=True):
                if counted:
                    count.add(value)
    return counts
