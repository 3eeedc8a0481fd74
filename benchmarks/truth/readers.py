"""S9. Kappa of two readers who agree on 98.8 percent, of a class of 2 percent."""

from collections.abc import Iterator

import numpy as np

from benchmarks.bars import Bar, at_least
from vistoria.truth import agreement

_SHARES = {("yes", "yes"): 0.018, ("yes", "no"): 0.006, ("no", "yes"): 0.006, ("no", "no"): 0.970}
_IMAGES = 100


def readers(chance: np.random.Generator, quick: bool) -> Iterator[Bar]:
    """Tables of 100 images; the percentile bootstrap must fail."""
    shares = np.array(list(_SHARES.values()))
    tables, times = np.unique(
        chance.multinomial(_IMAGES, shares, size=2000 if quick else 10_000),
        axis=0,
        return_counts=True,
    )
    first, second = shares[0] + shares[1], shares[0] + shares[2]
    by_chance = first * second + (1 - first) * (1 - second)
    kappa = (shares[0] + shares[3] - by_chance) / (1 - by_chance)
    dice = 2 * shares[0] / (first + second)
    held, specific, naive = [], [], []
    for table in tables:
        found = agreement(dict(zip(_SHARES, table.tolist(), strict=True)))
        held.append(found.kappa.low <= kappa <= found.kappa.high)
        specific.append(found.specific["yes"].low <= dice <= found.specific["yes"].high)
        naive.append(_bootstrap(table / _IMAGES, kappa, chance))
    yield at_least("S9 coverage of kappa", float(np.average(held, weights=times)), 0.93)
    figure = float(np.average(specific, weights=times))
    yield at_least("S9 coverage of specific agreement", figure, 0.93)
    figure = float(np.average(naive, weights=times))
    yield Bar("S9 bootstrap", "< 0.9 (control)", f"{figure:.3f}", figure < 0.9)


def _bootstrap(
    shares: np.ndarray[tuple[int, ...], np.dtype[np.float64]],
    kappa: float,
    chance: np.random.Generator,
) -> bool:
    """Whether the percentile interval holds the truth."""
    drawn = chance.multinomial(_IMAGES, shares, size=1000) / _IMAGES
    first, second = drawn[:, 0] + drawn[:, 1], drawn[:, 0] + drawn[:, 2]
    by_chance = first * second + (1 - first) * (1 - second)
    with np.errstate(invalid="ignore", divide="ignore"):
        values = (drawn[:, 0] + drawn[:, 3] - by_chance) / (1 - by_chance)
    # All images alike: most programs print 1 there.
    low, high = np.quantile(np.where(by_chance < 1, values, 1.0), [0.025, 0.975])
    return bool(low <= kappa <= high)
