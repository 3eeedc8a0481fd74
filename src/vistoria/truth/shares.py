"""Shares and counts of a whole table, corrected by what people said about a sample of it."""

from collections.abc import Sequence

import numpy as np

from vistoria.errors import UserError
from vistoria.truth import gamma, mover
from vistoria.truth.interval import Covers, Interval, check_confidence
from vistoria.truth.limits import NAMES, Parts
from vistoria.truth.mover import Limited
from vistoria.truth.strata import ClassStratum, Stratum, columns, pooled


def share(
    strata: Sequence[Stratum], *, confidence: float = 0.95, parts: Parts = "clopper-pearson"
) -> Interval:
    """The share of all rows that are what was counted; `.times(rows)` makes it a count.

    Strata are best made by the machine's label; they may have been sampled at different rates, or
    one simple random sample may be sorted into them afterwards (post-stratified). The estimate is
    the "error-adjusted" one of Olofsson et al., Remote Sensing of Environment 129 (2013) 122; the
    limits are MOVER with exact parts. Raises UserError on impossible counts or no rows.
    """
    alpha = check_confidence(confidence)
    sizes, reviewed, counts = columns(strata)
    found = mover.stratified(counts, reviewed, sizes, alpha, parts)
    return as_interval(scale(found, sizes.sum()), confidence, f"stratified, MOVER, {NAMES[parts]}")


def share_at_least(strata: Sequence[Stratum], *, confidence: float = 0.95) -> Interval:
    """One-sided, as `at_least` but stratified: the share is at least `low`; `high` is 1.

    For certificates of accuracy: MOVER with Clopper-Pearson parts, whose lowest one-sided coverage
    of an accuracy was 0.957 with 50 to 300 reviews in 252 worlds (of a class: 0.941). Raises
    UserError on impossible counts or no rows.
    """
    sizes, reviewed, counts = columns(strata)
    found = mover.stratified(counts, reviewed, sizes, 2 * check_confidence(confidence))
    low, method = scale(found, sizes.sum()), "stratified, MOVER, Clopper-Pearson, one-sided"
    return as_interval(low._replace(high=np.ones(())), confidence, method)


def difference(a: Interval, b: Interval) -> Interval:
    """a - b, where both come from independent samples (MOVER); for the same images in both, use
    `paired_difference`. Raises UserError when their confidence differs or one has no estimate."""
    if a.confidence != b.confidence:
        raise UserError(
            f"intervals of {a.confidence!r} and {b.confidence!r} cannot be compared: "
            "take both at the same confidence"
        )
    found = mover.minus(_arrays(a), _arrays(b))
    return as_interval(found, a.confidence, "difference, MOVER")


def class_shares(
    strata: Sequence[ClassStratum],
    *,
    confidence: float = 0.95,
    parts: Parts = "clopper-pearson",
    simple: bool = False,
    together: bool = False,
) -> dict[str, Interval]:
    """Each answer's share of all rows, by answer, sorted.

    The stratum where the machine said the same is bounded by MOVER's exact part, all others by one
    gamma bound (`gamma.rare`). `simple`: one simple random sample was drawn of all rows, so the
    others are taken as one stratum; then the estimates need not sum to 1. `together`: the limits
    hold for all answers at once (Bonferroni). The estimate is None where no row with that machine
    label was reviewed. Raises UserError on impossible counts or no rows.
    """
    labels = sorted({s.predicted for s in strata} | {a for s in strata for a in s.answers})
    alpha = check_confidence(confidence)
    level = alpha / len(labels) if together and labels else alpha
    rows = columns([s.of("") for s in strata])[0].sum()
    method = f"{'post-' if simple else ''}stratified by machine label, MOVER, {NAMES[parts]}"
    covers: Covers = "together" if together else "each"
    found = {}
    for label in labels:
        same, other = (part(strata, label, own, level, parts, simple) for own in (True, False))
        whole = same if other is None else other if same is None else mover.plus(same, other)
        assert whole is not None, "there are rows, so one of the two has some"
        found[label] = as_interval(scale(whole, rows), confidence, method, covers)
    return found


def precision(
    strata: Sequence[ClassStratum], label: str, *, confidence: float = 0.95,
    parts: Parts = "clopper-pearson",
) -> Interval:  # fmt: skip
    """Of the rows that the machine gave `label`, the share that are it: exact where they are one
    stratum. Raises UserError where the machine never said so, or on impossible counts."""
    own = [s.of(label) for s in strata if s.predicted == label and s.size]
    if not own:
        raise UserError(f"no row has the machine's label {label!r}: its precision means nothing")
    return share(own, confidence=confidence, parts=parts)


def recall(
    strata: Sequence[ClassStratum], label: str, *, confidence: float = 0.95,
    parts: Parts = "clopper-pearson", simple: bool = False,
) -> Interval:  # fmt: skip
    """Of the rows that are `label`, the share that the machine found.

    MOVER limits of missed / found (Donner & Zou 2012). `simple` as in `class_shares`. The estimate
    is None where nobody saw one. Raises UserError on impossible counts or no rows.
    """
    alpha = check_confidence(confidence)
    columns([s.of(label) for s in strata])
    found, missed = (part(strata, label, own, alpha, parts, simple) for own in (True, False))
    method = f"recall, MOVER ratio, {NAMES[parts]}"
    none = Limited(*(np.zeros(()) for _ in range(3)))
    return as_interval(recalled(found or none, missed or none), confidence, method)


def recalled(found: Limited, missed: Limited) -> Limited:
    """found / (found + missed) as arrays; not a number where both are 0."""
    odds = mover.ratio(missed, found)
    with np.errstate(invalid="ignore"):
        estimate = found.estimate / (found.estimate + missed.estimate)
    low, high = 1 / (1 + odds.high), 1 / (1 + odds.low)
    return Limited(estimate, np.where(np.isnan(low), 0.0, low), np.where(np.isnan(high), 1.0, high))


def part(
    strata: Sequence[ClassStratum], label: str, own: bool, alpha: float, parts: Parts, simple: bool
) -> Limited | None:
    """How many rows are `label` among those where the machine says so (`own`), or elsewhere; None
    where there are no such rows."""
    chosen = [s.of(label) for s in strata if (s.predicted == label) is own and s.size]
    if not chosen:
        return None
    if simple:
        chosen = [pooled(chosen)]
    sizes, reviewed, counts = columns(chosen)
    if own or len(chosen) == 1:
        return mover.stratified(counts, reviewed, sizes, alpha, parts)
    return gamma.rare(counts, reviewed, sizes, alpha, parts)


def scale(found: Limited, rows: float) -> Limited:
    """Counts of rows as shares of `rows`."""
    return Limited(*(np.clip(values / rows, 0.0, 1.0) for values in found))


def as_interval(
    found: Limited, confidence: float, method: str, covers: Covers = "each"
) -> Interval:
    """Arrays of one element as an Interval."""
    estimate, low, high = (float(values) for values in found)
    known = None if np.isnan(estimate) else min(max(estimate, low), high)
    return Interval(known, low, high, confidence, method, covers)


def _arrays(interval: Interval) -> Limited:
    if interval.estimate is None:
        raise UserError("an interval without an estimate cannot be compared: review some rows")
    return Limited(*(np.asarray(v) for v in (interval.estimate, interval.low, interval.high)))
