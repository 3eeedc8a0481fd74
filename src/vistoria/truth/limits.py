"""Exact limits of a share, from a count in a simple random sample."""

from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vistoria.truth._special import special
from vistoria.truth.interval import Interval, check_confidence, check_count

Floats: TypeAlias = NDArray[np.float64]
Parts: TypeAlias = Literal["clopper-pearson", "mid-p"]
"""How a share's limits are taken: "clopper-pearson" never covers less than promised, for contracts;
"mid-p" covers what is promised on average over shares, and is narrower, for charts."""

NAMES = {"clopper-pearson": "Clopper-Pearson", "mid-p": "mid-P"}
_STEPS = 44  # of a bisection between neighbouring limits: to 1e-15


def binomial(
    count: int, of: int, *, confidence: float = 0.95, parts: Parts = "clopper-pearson"
) -> Interval:
    """The share that `count` in a simple random sample of `of` speaks for, with two-sided limits.

    Clopper & Pearson, Biometrika 26 (1934) 404; mid-P: Lancaster, JASA 56 (1961) 223, as in
    Berry & Armitage, The Statistician 44 (1995) 417. Raises UserError on impossible counts.
    """
    check_count("counted", count, of)
    low, high = limits(count, of, check_confidence(confidence), parts)
    return Interval(count / of if of else None, float(low), float(high), confidence, NAMES[parts])


def at_least(
    count: int, of: int, *, confidence: float = 0.95, parts: Parts = "clopper-pearson"
) -> Interval:
    """One-sided: the share is at least `low`; `high` is 1. The form of a certificate.

    Raises UserError on impossible counts.
    """
    check_count("counted", count, of)
    low, _ = limits(count, of, 2 * check_confidence(confidence), parts)
    method = f"{NAMES[parts]}, one-sided"
    return Interval(count / of if of else None, float(low), 1.0, confidence, method)


def limits(counts: ArrayLike, of: ArrayLike, alpha: float, parts: Parts) -> tuple[Floats, Floats]:
    """Two-sided limits of level 1 - `alpha` for arrays of counts; 0 and 1 where `of` is 0."""
    k, n = np.broadcast_arrays(np.asarray(counts, np.float64), np.asarray(of, np.float64))
    pairs, back = np.unique(k.ravel() + 1j * n.ravel(), return_inverse=True)
    counted, reviewed = pairs.real, pairs.imag
    one_sided = _clopper_pearson if parts == "clopper-pearson" else _mid_p
    low = one_sided(counted, reviewed, alpha / 2)
    high = 1 - one_sided(reviewed - counted, reviewed, alpha / 2)
    return low[back].reshape(k.shape), high[back].reshape(k.shape)


def at_most(counts: ArrayLike, of: ArrayLike, share: float) -> Floats:
    """The probability of `counts` or fewer of `of`, each of them with the probability `share`."""
    k, n = np.asarray(counts, np.float64), np.asarray(of, np.float64)
    some = k < n
    tail = special().betaincc(k + 1, np.where(some, n - k, 1.0), share)
    found: Floats = np.where(some, tail, 1.0)
    return found


def _clopper_pearson(k: Floats, n: Floats, tail: float) -> Floats:
    """The share at which `k` or more of `n` has the probability `tail`; 0 where k is 0."""
    some = k > 0
    quantile = special().betaincinv(np.where(some, k, 1.0), np.where(some, n - k, 0.0) + 1, tail)
    lower: Floats = np.where(some, quantile, 0.0)
    return lower


def _mid_p(k: Floats, n: Floats, tail: float) -> Floats:
    """As Clopper-Pearson, but with half the probability of `k` itself."""
    low = _clopper_pearson(k, n, tail)
    every = (k == n) & (n > 0)
    inner = (k > 0) & ~every
    a, b = np.where(inner, k, 1.0), np.where(inner, n - k, 1.0)
    betainc = special().betainc
    below, above = low.copy(), special().betaincinv(a + 1, b, tail)
    for _ in range(_STEPS):
        middle = (below + above) / 2
        short = betainc(a, b + 1, middle) + betainc(a + 1, b, middle) < 2 * tail
        below, above = np.where(short, middle, below), np.where(short, above, middle)
    found: Floats = np.where(inner, (below + above) / 2, low)
    return np.where(every, (2 * tail) ** (1 / np.maximum(n, 1.0)), found)
