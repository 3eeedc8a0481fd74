"""MOVER: limits of a sum, a difference or a ratio from the limits of its parts (arrays).

The method of variance estimates recovery: Zou & Donner, Statistics in Medicine 27 (2008) 1693;
sums: Zou, Huang & Zhang, Statistics in Medicine 28 (2009) 1186; ratios: Donner & Zou, Statistical
Methods in Medical Research 21 (2012) 347. Tested in `benchmarks/truth`, not proved.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from vistoria.truth.limits import Floats, Parts, limits


class Limited(NamedTuple):
    """Arrays of estimates and their limits."""

    estimate: Floats
    low: Floats
    high: Floats


def stratified(
    counts: ArrayLike,
    reviewed: ArrayLike,
    sizes: ArrayLike,
    alpha: float,
    parts: Parts = "clopper-pearson",
) -> Limited:
    """How many rows of all `sizes` are what was counted: strata along the last axis.

    A stratum that was reviewed whole has no error; one that was not reviewed at all may hold
    nothing or be full, and its estimate is the share of the others.
    """
    k, n, size = (np.asarray(values, np.float64) for values in (counts, reviewed, sizes))
    share = k / np.maximum(n, 1.0)
    low, high = limits(k, n, alpha, parts)
    sampled = (n > 0) & (n < size)
    seen = np.where(n > 0, size, 0.0)
    total, known = size.sum(axis=-1), seen.sum(axis=-1)
    centre = (seen * share).sum(axis=-1)
    down = _root(np.where(sampled, seen * (share - low), 0.0))
    up = _root(np.where(sampled, seen * (high - share), 0.0))
    estimate = np.where(known > 0, centre / np.maximum(known, 1e-300) * total, np.nan)
    return Limited(
        estimate,
        np.maximum(centre - down, 0.0),
        np.minimum(centre + up + total - known, total),
    )


def plus(a: Limited, b: Limited) -> Limited:
    """a + b, independent; where one has no estimate, its whole range is added."""
    estimate = a.estimate + b.estimate
    low = estimate - np.hypot(a.estimate - a.low, b.estimate - b.low)
    high = estimate + np.hypot(a.high - a.estimate, b.high - b.estimate)
    blind = np.isnan(estimate)
    return Limited(
        estimate, np.where(blind, a.low + b.low, low), np.where(blind, a.high + b.high, high)
    )


def minus(a: Limited, b: Limited) -> Limited:
    """a - b, independent."""
    return plus(a, Limited(-b.estimate, -b.high, -b.low))


def ratio(a: Limited, b: Limited) -> Limited:
    """a / b, independent and not negative; the upper limit is infinite where b may be 0."""
    both = a.estimate * b.estimate
    square = both**2
    lift = a.low * (2 * a.estimate - a.low)
    root = np.sqrt(np.maximum(square - lift * b.high * (2 * b.estimate - b.high), 0.0))
    weight = b.low * (2 * b.estimate - b.low)
    reach = np.sqrt(np.maximum(square - a.high * (2 * a.estimate - a.high) * weight, 0.0))
    with np.errstate(divide="ignore", invalid="ignore"):
        low = np.where(lift > 0, lift / (both + root), 0.0)
        high = np.where(weight > 0, (both + reach) / weight, np.inf)
        return Limited(a.estimate / b.estimate, low, high)


def _root(differences: Floats) -> Floats:
    """The root of the sum of squares over strata."""
    found: Floats = np.sqrt((differences**2).sum(axis=-1))
    return found
