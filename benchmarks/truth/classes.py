"""S3. One sample about eight classes, from 55 to 0.5 percent."""

from collections.abc import Iterator

import numpy as np

from benchmarks.bars import Bar, at_least, at_most
from benchmarks.truth.scenarios import ALPHA, ROWS, covers, typical, width
from vistoria.truth import allocate
from vistoria.truth.gamma import rare
from vistoria.truth.limits import Floats, limits
from vistoria.truth.mover import plus, stratified

PRIOR = np.array([0.55, 0.20, 0.10, 0.06, 0.04, 0.03, 0.015, 0.005])
_RIGHT = 0.936
_WIDTHS = {300: 0.62, 1000: 0.55}


def classes(chance: np.random.Generator, quick: bool) -> Iterator[Bar]:
    """In proportion to the machine's labels, with a floor; mid-P."""
    joint = _joint()
    sizes = (joint.sum(axis=1) * ROWS).round()
    lowest = []
    for reviews, bar in _WIDTHS.items():
        each = np.array(allocate(sizes.astype(int).tolist(), reviews, floor=reviews // 20, power=1))
        answers = [
            chance.multinomial(n, row / row.sum(), size=400 if quick else 1000)
            for n, row in zip(each, joint, strict=True)
        ]
        found = [_measure(np.stack(answers, 1), each, sizes, joint, c) for c in range(len(PRIOR))]
        lowest += [coverage for coverage, _ in found]
        ratio = typical([relative for _, relative in found])
        yield at_most(f"S3 width of human-only, n={reviews}", ratio, bar, ".3f")
    yield at_least("S3 lowest coverage of a class", min(lowest), 0.935)


def _joint() -> Floats:
    """Shares of rows by machine label and truth; errors go where the root of the prior points."""
    roots = np.sqrt(PRIOR)
    errors = np.tile(roots, (len(roots), 1))
    np.fill_diagonal(errors, 0.0)
    errors *= (1 - _RIGHT) / errors.sum(axis=1, keepdims=True)
    by_truth: Floats = (errors + _RIGHT * np.eye(len(roots))) * PRIOR[:, None]
    return by_truth.T


def _measure(
    answers: np.ndarray[tuple[int, ...], np.dtype[np.int64]],
    each: np.ndarray[tuple[int, ...], np.dtype[np.int64]],
    sizes: Floats,
    joint: Floats,
    label: int,
) -> tuple[float, float]:
    """Coverage and relative width of one class, as `class_shares` computes it."""
    own, other = [label], [i for i in range(len(PRIOR)) if i != label]
    counts = answers[:, :, label]
    same = stratified(counts[:, own], each[own], sizes[own], ALPHA, "mid-p")
    rest = rare(counts[:, other], each[other], sizes[other], ALPHA, "mid-p")
    found = plus(same, rest)
    truth = float(sizes @ (joint[:, label] / joint.sum(axis=1)))
    total = np.arange(int(each.sum()) + 1)
    low, high = limits(total, each.sum(), ALPHA, "clopper-pearson")
    alone = np.random.default_rng(label).binomial(each.sum(), truth / ROWS, size=4000)
    return covers(found, truth), width(found) / ROWS / float((high - low)[alone].mean())
