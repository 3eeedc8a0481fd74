"""S1b. Random designs of 2 to 8 strata: nothing about them was chosen to suit the method."""

from collections.abc import Iterator

import numpy as np

from benchmarks.bars import Bar, at_least
from benchmarks.truth.scenarios import ALPHA, ROWS, covers
from vistoria.truth import allocate
from vistoria.truth.mover import stratified


def designs(chance: np.random.Generator, quick: bool) -> Iterator[Bar]:
    """The lowest coverage over designs; of so many, the noise alone takes off half a point."""
    repeats, number = (2000, 60) if quick else (5000, 300)
    lowest = min(_coverage(chance, repeats) for _ in range(number))
    yield at_least(f"S1b lowest coverage of {number} designs", lowest, 0.94, ".4f")


def _coverage(chance: np.random.Generator, repeats: int) -> float:
    """One design: sizes, rates (a few large, most small) and reviews at random."""
    strata = int(chance.integers(2, 9))
    sizes = np.maximum(1000, chance.dirichlet(np.ones(strata)) * ROWS).round()
    rates = 10 ** chance.uniform(-3, -0.3, strata)
    rates = np.where(chance.random(strata) < 0.3, 1 - rates, rates)
    reviews = int(chance.choice([50, 100, 200, 300, 500, 1000]))
    each = np.array(allocate(sizes.astype(int).tolist(), reviews))
    counts = chance.binomial(each, rates, size=(repeats, strata))
    return covers(stratified(counts, each, sizes, ALPHA), float(sizes @ rates))
