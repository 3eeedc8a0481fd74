"""What is left to do will cost: an interval, from a pilot or from rules."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from vistoria.pricing._money import Money, format_money
from vistoria.pricing._price import Price
from vistoria.pricing._tokens import TokenRange


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A cost to count on, and between which bounds."""

    low: Money
    expected: Money
    high: Money

    def __str__(self) -> str:
        """`about $3.60 ($3.10 to $4.20)`."""
        low, high = format_money(self.low), format_money(self.high)
        return f"about {format_money(self.expected)} ({low} to {high})"


@dataclass(frozen=True, slots=True)
class Stratum:
    """Images of one kind: how many are still to be asked, and what those of the pilot cost."""

    left: int
    costs: Sequence[Money]


def estimate(
    strata: Sequence[Stratum],
    *,
    worst: Money | None = None,
    fixed: Money = 0,
    level: float = 0.95,
) -> Estimate:
    """The cost of all that is left, plus `fixed`, from a pilot of two images or more.

    A t-interval of the stratified total of a finite population (Cochran 1977, §5.4, with
    Satterthwaite's degrees of freedom). Its upper end supposes that the next image of each stratum
    would cost twice its dearest, or else a pilot without a single re-ask would claim certainty.
    Rare images that cost far more stay unseen; the ceiling is for them.

    `worst`: the most that one image can cost.
    """
    pooled = [cost for stratum in strata for cost in stratum.costs]
    if len(pooled) < 2:
        raise ValueError("a pilot needs at least two images")
    used = [(s.left, s.costs if len(s.costs) > 1 else pooled) for s in strata if s.left]
    seen = _total(used, level)
    feared = _total([(left, [*costs, 2 * max(costs)]) for left, costs in used], level)
    high = feared.mean + feared.margin
    if worst is not None:
        high = min(high, float(worst * sum(left for left, _ in used)))
    return Estimate(
        low=fixed + max(0, round(seen.mean - seen.margin)),
        expected=fixed + round(seen.mean),
        high=fixed + round(max(high, seen.mean)),
    )


def estimate_by_rule(
    left: int,
    price: Price,
    *,
    text: TokenRange,
    image: TokenRange,
    output: TokenRange,
    fixed: Money = 0,
) -> Estimate:
    """The cost without a pilot: from half of what is expected up to the worst of every call."""
    expected = left * (
        (text.expected + image.expected) * price.input + output.expected * price.output
    )
    dear = max(price.input, price.cached)
    worst = left * ((text.worst + image.worst) * dear + output.worst * price.output)
    return Estimate(low=fixed + expected // 2, expected=fixed + expected, high=fixed + worst)


class _Total(NamedTuple):
    mean: float
    margin: float


def _total(strata: Sequence[tuple[int, Sequence[Money]]], level: float) -> _Total:
    mean, parts = 0.0, []
    for left, costs in strata:
        n = len(costs)
        mean += left * statistics.fmean(costs)
        variance = left * (left + n) / n * float(statistics.variance(costs))
        parts.append((variance, n - 1))
    whole = math.fsum(variance for variance, _ in parts)
    if not whole:
        return _Total(mean, 0.0)
    freedom = whole**2 / math.fsum(variance**2 / df for variance, df in parts)
    return _Total(mean, _t_quantile(0.5 + level / 2, freedom) * math.sqrt(whole))


def _t_quantile(p: float, df: float) -> float:
    """Student's t: exact below 3 degrees (rounded down), else Abramowitz & Stegun 26.7.5."""
    if df < 2:
        return math.tan(math.pi * (p - 0.5))
    if df < 3:
        return (2 * p - 1) / math.sqrt(2 * p * (1 - p))
    z = statistics.NormalDist().inv_cdf(p)
    return (
        z
        + (z**3 + z) / (4 * df)
        + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * df**2)
        + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * df**3)
        + (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / (92160 * df**4)
    )
