"""Strata: groups of rows, of which a known number were reviewed at random."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from vistoria.errors import UserError
from vistoria.truth.interval import check_count


@dataclass(frozen=True, slots=True)
class Stratum:
    """`size` rows, of which `reviewed` were drawn at random and looked at, and `count` of those
    are what is asked about.

    Raises UserError unless 0 <= count <= reviewed <= size.
    """

    size: int
    reviewed: int
    count: int

    def __post_init__(self) -> None:
        check_count("counted of reviewed", self.count, self.reviewed)
        check_count("reviewed of all rows", self.reviewed, self.size)


@dataclass(frozen=True, slots=True)
class ClassStratum:
    """`size` rows that the machine gave the label `predicted`; `answers`: what people said of those
    drawn at random, as answer → count. Several strata may share a label (say, by suspicion).

    Raises UserError when a count is negative or more were reviewed than there are.
    """

    predicted: str
    size: int
    answers: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for answer, count in self.answers.items():
            check_count(f"answer {answer!r}", count, self.size)
        check_count(f"reviewed of {self.predicted!r}", self.reviewed, self.size)

    @property
    def reviewed(self) -> int:
        """How many were looked at."""
        return sum(self.answers.values())

    def of(self, label: str) -> Stratum:
        """The same as yes or no: is it `label`?"""
        return Stratum(self.size, self.reviewed, self.answers.get(label, 0))


def columns(strata: Sequence[Stratum]) -> NDArray[np.float64]:
    """Rows `size`, `reviewed`, `count`; one column per stratum. Raises UserError without rows."""
    if sum(s.size for s in strata) <= 0:
        raise UserError("there are no rows to speak of: name at least one stratum with rows")
    return np.array([[s.size, s.reviewed, s.count] for s in strata], dtype=np.float64).T


def pooled(strata: Sequence[Stratum]) -> Stratum:
    """All of them as one, which is right only when one simple random sample was drawn of all."""
    return Stratum(
        sum(s.size for s in strata), sum(s.reviewed for s in strata), sum(s.count for s in strata)
    )
