"""Statements that stay true however often one looks: e-values of a share.

A bet against "the share is at most `null`" that pays L(q) / L(null), mixed over all q above it: its
expectation is at most 1, so it reaches 1/α with a probability of at most α, ever (Ville 1939;
mixtures: Robbins, Annals of Mathematical Statistics 41 (1970) 1397; e-values: Ramdas et al.,
Statistical Science 38 (2023) 576). It depends on counts only, not on their order.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from vistoria.errors import UserError
from vistoria.truth.interval import Interval, check_confidence, check_count, check_share
from vistoria.truth.limits import Floats

_STEPS = 50
_BETS = (np.arange(200) + 0.5) / 200  # how far on the way from the null up
WORST = 4.0  # times the certified error: as far as the monitor's bets go
_LARGEST = 700.0  # a logarithm; beyond it a float overflows


@dataclass(frozen=True, slots=True)
class Watched:
    """`reached`: the evidence was enough; `evidence`: the e-value, `needed` to reach; `interval`:
    one-sided, true at all times at once."""

    reached: bool
    evidence: float
    needed: float
    interval: Interval


def stop_when_reached(
    right: int, reviewed: int, *, target: float, confidence: float = 0.95
) -> Watched:
    """Whether a growing simple random sample already proves that at least `target` are right; may
    be asked after every review.

    It needs more reviews than `at_least` with a size fixed beforehand: the price of looking.
    Raises UserError on impossible counts.
    """
    check_count("right", right, reviewed)
    return _watch(right, reviewed, check_share("target", target), confidence, np.inf)


def drifted(wrong: int, audited: int, *, certified: float, confidence: float = 0.95) -> Watched:
    """Whether audits since the certificate prove that more than `certified` (a share) are wrong;
    may be asked after every audit, and an alarm once given stands.

    It is made for large drift: a doubled error takes a few hundred audits, a mild one thousands.
    Certify each batch, region and model version anew. Raises UserError on impossible counts.
    """
    check_count("wrong", wrong, audited)
    return _watch(wrong, audited, check_share("certified", certified), confidence, WORST)


def log_evidence(counts: ArrayLike, of: ArrayLike, null: float, worst: float = np.inf) -> Floats:
    """The logarithm of the e-value against "the share is at most `null`", of bets on shares between
    `null` and `worst` times it (at most 1); arrays of counts."""
    k, n = np.asarray(counts, np.float64)[..., None], np.asarray(of, np.float64)[..., None]
    bets = null + _BETS * (min(1.0, worst * null) - null)
    paid = k * np.log(bets / null) + (n - k) * np.log((1 - bets) / (1 - null))
    found: Floats = np.logaddexp.reduce(paid, axis=-1) - np.log(_BETS.size)
    return found


def _watch(count: int, of: int, null: float, confidence: float, worst: float) -> Watched:
    alpha = check_confidence(confidence)
    value = float(np.exp(min(float(log_evidence(count, of, null, worst)), _LARGEST)))
    low = _always_above(count, of, alpha, worst)
    estimate = count / of if of else None
    held = Interval(estimate, low, 1.0, confidence, "mixture e-value, true at all times")
    return Watched(value >= 1 / alpha, value, 1 / alpha, held)


def _always_above(count: int, of: int, alpha: float, worst: float) -> float:
    """The largest share that is refuted. Evidence falls as `null` grows, because each bet does,
    placed at a fixed part of the way from `null` up."""
    low, high = 0.0, count / of if of else 0.0
    if not high:
        return 0.0
    for _ in range(_STEPS):
        middle = (low + high) / 2
        refuted = middle < 1 and log_evidence(count, of, middle, worst) >= -np.log(alpha)
        low, high = (middle, high) if refuted else (low, middle)
    return low


def loss_at_most(worse: int, better: int, of: int, *, confidence: float = 0.95) -> Interval:
    """By how much a cascade is wrong more often than its teacher, from `of` images that people
    labelled: `worse`, only the cascade is wrong; `better`, only the teacher. `high` holds at all
    times at once; `low` is -1.

    Bets on a bounded mean (Waudby-Smith & Ramdas, JRSS B 86 (2024) 1), spread over a grid of stakes
    so that only counts matter. Raises UserError on impossible counts.
    """
    alpha = check_confidence(confidence)
    if min(worse, better) < 0:
        raise UserError(f"{worse!r} and {better!r} cannot be negative: give plain counts")
    check_count("differing", worse + better, of)
    low, high = (worse - better) / of if of else -1.0, 1.0
    for _ in range(_STEPS):
        middle = (low + high) / 2
        refuted = of and _log_bet(worse, better, of, middle) >= -np.log(alpha)
        low, high = (low, middle) if refuted else (middle, high)
    estimate = (worse - better) / of if of else None
    return Interval(estimate, -1.0, high, confidence, "betting on a bounded mean, at all times")


def _log_bet(worse: int, better: int, of: int, null: float) -> float:
    """The logarithm of what bets against "the mean loss is at least `null`" have earned."""
    stakes = np.linspace(0.0, 1.0, 101)[1:-1] / (1 - null)  # all lost only at a loss of 1
    earned = (
        worse * np.log1p(-stakes * (1 - null))
        + better * np.log1p(-stakes * (-1 - null))
        + (of - worse - better) * np.log1p(stakes * null)
    )
    return float(np.logaddexp.reduce(earned) - np.log(len(stakes)))
