"""Several photos of one asset: one answer, how sure it is, and whether the photos disagree."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vistoria.errors import UserError
from vistoria.truth.limits import Floats

_SUREST = 1e-6  # no photo counts as surer than this of a million


@dataclass(frozen=True, slots=True, eq=False)
class Combined:
    """One element per asset, sorted by its number.

    label     the answer with the largest sum of log-odds; a tie goes to the smaller number
    evidence  that sum minus the next answer's: the score to calibrate
    share     of its photos, how many say so
    photos    how many there are
    """

    asset: NDArray[np.int64]
    label: NDArray[np.int64]
    evidence: Floats
    share: Floats
    photos: NDArray[np.int64]

    @property
    def conflict(self) -> NDArray[np.bool_]:
        """Where photos of one asset say different things."""
        found: NDArray[np.bool_] = self.share < 1
        return found

    @property
    def features(self) -> Floats:
        """For `fit_platt` on reviewed assets: evidence, share, 1 / photos. The log-odds alone
        are overconfident, because photos of one asset err together."""
        return np.column_stack([self.evidence, self.share, 1 / self.photos])


def combine(
    assets: ArrayLike, labels: ArrayLike, confidence: ArrayLike | None = None, *, classes: int = 2
) -> Combined:
    """One answer per asset; `assets` and `labels` are numbers, one each per photo, and `confidence`
    the probability of the photo's label (without it each photo has one vote).

    A photo with probability p adds the log-odds ln(p (classes - 1) / (1 - p)) of its label against
    each other one (naive Bayes, as Dawid & Skene, Applied Statistics 28 (1979) 20, with equal
    errors). Raises UserError where the arrays do not fit or a probability is none.
    """
    asset, label = np.asarray(assets, np.int64), np.asarray(labels, np.int64)
    p = np.full(asset.shape, np.nan) if confidence is None else np.asarray(confidence, np.float64)
    if not asset.shape == label.shape == p.shape or asset.ndim != 1 or classes < 2:
        raise UserError(
            f"{asset.shape} assets, {label.shape} labels and {p.shape} confidences of {classes!r} "
            "classes: give one of each per photo, and at least two classes"
        )
    if confidence is not None and not ((p >= 0) & (p <= 1)).all():
        raise UserError("a confidence is not between 0 and 1: give the label's probability")
    sure = np.clip(p, _SUREST, 1 - _SUREST)
    votes = np.ones(p.shape) if confidence is None else np.log(sure * (classes - 1) / (1 - sure))
    return _decided(asset, label, votes)


def _decided(asset: NDArray[np.int64], label: NDArray[np.int64], votes: Floats) -> Combined:
    """The best answer of each asset, from the sums per (asset, answer)."""
    order = np.lexsort((votes, label, asset))  # sums do not depend on the order of rows
    asset, label, votes = asset[order], label[order], votes[order]
    new = _starts(asset) | _starts(label)
    first = np.flatnonzero(new)
    if not first.size:
        none = np.zeros(0, np.int64)
        return Combined(none, none, np.zeros(0), np.zeros(0), none)
    total = np.add.reduceat(votes, first)
    count = np.diff(np.append(first, asset.size))
    whose, said = asset[first], label[first]
    rank = np.lexsort((said, -total, whose))
    whose, said, total, count = whose[rank], said[rank], total[rank], count[rank]
    head = np.flatnonzero(_starts(whose))
    photos = np.add.reduceat(count, head)
    answers = np.diff(np.append(head, whose.size))
    # An answer that no photo gave has the sum 0.
    second = np.where(answers > 1, total[np.minimum(head + 1, total.size - 1)], 0.0)
    return Combined(whose[head], said[head], total[head] - second, count[head] / photos, photos)


def _starts(values: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Where a sorted run of equal values begins."""
    return np.append(True, values[1:] != values[:-1])[: values.size]
