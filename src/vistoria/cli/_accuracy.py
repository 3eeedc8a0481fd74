"""How right labels are where the truth is known, field by field."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

Row: TypeAlias = Mapping[str, Any]


@dataclass(slots=True)
class Score:
    """Answered observations to which a field applies, and how many of them are right.

    `clear` and `clear_right` leave out bad views: photos on which a person could misread it too.
    """

    field: str
    total: int = 0
    right: int = 0
    clear: int = 0
    clear_right: int = 0

    def add(self, *, right: bool, bad_view: bool) -> None:
        """Counts one observation in."""
        self.total += 1
        self.right += right
        if not bad_view:
            self.clear += 1
            self.clear_right += right

    def document(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "field": self.field, "n": self.total, "right": self.right,
            "n_without_bad_views": self.clear, "right_without_bad_views": self.clear_right,
        }  # fmt: skip


def wrong_fields(fields: Sequence[str], label: Row, truth: Row) -> tuple[str, ...]:
    """The fields that apply in truth and were labelled otherwise."""
    return tuple(f for f in fields if truth[f] is not None and label[f] != truth[f])


def score(fields: Sequence[str], labels: Iterable[Row], truth: Mapping[str, Row]) -> list[Score]:
    """One score per field; `truth` by observation id. Observations without an answer are left
    out: they are failures, not errors."""
    scores = {field: Score(field) for field in fields}
    for label in labels:
        known = truth[label["observation_id"]]
        if label["status"] != "answered":
            continue
        wrong = wrong_fields(fields, label, known)
        for field, found in scores.items():
            if known[field] is not None:
                found.add(right=field not in wrong, bad_view=known["bad_view"])
    return list(scores.values())
