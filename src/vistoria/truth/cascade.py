"""Which of a student's answers may be kept without asking the teacher, with a guarantee.

Fixed-sequence testing of exact binomial bounds (Angelopoulos et al., "Learn then Test", Annals of
Applied Statistics 19 (2025) 1641): thresholds on a grid of quantiles, one after another, until one
fails. The score needs no calibration, only order. Agreement with a teacher is not accuracy.
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from vistoria.errors import UserError
from vistoria.truth.interval import Interval, check_confidence, check_count, check_share
from vistoria.truth.limits import Floats, at_most, limits

Guarantee: TypeAlias = Literal["overall", "selective"]


@dataclass(frozen=True, slots=True)
class Threshold:
    """Answers with a score of at least `threshold` are kept; None: nothing can be certified, for
    the reason in `why`; the target is never lowered.

    guarantee  "overall": of all answers at most 1 - target are kept and differ from the teacher's;
               "selective": of the kept answers at least `target` agree
    accepted   share of the calibration answers that are kept
    wrong, of  what was counted at that threshold: `wrong` of `of`
    """

    threshold: float | None
    guarantee: Guarantee
    target: float
    confidence: float
    accepted: float
    wrong: int
    of: int
    why: str = ""

    def accepts(self, scores: ArrayLike) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
        """Which of these answers are kept."""
        given = np.asarray(scores, np.float64)
        if self.threshold is None:
            return np.zeros(given.shape, dtype=np.bool_)
        kept: np.ndarray[tuple[int, ...], np.dtype[np.bool_]] = given >= self.threshold
        return kept


def certify_overall(
    scores: ArrayLike, agrees: ArrayLike, *, target: float, confidence: float = 0.95,
    step: float = 0.025, promises: int = 1,
) -> Threshold:  # fmt: skip
    """The lowest threshold at which P(kept and different from the teacher) <= 1 - `target`.

    `scores` and `agrees` (true where the student says what the teacher says): a simple random
    sample used for nothing else. `step`: the grid, as a share of answers; `promises`: how many
    thresholds are certified together (each gets its part of the error). It says nothing about rare
    classes: counts must come from `share`. Raises UserError on arrays that do not fit or are empty.
    """
    return _certify("overall", scores, agrees, target, confidence, (step, step, promises))


def certify_selective(
    scores: ArrayLike, agrees: ArrayLike, *, target: float, confidence: float = 0.95,
    step: float = 0.025, first: float = 0.25, promises: int = 1,
) -> Threshold:  # fmt: skip
    """The lowest threshold at which P(agrees | kept) >= `target`, tested from `first` (the share of
    answers kept at the first threshold; starting at the strictest would lack the numbers to pass).

    For one predicted class give its answers only, and `promises` = the number of classes named.
    Else as `certify_overall`. Raises UserError on arrays that do not fit or are empty.
    """
    return _certify("selective", scores, agrees, target, confidence, (step, first, promises))


def _certify(
    guarantee: Guarantee, scores: ArrayLike, agrees: ArrayLike, target: float, confidence: float,
    grid: tuple[float, float, int],
) -> Threshold:  # fmt: skip
    step, first, promises = grid
    delta = check_confidence(confidence) / promises
    check_share("target", target)
    score, right = np.asarray(scores, np.float64), np.asarray(agrees, np.bool_)
    if score.ndim != 1 or score.shape != right.shape or not score.size or np.isnan(score).any():
        raise UserError(
            f"scores of shape {score.shape} and agreement of shape {right.shape}: "
            "give one score, a number, and one yes or no for each labelled answer"
        )
    thresholds = np.quantile(score, 1 - _grid(step, first), method="lower")
    order = np.argsort(score, kind="stable")
    start = np.searchsorted(score[order], thresholds)
    wrong_from = np.append(np.cumsum(~right[order][::-1])[::-1], 0)
    wrong, kept = wrong_from[start], score.size - start
    of = kept if guarantee == "selective" else np.full_like(kept, score.size)
    passed = at_most(wrong, of, 1 - target) <= delta
    good = int(np.argmin(passed)) if not passed.all() else len(passed)
    if good:
        i = good - 1
        accepted = float(kept[i] / score.size)
        return Threshold(float(thresholds[i]), guarantee, target, confidence, accepted,
                         int(wrong[i]), int(of[i]))  # fmt: skip
    fewest = int(np.ceil(np.log(delta) / np.log(target)))
    why = (
        f"{wrong[0]} of {of[0]} labelled answers differ at the first threshold; {target:g} needs "
        f"at least {fewest} without a difference, and a teacher consistent enough"
    )
    return Threshold(None, guarantee, target, confidence, 0.0, int(wrong[0]), int(of[0]), why)


def _grid(step: float, first: float) -> Floats:
    """Shares of answers kept, from `first` to all."""
    if not 0 < step <= first <= 1:
        raise UserError(f"a grid from {first!r} by {step!r}: give 0 < step <= first <= 1")
    return np.append(np.arange(first, 1.0 - step / 2, step), 1.0)


def recall_at_least(
    found: int, pool: int, audited: int, missed: int, *, confidence: float = 0.95
) -> Interval:
    """Of a class, at least which share was found: `found` of it surely, and `audited` of the `pool`
    of answers that say otherwise were looked at, of which `missed` were of the class (elusion
    audit: Roitblat, Kershaw & Oot, JASIST 61 (2010) 70; one-sided exact bound). `high` is 1.

    For a rare class this takes thousands of audits. Raises UserError on impossible counts.
    """
    check_count("missed", missed, audited)
    check_count("audited", audited, pool)
    check_count("found", found, max(found, 0))
    alpha = check_confidence(confidence)
    if audited == pool:
        most = float(missed)
    else:
        most = pool * float(limits(missed, audited, 2 * alpha, "clopper-pearson")[1])
    seen = found + (pool * missed / audited if audited else 0.0)
    estimate = found / seen if seen and (audited or not pool) else None
    low = found / (found + most) if found else 0.0
    return Interval(estimate, low, 1.0, confidence, "elusion audit, Clopper-Pearson, one-sided")
