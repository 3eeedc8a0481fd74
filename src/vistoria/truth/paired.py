"""Two runs, models or prompts on the same images: who is right where the other is wrong."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vistoria.errors import UserError
from vistoria.truth import mover
from vistoria.truth._special import special
from vistoria.truth.interval import Interval, check_confidence, check_count
from vistoria.truth.limits import NAMES, Parts, at_most
from vistoria.truth.shares import as_interval
from vistoria.truth.strata import Stratum, columns

_STEPS = 60


@dataclass(frozen=True, slots=True)
class Paired:
    """`first_only` images that only the first got right, `second_only` only the second.

    difference  share right of the first minus that of the second
    p_value     exact, two-sided, of McNemar's test that both are equally right
    p_mid       the same by mid-P: closer to what it promises, no longer never above it
    """

    first_only: int
    second_only: int
    of: int
    difference: Interval
    p_value: float
    p_mid: float


@dataclass(frozen=True, slots=True)
class PairedStratum:
    """`size` rows, of which `reviewed` were drawn at random; of those, the first got `first_only`
    right and the second not, and `second_only` the other way round.

    Raises UserError unless their sum <= reviewed <= size.
    """

    size: int
    reviewed: int
    first_only: int
    second_only: int

    def __post_init__(self) -> None:
        for name, count in (("first only", self.first_only), ("second only", self.second_only)):
            check_count(name, count, self.reviewed)
        check_count("differing", self.first_only + self.second_only, self.reviewed)
        check_count("reviewed of all rows", self.reviewed, self.size)


def paired_difference(
    strata: Sequence[PairedStratum], *, confidence: float = 0.95, parts: Parts = "clopper-pearson"
) -> Interval:
    """The share right of the first minus that of the second over all rows, from a stratified sample
    (MOVER difference of the two discordant shares). For a simple random sample take `mcnemar`.
    Raises UserError on impossible counts or no rows."""
    alpha = check_confidence(confidence)
    sides = []
    for first in (True, False):
        chosen = [
            Stratum(s.size, s.reviewed, s.first_only if first else s.second_only) for s in strata
        ]
        sizes, reviewed, counts = columns(chosen)
        sides.append(mover.stratified(counts, reviewed, sizes, alpha, parts))
    gap = mover.minus(*sides)
    limited = mover.Limited(*(values / sizes.sum() for values in gap))
    return as_interval(limited, confidence, f"paired, stratified, MOVER difference, {NAMES[parts]}")


def mcnemar(first_only: int, second_only: int, of: int, *, confidence: float = 0.95) -> Paired:
    """Compares two paired shares (McNemar, Psychometrika 12 (1947) 153; exact and mid-P as in
    Fagerland, Lydersen & Laake, BMC Medical Research Methodology 13 (2013) 91; limits: Tango,
    Statistics in Medicine 17 (1998) 891). Raises UserError on impossible counts."""
    alpha = check_confidence(confidence)
    if min(first_only, second_only) < 0:
        raise UserError(f"{first_only!r} and {second_only!r} cannot be negative: give plain counts")
    check_count("differing", first_only + second_only, of)
    differing, fewer = first_only + second_only, min(first_only, second_only)
    tail = float(at_most(fewer, differing, 0.5))
    term = np.exp(_log_choose(differing, fewer) - differing * np.log(2.0)) if differing else 0.0
    even = first_only == second_only
    p_mid = 1.0 - float(term) / 2 if even else 2 * tail - float(term)
    estimate, low, high = (first_only - second_only) / of if of else None, -1.0, 1.0
    if of:
        z = -float(special().ndtri(alpha / 2))
        low = _limit(first_only, second_only, of, z)
        high = -_limit(second_only, first_only, of, z)
    interval = Interval(estimate, low, high, confidence, "paired difference, Tango score")
    return Paired(first_only, second_only, of, interval, min(1.0, 2 * tail), min(1.0, p_mid))


def _limit(b: int, c: int, n: int, z: float) -> float:
    """The lower limit: the smallest difference that the score test does not refute."""
    low, high = -1.0, (b - c) / n
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if _score(b, c, n, middle) > z else (low, middle)
    return low


def _score(b: int, c: int, n: int, delta: float) -> float:
    """Tango's statistic: how far the difference lies above `delta`, in standard errors."""
    linear = (2 * n - b + c) * delta - b - c
    constant = -c * delta * (1 - delta)
    rarer = (np.sqrt(max(linear**2 - 8 * n * constant, 0.0)) - linear) / (4 * n)
    variance = n * (2 * rarer + delta * (1 - delta))
    gap = b - c - n * delta
    return float(gap / np.sqrt(variance)) if variance > 0 else float(np.copysign(np.inf, gap))


def _log_choose(n: int, k: int) -> float:
    gammaln = special().gammaln
    return float(gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1))
