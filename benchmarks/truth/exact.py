"""S1. Coverage of stratified shares by adding up every possible sample: no chance involved."""

from collections.abc import Iterator
from itertools import product

import numpy as np
from numpy.typing import NDArray

from benchmarks.bars import Bar, at_least, at_most
from benchmarks.truth.scenarios import ALPHA, Scenario, typical
from vistoria.truth import Parts, allocate
from vistoria.truth._special import special
from vistoria.truth.limits import Floats, limits
from vistoria.truth.mover import stratified

_PREVALENCES = (0.005, 0.01, 0.02, 0.05, 0.1, 0.3, 0.5)
_SENSITIVITIES = (0.5, 0.7, 0.8, 0.9, 0.95, 0.99)
_SPECIFICITIES = (0.9, 0.95, 0.98, 0.99, 0.995, 0.999)
_WIDTHS: dict[Parts, dict[int, float]] = {
    "clopper-pearson": {50: 0.87, 100: 0.77, 300: 0.66, 1000: 0.60},
    "mid-p": {50: 0.76, 100: 0.68, 300: 0.60, 1000: 0.56},
}
_NEGLIGIBLE = 1e-12  # samples rarer than this are left out


def exact(chance: np.random.Generator, quick: bool) -> Iterator[Bar]:  # noqa: ARG001
    """252 worlds, and sample sizes of 50 to 1,000 spread by the root of the strata's sizes."""
    worlds = [Scenario(*cell) for cell in product(_PREVALENCES, _SENSITIVITIES, _SPECIFICITIES)]
    for parts, bars in _WIDTHS.items():
        name, coverages = f"S1 {parts}", []
        for reviews, bar in bars.items():
            if quick and reviews > 100:
                continue
            found = [_measure(world, reviews, parts) for world in worlds]
            coverages += [coverage for coverage, _ in found]
            ratio = typical([relative for _, relative in found])
            yield at_most(f"{name}: width of human-only, n={reviews}", ratio, bar, ".3f")
        least = 0.95 if parts == "clopper-pearson" else 0.935
        yield at_least(f"{name}: lowest coverage of {len(coverages)}", min(coverages), least, ".4f")
        if parts == "clopper-pearson":
            figures = [
                _certified(world, n) for world in worlds for n in (bars if not quick else (50,))
            ]
            yield at_least(f"{name}: one-sided, of an accuracy", min(figures), 0.95, ".4f")
        else:
            yield at_least(f"{name}: mean coverage", float(np.mean(coverages)), 0.955, ".4f")


def _certified(world: Scenario, reviews: int) -> float:
    """How often the one-sided limit of the machine's accuracy is true."""
    yes, no = world.rates
    sizes, rates = world.sizes, np.array([yes, 1 - no])
    counts, probability, each = _samples(sizes, rates, reviews)
    found = stratified(counts, each, sizes, 2 * ALPHA)
    return float(probability[found.low <= float(sizes @ rates)].sum())


def _samples(
    sizes: NDArray[np.int64], rates: Floats, reviews: int
) -> tuple[Floats, Floats, NDArray[np.int64]]:
    """Counts in both strata, their probabilities, and how many were reviewed."""
    each = np.array(allocate(sizes.tolist(), reviews))
    (first, of_first), (second, of_second) = (
        _counts(int(n), float(p)) for n, p in zip(each, rates, strict=True)
    )
    counts = np.stack(np.meshgrid(first, second, indexing="ij"), axis=-1)
    return counts, np.outer(of_first, of_second), each


def _measure(world: Scenario, reviews: int, parts: Parts) -> tuple[float, float]:
    """Coverage, and expected width relative to that of people alone (Clopper-Pearson)."""
    sizes = world.sizes
    counts, probability, each = _samples(sizes, world.rates, reviews)
    found = stratified(counts, each, sizes, ALPHA, parts)
    truth = float(sizes @ world.rates)
    held = (found.low <= truth) & (truth <= found.high)
    alone, of_alone = _counts(reviews, truth / float(sizes.sum()))
    low, high = limits(alone, reviews, ALPHA, "clopper-pearson")
    widths = float((probability * (found.high - found.low)).sum()) / float(sizes.sum())
    return float(probability[held].sum()), widths / float(of_alone @ (high - low))


def _counts(of: int, share: float) -> tuple[Floats, Floats]:
    """The counts that can well come, and their probabilities (which sum to 1)."""
    k = np.arange(of + 1, dtype=np.float64)
    scipy = special()
    log = scipy.xlogy(k, share) + scipy.xlog1py(of - k, -share)
    log += scipy.gammaln(of + 1) - scipy.gammaln(k + 1) - scipy.gammaln(of - k + 1)
    probability = np.exp(log)
    some = probability > _NEGLIGIBLE
    return k[some], probability[some]
