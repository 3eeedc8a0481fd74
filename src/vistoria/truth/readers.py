"""How far two readers (people, or a person and the machine) agree on the same images."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vistoria.errors import UserError
from vistoria.truth.interval import Interval, check_confidence, check_count
from vistoria.truth.limits import Floats, Parts, binomial

_DRAWS = 4000
_BLOCK = 250  # of draws at a time: many classes make large tables
_SEED = 1960  # Cohen's year; the same table always gives the same limits


@dataclass(frozen=True, slots=True)
class Agreement:
    """Read them together: with a rare class `kappa` may be low and `ac1` high for the same readers,
    and `specific` says for each class how often one confirms the other (Dice).

    quantity, allocation  parts of the disagreement: different totals, or the same totals in
                          different places
    """

    of: int
    raw: Interval
    kappa: Interval
    ac1: Interval
    alpha: Interval
    specific: Mapping[str, Interval]
    quantity: float | None
    allocation: float | None


def agreement(
    table: Mapping[tuple[str, str], int], *, confidence: float = 0.95,
    parts: Parts = "clopper-pearson",
) -> Agreement:  # fmt: skip
    """`table`: how often the first reader said one and the second the other, as (first, second) →
    count, of a simple random sample of images (one per asset).

    Kappa: Cohen, Educational and Psychological Measurement 20 (1960) 37; AC1: Gwet, British Journal
    of Mathematical and Statistical Psychology 61 (2008) 29; alpha: Krippendorff, Content Analysis
    (nominal, two readers); specific agreement: Cicchetti & Feinstein, Journal of Clinical
    Epidemiology 43 (1990) 551; quantity and allocation: Pontius & Millones, International Journal
    of Remote Sensing 32 (2011) 4407. Limits: posterior under a Dirichlet prior worth two images
    (the bootstrap covers only 0.64 to 0.82 for a rare class). Raises UserError on impossible
    counts or one class only.
    """
    tails = check_confidence(confidence) / 2
    labels = sorted({label for pair in table for label in pair})
    if len(labels) < 2:
        raise UserError(f"agreement on {labels!r} alone means nothing: name at least two answers")
    place = {label: i for i, label in enumerate(labels)}
    counts = np.zeros((len(labels), len(labels)))
    for (first, second), count in table.items():
        check_count(f"({first!r}, {second!r})", count, max(count, 0))
        counts[place[first], place[second]] = count
    of = int(counts.sum())
    drawn, seen = _limited(counts, of, tails)
    held = [
        _interval(estimate, low, high, confidence)
        for estimate, low, high in zip(seen, *drawn, strict=True)
    ]
    raw = binomial(int(np.trace(counts)), of, confidence=confidence, parts=parts)
    specific = dict(zip(labels, held[3:], strict=True))
    shares = counts / max(of, 1)
    quantity = float(np.abs(shares.sum(0) - shares.sum(1)).sum() / 2) if of else None
    rest = None if quantity is None else float(1 - np.trace(shares)) - quantity
    return Agreement(of, raw, held[0], held[1], held[2], specific, quantity, rest)


def _limited(counts: Floats, of: int, tails: float) -> tuple[Floats, Floats]:
    """Rows of lower and upper limits, and the figures themselves; nothing is known of no image."""
    if not of:
        three, each = [-1.0] * 3, [0.0] * len(counts)
        blank = np.full(3 + len(counts), np.nan)
        return np.array([three + each, np.ones(blank.size)]), blank
    drawn = np.quantile(_draw(counts, of), [tails, 1 - tails], axis=0)
    return drawn, _figures(counts[None] / of, of)[0]


def _draw(counts: Floats, of: int) -> Floats:
    """Figures of tables drawn from the posterior; one row per draw."""
    chance = np.random.default_rng(_SEED)
    weight = counts + 2.0 / counts.size
    blocks = []
    for _ in range(0, _DRAWS, _BLOCK):
        drawn = chance.standard_gamma(weight, size=(_BLOCK, *counts.shape))
        blocks.append(_figures(drawn / drawn.sum(axis=(1, 2), keepdims=True), of))
    return np.concatenate(blocks)


def _figures(tables: Floats, of: int) -> Floats:
    """Kappa, AC1, alpha and each class's specific agreement; one row per table of shares."""
    classes = tables.shape[1]
    first, second = tables.sum(axis=2), tables.sum(axis=1)
    same = np.diagonal(tables, axis1=1, axis2=2)
    raw, mean = same.sum(axis=1), (first + second) / 2
    by_margins = (first * second).sum(axis=1)
    by_mean = (mean**2).sum(axis=1)
    spread = (mean * (1 - mean)).sum(axis=1) / (classes - 1)
    # Krippendorff counts pairs of 2n single judgements without putting one back.
    few = 1 - (1 - by_mean) * 2 * of / max(2 * of - 1, 1)
    chances = [_beyond(raw, chance) for chance in (by_margins, spread, few)]
    with np.errstate(invalid="ignore"):
        return np.column_stack([*chances, same / mean])


def _beyond(raw: Floats, chance: Floats) -> Floats:
    """Agreement beyond chance; not a number where chance alone agrees always."""
    with np.errstate(invalid="ignore", divide="ignore"):
        found: Floats = np.where(chance < 1, (raw - chance) / (1 - chance), np.nan)
    return found


def _interval(estimate: float, low: float, high: float, confidence: float) -> Interval:
    """Limits that hold the estimate too: at 0 and 1 draws lie on one side of it."""
    known = None if np.isnan(estimate) else float(estimate)
    if known is not None:
        low, high = min(low, known), max(high, known)
    return Interval(known, float(low), float(high), confidence, "Dirichlet posterior")


def confusion(first: NDArray[np.str_], second: NDArray[np.str_]) -> dict[tuple[str, str], int]:
    """The table of two readers' answers, image by image, for `agreement`."""
    if first.shape != second.shape:
        raise UserError(f"{first.size} answers against {second.size}: give one each per image")
    pairs, counts = np.unique(np.stack([first, second]), axis=1, return_counts=True)
    return {(str(a), str(b)): int(n) for a, b, n in zip(*pairs, counts, strict=True)}
