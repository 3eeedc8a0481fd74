"""Limits of a weighted sum of rare counts: many strata, few hits in each (arrays).

Fay & Feuer, Statistics in Medicine 16 (1997) 791; the mid-P form: Fay & Kim, Biometrical Journal
59 (2017) 549. A stratum with weight w adds its hits as Poisson counts, which is cautious.
"""

import numpy as np
from numpy.typing import ArrayLike

from vistoria.truth._special import special
from vistoria.truth.limits import Floats, Parts
from vistoria.truth.mover import Limited

_STEPS = 60


def rare(
    counts: ArrayLike,
    reviewed: ArrayLike,
    sizes: ArrayLike,
    alpha: float,
    parts: Parts = "clopper-pearson",
) -> Limited:
    """As `mover.stratified`, which it replaces where hits are rare and strata are many: one bound
    for all of them instead of one for each. "clopper-pearson" means the form of 1997."""
    k, n, size = (np.asarray(values, np.float64) for values in (counts, reviewed, sizes))
    sampled = (n > 0) & (n < size)
    weight = np.where(sampled, size / np.maximum(n, 1.0), 0.0)
    y, v = (weight * k).sum(axis=-1), (weight**2 * k).sum(axis=-1)
    low, high = _limits(y, v, weight.max(axis=-1), alpha / 2, parts)
    whole = np.where(n >= size, k, 0.0).sum(axis=-1)
    total, known = size.sum(axis=-1), np.where(n > 0, size, 0.0).sum(axis=-1)
    centre = y + whole
    estimate = np.where(known > 0, centre / np.maximum(known, 1e-300) * total, np.nan)
    return Limited(estimate, low + whole, np.minimum(high + whole + total - known, total))


def _limits(y: Floats, v: Floats, step: Floats, tail: float, parts: Parts) -> tuple[Floats, Floats]:
    """`y`: the sum; `v`: its variance; `step`: what one hit more could add at most."""
    some, any_left = y > 0, step > 0
    first = _law(np.where(some, y, 1.0), np.where(some, v, 1.0))
    more = np.where(any_left, step, 1.0)
    second = _law(y + more, v + more**2)
    if parts == "clopper-pearson":
        low = _quantile(first, tail)
        high = _quantile(second, 1 - tail)
    else:
        low = _mixed(first, second, tail)
        # With no hit, half of the mixture sits at 0.
        high = np.where(some, _mixed(first, second, 1 - tail), _quantile(second, 1 - 2 * tail))
    return np.where(some, low, 0.0), np.where(any_left, high, y)


def _law(mean: Floats, variance: Floats) -> tuple[Floats, Floats]:
    """Shape and scale of the gamma law with this mean and variance."""
    return mean**2 / variance, variance / mean


def _quantile(law: tuple[Floats, Floats], probability: float) -> Floats:
    found: Floats = special().gammaincinv(law[0], probability) * law[1]
    return found


def _mixed(a: tuple[Floats, Floats], b: tuple[Floats, Floats], probability: float) -> Floats:
    """The quantile of an even mixture of two gamma laws, which lies between theirs."""
    ends = _quantile(a, probability), _quantile(b, probability)
    below, above = np.minimum(*ends), np.maximum(*ends)
    gammainc = special().gammainc
    for _ in range(_STEPS):
        middle = (below + above) / 2
        reached = gammainc(a[0], middle / a[1]) + gammainc(b[0], middle / b[1])
        short = reached < 2 * probability
        below, above = np.where(short, middle, below), np.where(short, above, middle)
    return (below + above) / 2
