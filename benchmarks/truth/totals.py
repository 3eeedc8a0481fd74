"""Shares of a hundred million rows from counts: seconds are spent on counting, not here."""

import time
from collections.abc import Iterator

import numpy as np

from benchmarks.bars import Bar, at_most
from benchmarks.truth.classes import PRIOR
from vistoria.truth import ClassStratum, Region, Stratum, class_shares, region_shares

_ROWS = 100_000_000


def totals(chance: np.random.Generator, quick: bool) -> Iterator[Bar]:  # noqa: ARG001
    """Eight classes and 500 regions, together under a second."""
    names = [f"class {i}" for i in range(len(PRIOR))]
    strata = [
        ClassStratum(name, int(_ROWS * share), dict(zip(names, counts, strict=True)))
        for name, share, counts in zip(
            names, PRIOR, chance.multinomial(200, PRIOR, size=len(PRIOR)).tolist(), strict=True
        )
    ]
    places = {
        str(i): Region(Stratum(20_000, 10, int(a)), Stratum(180_000, 20, int(b)))
        for i, (a, b) in enumerate(chance.binomial([10, 20], [0.9, 0.01], size=(500, 2)))
    }
    class_shares(strata[:2])  # scipy is loaded once
    began = time.process_time()
    found = class_shares(strata)
    region_shares(places)
    seconds = time.process_time() - began
    yield at_most("10^8 rows: seconds for 8 classes and 500 regions", seconds, 1.0, ".3f")
    summed = sum(one.times(_ROWS).estimate or 0.0 for one in found.values())
    yield at_most("10^8 rows: rows lost in the sum over classes", abs(summed - _ROWS), 1.0)
