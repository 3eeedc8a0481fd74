"""S6. Fifty regions with twenty reviews each, with errors alike, a little or very different."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from benchmarks.bars import Bar, at_least, at_most
from vistoria.truth import Interval, Region, Stratum, binomial, region_shares, share

_REGIONS, _ROWS, _REVIEWS = 50, 5000, 20
_SPREAD = {"alike": 0.0, "a little different": 0.05, "very different": 0.15}


class _Drawn(NamedTuple):
    """A region, its true share, and what the machine says."""

    region: Region
    truth: float
    machine: int


def regions(chance: np.random.Generator, quick: bool) -> Iterator[Bar]:
    """Average coverage over regions; raw machine counts with a binomial interval must fail."""
    raw = []
    for name, spread in _SPREAD.items():
        held, widths, direct = [], [], []
        for _ in range(20 if quick else 200):
            drawn = _draw(chance, spread)
            found = region_shares({str(i): one.region for i, one in enumerate(drawn)})
            for one, interval in zip(drawn, found.values(), strict=True):
                held.append(_holds(interval, one.truth))
                widths.append(interval.width)
            alone = [share([one.region.yes, one.region.no], parts="mid-p") for one in drawn]
            direct += [interval.width for interval in alone]
            raw += [_holds(binomial(one.machine, _ROWS), one.truth) for one in drawn]
        yield at_least(f"S6 {name}: average coverage", float(np.mean(held)), 0.93)
        ratio = float(np.mean(widths) / np.mean(direct))
        yield at_most(f"S6 {name}: width of direct", ratio, 0.5)
    figure = float(np.mean(raw))
    yield Bar("S6 raw machine counts", "< 0.5 (control)", f"{figure:.3f}", figure < 0.5)


def _draw(chance: np.random.Generator, spread: float) -> list[_Drawn]:
    """Prevalence 2 to 20 percent; sensitivity and specificity spread around 0.85 and 0.95."""
    prevalence = chance.uniform(0.02, 0.20, _REGIONS)
    found = np.clip(0.85 + spread * chance.uniform(-1, 1, _REGIONS), 0, 0.99)
    right = np.clip(0.95 + spread / 4 * chance.uniform(-1, 1, _REGIONS), 0, 0.999)
    drawn = []
    for p, se, sp in zip(prevalence, found, right, strict=True):
        shares = [p * se, (1 - p) * (1 - sp), p * (1 - se), (1 - p) * sp]
        cells = chance.multinomial(_ROWS, shares)
        seen = chance.multivariate_hypergeometric(cells, _REVIEWS)
        yes, no = (
            Stratum(int(cells[i : i + 2].sum()), int(seen[i : i + 2].sum()), int(seen[i]))
            for i in (0, 2)
        )
        drawn.append(_Drawn(Region(yes, no), float(cells[0] + cells[2]) / _ROWS, yes.size))
    return drawn


def _holds(interval: Interval, truth: float) -> bool:
    return interval.low <= truth <= interval.high
