"""S2. One simple random sample, sorted by the machine's label afterwards; and what fails there."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from benchmarks.bars import Bar, at_least, at_most
from benchmarks.truth.scenarios import ALPHA, ROWS, SCENARIOS, Scenario, covers, typical, width
from vistoria.truth.limits import Floats, limits
from vistoria.truth.mover import Limited, stratified

_WIDTHS = {50: 0.76, 100: 0.72, 300: 0.67, 1000: 0.63}
_Z = 1.959963984540054


def simple(chance: np.random.Generator, quick: bool) -> Iterator[Bar]:
    """Mid-P parts in eight worlds."""
    coverages = []
    for reviews, bar in _WIDTHS.items():
        ratios = []
        for world in SCENARIOS:
            cells = chance.multinomial(reviews, world.cells, size=1000 if quick else 2000)
            found = stratified(*_sorted(cells), world.sizes, ALPHA, "mid-p")
            coverages.append(covers(found, float(world.sizes @ world.rates)))
            low, high = limits(cells[:, 0] + cells[:, 2], reviews, ALPHA, "clopper-pearson")
            ratios.append(width(found) / ROWS / float(np.mean(high - low)))
        yield at_most(f"S2 width of human-only, n={reviews}", typical(ratios), bar, ".3f")
    yield at_least("S2 lowest coverage", min(coverages), 0.935, ".4f")


def controls(chance: np.random.Generator, quick: bool) -> Iterator[Bar]:
    """PPI++ (Angelopoulos, Duchi & Zrnic 2023) must fail here, or the worlds are too easy."""
    for reviews in (50, 300):
        coverages = []
        for world in SCENARIOS:
            cells = chance.multinomial(reviews, world.cells, size=1000 if quick else 2000)
            coverages.append(covers(_ppi(cells, world), float(world.cells[[0, 2]].sum())))
        figure = min(coverages)
        promise = "< 0.935 (control)"
        yield Bar(f"S2c PPI++ n={reviews}", promise, f"{figure:.3f}", figure < 0.935)


def _sorted(cells: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Counts and reviews where the machine says yes and no."""
    found, invented, missed, left = cells.T
    return np.stack([found, missed], axis=1), np.stack([found + invented, missed + left], axis=1)


def _ppi(cells: NDArray[np.int64], world: Scenario) -> Limited:
    """PPI++ of a mean with its own choice of lambda, from counts; normal limits."""
    shares = cells / cells.sum(axis=1, keepdims=True)
    found, invented, missed, _ = shares.T
    truth, said = found + missed, found + invented
    reviews, rows = int(cells[0].sum()), ROWS
    of_all = float(world.cells[:2].sum())
    covariance, variance = found - truth * said, of_all * (1 - of_all)
    weight = np.clip(covariance / ((1 + reviews / rows) * variance), 0, 1)
    estimate = weight * of_all + truth - weight * said
    residual = _variance(found, invented, missed, weight)
    deviation = np.sqrt(weight**2 * variance / rows + residual / reviews)
    return Limited(estimate, estimate - _Z * deviation, estimate + _Z * deviation)


def _variance(found: Floats, invented: Floats, missed: Floats, weight: Floats) -> Floats:
    """Of truth - weight × label in the sample."""
    mean = found * (1 - weight) - invented * weight + missed
    square = found * (1 - weight) ** 2 + invented * weight**2 + missed
    return np.maximum(square - mean**2, 0.0)
