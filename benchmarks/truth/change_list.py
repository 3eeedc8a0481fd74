"""S11. Lists of changed assets: 2,199 seem to have changed, 22 percent did."""

from collections.abc import Iterator

import numpy as np

from benchmarks.bars import Bar, at_least, at_most
from vistoria.truth import certify_list

_CANDIDATES, _REAL, _TARGET = 2199, 0.22, 0.5


def change_list(chance: np.random.Generator, quick: bool) -> Iterator[Bar]:
    """Precision at least 0.5 with 200 to 800 reviews; a list by belief must fail."""
    runs = 200 if quick else 1000
    for reviews in (200, 400, 800):
        violated, sizes = [], []
        for _ in range(runs):
            real = chance.random(_CANDIDATES) < _REAL
            features = chance.normal(size=(_CANDIDATES, 2)) + np.outer(real, [1.6, 0.9])
            seen = chance.permutation(_CANDIDATES)[:reviews]
            half = np.arange(reviews) % 2 == 0
            rule = certify_list(features[seen], real[seen], half, target=_TARGET)
            chosen = rule.chosen(features)
            sizes.append(int(chosen.sum()))
            violated.append(bool(chosen.any()) and real[chosen].mean() < _TARGET)
        bar = 0.05 + 2 * float(np.sqrt(0.05 * 0.95 / runs))
        name = f"S11 {reviews} reviews"
        yield at_most(f"{name}: precision below 0.5", float(np.mean(violated)), bar, ".4f")
        yield at_least(f"{name}: mean length", float(np.mean(sizes)), 100, ".0f")
    yield Bar("S11 all that seem changed", "< 0.5 (control)", f"{_REAL:.2f}", _REAL < _TARGET)
