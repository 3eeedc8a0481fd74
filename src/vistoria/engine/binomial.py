"""Exact statements about a share, from a count."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_STEPS = 50  # of a bisection: to 1e-15


@dataclass(frozen=True, slots=True)
class Share:
    """`count` of `of`, and between which bounds the share lies."""

    count: int
    of: int
    low: float
    high: float

    @property
    def part(self) -> float:
        """The share in the sample."""
        return self.count / self.of if self.of else 0.0


def share(count: int, of: int, *, level: float = 0.95) -> Share:
    """The share that `count` in a random sample of `of` speaks for (Clopper & Pearson 1934)."""
    if not of:
        return Share(0, 0, 0.0, 1.0)
    half = (1 - level) / 2
    factorials = _log_factorials(of)
    low = 0.0 if count == 0 else _solve(lambda p: _at_least(count, of, p, factorials) < half)
    high = (
        1.0 if count == of else _solve(lambda p: 1 - _at_least(count + 1, of, p, factorials) > half)
    )
    return Share(count, of, low, high)


def at_least(count: int, of: int, p: float) -> float:
    """The probability of `count` or more successes in `of` trials."""
    return _at_least(count, of, p, _log_factorials(of))


def _at_least(count: int, of: int, p: float, factorials: NDArray[np.float64]) -> float:
    if count <= 0 or p >= 1:
        return 1.0
    if p <= 0:
        return 0.0
    k = np.arange(count, of + 1)
    log = factorials[of] - factorials[k] - factorials[of - k] + k * np.log(p)
    return min(1.0, float(np.exp(log + (of - k) * np.log1p(-p)).sum()))


def _log_factorials(n: int) -> NDArray[np.float64]:
    return np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, n + 1)))])


def _solve(too_low: Callable[[float], bool]) -> float:
    low, high = 0.0, 1.0
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if too_low(middle) else (low, middle)
    return (low + high) / 2
