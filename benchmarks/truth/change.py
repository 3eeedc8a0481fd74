"""S7. Change between two snapshots of 60,000 assets, of which many seem to change and few do."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from benchmarks.bars import Bar, at_least, at_most
from benchmarks.truth.scenarios import ALPHA, covers, width
from vistoria.truth import PairStratum, allocate, flipped
from vistoria.truth.gamma import rare
from vistoria.truth.limits import Floats, limits
from vistoria.truth.mover import Limited, plus, stratified

_ASSETS, _REVIEWS, _PREVALENCE = 60_000, 400, 0.08
_INVENTED, _MISSED = 0.04, 0.12
_SHARED = 0.4  # of errors are made again at the second time
_OTHER = (0, 2, 3)  # strata (0, 0), (1, 0), (1, 1); 1 is (0, 1)


def change(chance: np.random.Generator, quick: bool) -> Iterator[Bar]:
    """0, 1 and 2.8 percent of assets really went from no to yes."""
    repeats = 1000 if quick else 4000
    for flips in (0.0, 0.0105, 0.03):
        world = _world(flips)
        truth, sizes = float(world[:, 1].sum()) * _ASSETS, (world.sum(axis=1) * _ASSETS).round()
        name = f"S7 {truth / _ASSETS:.1%} changed, {sizes[1] / _ASSETS:.1%} seem to"
        each = np.array(allocate(sizes.astype(int).tolist(), _REVIEWS))
        rates = world[:, 1] / world.sum(axis=1)
        found = _flips(chance.binomial(each, rates, size=(repeats, 4)), each, sizes)
        yield at_least(f"{name}: coverage", covers(found, float(sizes @ rates)), 0.935)
        if flips:
            alone = chance.binomial(_REVIEWS, truth / _ASSETS, size=repeats)
            low, high = limits(alone, _REVIEWS, ALPHA, "clopper-pearson")
            ratio = width(found) / _ASSETS / float(np.mean(high - low))
            yield at_most(f"{name}: width of a simple sample's", ratio, 0.85, ".3f")
        else:
            yield at_least(f"{name}: holds 0", float(np.mean(found.low <= 0)), 0.95)
            machine, _ = limits(int(sizes[1]), _ASSETS, ALPHA, "clopper-pearson")
            yield Bar(
                f"{name}: naive low limit",
                "> 0 (control)",
                f"{float(machine):.4f}",
                float(machine) > 0,
            )
        yield _same_as_public(world, each, sizes, chance)


def _world(flips: float) -> Floats:
    """Shares of assets by (label before, label after) × (truth before, truth after)."""
    truths = {(0, 1): flips * (1 - _PREVALENCE), (1, 0): flips / 4}
    truths[(0, 0)] = 1 - _PREVALENCE - truths[(0, 1)]
    truths[(1, 1)] = _PREVALENCE - truths[(1, 0)]
    wrong = (_INVENTED, _MISSED)
    found = np.zeros((4, 4))
    for (a, b), share in truths.items():
        for first in (0, 1):
            for second in (0, 1):
                bad, again = first != a, second != b
                early = wrong[a] if bad else 1 - wrong[a]
                fresh = wrong[b] if again else 1 - wrong[b]
                # The cause of an error stays, where the asset stays.
                same = a == b
                late = (_SHARED * (bad == again) + (1 - _SHARED) * fresh) if same else fresh
                found[2 * first + second, 2 * a + b] += share * early * late
    return found


def _flips(counts: NDArray[np.int64], each: NDArray[np.int64], sizes: Floats) -> Limited:
    """As `flipped` computes it: from no to yes, mid-P."""
    other = list(_OTHER)
    own = stratified(counts[..., [1]], each[[1]], sizes[[1]], ALPHA, "mid-p")
    return plus(own, rare(counts[..., other], each[other], sizes[other], ALPHA, "mid-p"))


def _same_as_public(
    world: Floats, each: NDArray[np.int64], sizes: Floats, chance: np.random.Generator
) -> Bar:
    """One sample through the public function gives what the arrays give."""
    pairs = [("no", "no"), ("no", "yes"), ("yes", "no"), ("yes", "yes")]
    answers = [chance.multinomial(n, row / row.sum()) for n, row in zip(each, world, strict=True)]
    strata = [
        PairStratum(*pair, int(size), {kind: int(n) for kind, n in zip(pairs, row, strict=True)})
        for pair, size, row in zip(pairs, sizes, answers, strict=True)
    ]
    public = flipped(strata, "no", "yes", parts="mid-p").interval
    arrays = _flips(np.array([row[1] for row in answers]), each, sizes)
    gap = abs(public.low - arrays.low / sizes.sum()) + abs(public.high - arrays.high / sizes.sum())
    return at_most("S7 public function against arrays", float(gap), 1e-12, ".0e")
