"""Change between snapshots: what the machine shows, and what the sample shows."""

import numpy as np
import pytest

from vistoria.truth import PairStratum, changed, flipped, net_change, share

PAIRS = [
    PairStratum("no", "no", 50_000, {("no", "no"): 200}),
    PairStratum("no", "yes", 2_000, {("no", "yes"): 30, ("no", "no"): 70}),
    PairStratum("yes", "no", 1_500, {("yes", "yes"): 58, ("yes", "no"): 2}),
    PairStratum("yes", "yes", 6_500, {("yes", "yes"): 100}),
]


def test_change_is_what_people_confirm() -> None:
    found = changed(PAIRS)
    assert found.apparent == pytest.approx(3_500 / 60_000)
    assert found.interval.estimate == pytest.approx((2_000 * 0.3 + 1_500 / 30) / 60_000)
    assert found.interval.high < found.apparent
    assert found.shown


def test_one_kind_of_change() -> None:
    found = flipped(PAIRS, "no", "yes")
    assert found.interval.estimate == pytest.approx(600 / 60_000)
    assert found.apparent == pytest.approx(2_000 / 60_000)
    unknown = flipped(PAIRS, "no", "perhaps")
    assert (unknown.interval.estimate, unknown.apparent, unknown.shown) == (0, 0, False)


def test_net_change_is_gains_less_losses() -> None:
    found = net_change(PAIRS, "yes")
    assert found.interval.estimate == pytest.approx((600 - 50) / 60_000)
    assert found.apparent == pytest.approx(500 / 60_000)
    opposite = net_change(PAIRS, "no")
    assert opposite.interval.low == pytest.approx(-found.interval.high)


def test_net_change_holds_its_truth() -> None:
    chance = np.random.default_rng(3)
    gains, losses = [0.001, 0.4, 0.0, 0.001], [0.001, 0.0, 0.3, 0.002]
    sizes, each = (50_000, 2_000, 1_500, 6_500), (200, 100, 60, 100)
    truth = sum(s * (g - x) for s, g, x in zip(sizes, gains, losses, strict=True)) / 60_000
    held = []
    for _ in range(200):
        strata = []
        for pair, size, n, g, x in zip(PAIRS, sizes, each, gains, losses, strict=True):
            up, down, same = chance.multinomial(n, [g, x, 1 - g - x])
            answers = {("no", "yes"): up, ("yes", "no"): down, ("no", "no"): same}
            strata.append(PairStratum(pair.before, pair.after, size, answers))
        found = net_change(strata, "yes").interval
        held.append(found.low <= truth <= found.high)
    assert np.mean(held) >= 0.95


def test_no_change_is_not_shown() -> None:
    calm = [
        PairStratum("no", "no", 50_000, {("no", "no"): 200}),
        PairStratum("no", "yes", 1_500, {("no", "no"): 80, ("yes", "yes"): 20}),
    ]
    found = changed(calm)
    assert not found.shown
    assert found.interval.low == 0
    assert found.apparent > 0.02
    assert found.interval == share([s.of(set()) for s in calm])
