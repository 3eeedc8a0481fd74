"""S5. Thresholds with a selective guarantee: of the kept answers, at least the target agree."""

from collections.abc import Iterator

import numpy as np

from benchmarks.bars import Bar, at_least, at_most
from benchmarks.truth.student import TARGETS, VIOLATIONS, student
from vistoria.truth import certify_selective

_SAVINGS = {0.90: 0.83, 0.95: 0.62, 0.98: 0.08}


def selective(chance: np.random.Generator, quick: bool) -> Iterator[Bar]:
    """1,000 calibration labels; "confidence at least the target" must fail."""
    world, runs = student(chance), 400 if quick else 2000
    for target in TARGETS:
        kept, violated = [], []
        for _ in range(runs):
            found = certify_selective(*world.sample(chance), target=target).threshold
            share, wrong = world.beyond(np.inf if found is None else found)
            kept.append(share)
            violated.append(wrong > share * (1 - target))
        name = f"S5 target {target:.2f}"
        yield at_most(f"{name}: violations", float(np.mean(violated)), VIOLATIONS, ".4f")
        yield at_least(f"{name}: not sent to the teacher", float(np.mean(kept)), _SAVINGS[target])
    share, wrong = world.beyond(0.95)
    figure = 1 - wrong / share
    yield Bar("S5 agreement where confidence >= 0.95", "< 0.95 (control)", f"{figure:.3f}",
              figure < 0.95)  # fmt: skip
