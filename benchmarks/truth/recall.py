"""S10. Recall from a stratified sample of 1,000."""

from collections.abc import Iterator

import numpy as np

from benchmarks.bars import Bar, at_least, at_most
from benchmarks.truth.scenarios import ALPHA, SCENARIOS, covers, typical, width
from vistoria.truth import allocate
from vistoria.truth.limits import limits
from vistoria.truth.mover import stratified
from vistoria.truth.shares import recalled

_REVIEWS = 1000


def recall(chance: np.random.Generator, quick: bool) -> Iterator[Bar]:
    """Eight worlds, against Clopper-Pearson of a simple random sample."""
    repeats = 1000 if quick else 4000
    coverages, ratios = [], []
    for world in SCENARIOS:
        each = np.array(allocate(world.sizes.tolist(), _REVIEWS))
        counts = chance.binomial(each, world.rates, size=(repeats, 2))
        found, missed = (
            stratified(counts[:, [i]], each[[i]], world.sizes[[i]], ALPHA, "mid-p") for i in (0, 1)
        )
        held = recalled(found, missed)
        coverages.append(covers(held, world.sensitivity))
        seen = chance.multinomial(_REVIEWS, world.cells, size=repeats)
        low, high = limits(seen[:, 0], seen[:, 0] + seen[:, 2], ALPHA, "clopper-pearson")
        ratios.append(width(held) / float(np.mean(high - low)))
    yield at_least("S10 lowest coverage of recall", min(coverages), 0.935)
    yield at_most("S10 width of a simple sample's", typical(ratios), 0.90, ".3f")
