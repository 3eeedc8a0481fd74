"""A list of changed assets that is certified to be mostly right."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vistoria.errors import UserError
from vistoria.truth.cascade import Threshold, certify_selective
from vistoria.truth.limits import at_most
from vistoria.truth.platt import Platt, fit_platt

_STEP = 0.025
_LEAST = 0.1  # of the candidates, in the first list that is tried


@dataclass(frozen=True, slots=True)
class ChangeList:
    """`score` ranks apparent changes; those from `threshold` on are the certified list."""

    score: Platt
    threshold: Threshold

    def chosen(self, features: ArrayLike) -> NDArray[np.bool_]:
        """Which of these apparent changes are on the list; one row of `features` each."""
        return self.threshold.accepts(self.score.confidence(features))


def certify_list(
    features: ArrayLike, real: ArrayLike, fitting: ArrayLike, *, target: float = 0.5,
    confidence: float = 0.95,
) -> ChangeList:  # fmt: skip
    """A rule that lists apparent changes of which at least `target` are real.

    `features` (one row each) and `real` (what people said): a simple random sample of the apparent
    changes. `fitting` marks the half, chosen at random, on which the score is fitted and the first
    threshold chosen; the others certify it (`certify_selective`), so that no review is used twice.
    Raises UserError where the arrays do not fit or a half is empty.
    """
    half, truth = np.asarray(fitting, np.bool_), np.asarray(real, np.bool_)
    rows = np.asarray(features, np.float64)
    if half.shape != truth.shape or len(rows) != len(half) or half.all() or not half.any():
        raise UserError(
            f"{len(rows)} rows, {truth.size} answers, {int(half.sum())} for fitting: give one of "
            "each per reviewed change, and reviews in both halves"
        )
    score = fit_platt(rows[half], truth[half])
    first = _promising(score.confidence(rows[half]), truth[half], target)
    threshold = certify_selective(
        score.confidence(rows[~half]), truth[~half], target=target, confidence=confidence,
        step=_STEP, first=first,
    )  # fmt: skip
    return ChangeList(score, threshold)


def _promising(scores: NDArray[np.float64], real: NDArray[np.bool_], target: float) -> float:
    """The share of candidates at which the half for fitting speaks most clearly for the target."""
    false = np.cumsum(~real[np.argsort(-scores, kind="stable")])
    shares = np.arange(_LEAST, 1.0, _STEP)
    kept = np.ceil(shares * len(scores)).astype(np.int64)
    chance = at_most(false[kept - 1], kept, 1 - target)
    return float(shares[np.argmin(chance)])
