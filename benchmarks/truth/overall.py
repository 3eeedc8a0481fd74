"""S4. Thresholds with an overall guarantee: at most 1 - target are kept and differ."""

from collections.abc import Iterator

import numpy as np

from benchmarks.bars import Bar, at_least, at_most
from benchmarks.truth.student import LABELS, TARGETS, VIOLATIONS, Student, student
from vistoria.truth import certify_overall

_SAVINGS = {0.90: 0.88, 0.95: 0.74, 0.98: 0.53}


def overall(chance: np.random.Generator, quick: bool) -> Iterator[Bar]:
    """1,000 calibration labels; the empirical threshold must fail."""
    world, runs = student(chance), 400 if quick else 2000
    for target in TARGETS:
        kept, violated, naive = [], [], []
        for _ in range(runs):
            scores, agrees = world.sample(chance)
            found = certify_overall(scores, agrees, target=target).threshold
            share, wrong = world.beyond(np.inf if found is None else found)
            kept.append(share)
            violated.append(wrong > 1 - target)
            naive.append(_naive(world, scores, agrees, target))
        name = f"S4 target {target:.2f}"
        yield at_most(f"{name}: violations", float(np.mean(violated)), VIOLATIONS, ".4f")
        yield at_least(f"{name}: not sent to the teacher", float(np.mean(kept)), _SAVINGS[target])
        figure = float(np.mean(naive))
        yield Bar(f"{name}: naive", "> 0.2 (control)", f"{figure:.3f}", figure > 0.2)


def _naive(
    world: Student,
    scores: np.ndarray[tuple[int, ...], np.dtype[np.float64]],
    agrees: np.ndarray[tuple[int, ...], np.dtype[np.bool_]],
    target: float,
) -> bool:
    """Whether the lowest threshold that looks good on the sample breaks the promise."""
    order = np.argsort(-scores)
    good = np.flatnonzero(np.cumsum(~agrees[order]) / LABELS <= 1 - target)
    return bool(good.size) and world.beyond(float(scores[order][good[-1]]))[1] > 1 - target
