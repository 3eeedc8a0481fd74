"""Worlds with one rare or common class, and figures that several simulations share."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vistoria.truth.limits import Floats
from vistoria.truth.mover import Limited

ALPHA = 0.05
ROWS = 100_000


class Scenario(NamedTuple):
    """A class of `prevalence`, found by the machine with this sensitivity and specificity."""

    prevalence: float
    sensitivity: float
    specificity: float

    @property
    def cells(self) -> Floats:
        """Shares of rows: found, invented, missed, rightly left out."""
        p, se, sp = self
        return np.array([p * se, (1 - p) * (1 - sp), p * (1 - se), (1 - p) * sp])

    @property
    def sizes(self) -> NDArray[np.int64]:
        """Rows where the machine says yes and no, of `ROWS`."""
        yes = round(float(self.cells[:2].sum()) * ROWS)
        return np.array([yes, ROWS - yes])

    @property
    def rates(self) -> Floats:
        """The share that is the class where the machine says yes, and where it says no."""
        found, invented, missed, left = self.cells
        return np.array([found / (found + invented), missed / (missed + left)])


SCENARIOS = (
    Scenario(0.30, 0.90, 0.90),
    Scenario(0.30, 0.97, 0.97),
    Scenario(0.30, 0.70, 0.97),
    Scenario(0.02, 0.85, 0.99),
    Scenario(0.01, 0.80, 0.995),
    Scenario(0.02, 0.95, 0.88),
    Scenario(0.015, 0.97, 0.999),
    Scenario(0.02, 0.50, 0.99),
)


def covers(found: Limited, truth: float) -> float:
    """The share of intervals that hold the truth."""
    edge = 1e-9 * max(1.0, abs(truth))
    return float(np.mean((found.low <= truth + edge) & (truth - edge <= found.high)))


def width(found: Limited) -> float:
    """The mean width."""
    return float(np.mean(found.high - found.low))


def typical(ratios: list[float]) -> float:
    """The geometric mean."""
    return float(np.exp(np.mean(np.log(ratios))))
