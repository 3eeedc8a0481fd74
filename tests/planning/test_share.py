"""Exact statements about shares."""

import math
import random
from fractions import Fraction

import pytest

from vistoria.engine.binomial import at_least, share


def exact_tail(count: int, of: int, p: float) -> float:
    """P(X >= count), in rational numbers."""
    share = Fraction(p)
    return float(
        sum(math.comb(of, k) * share**k * (1 - share) ** (of - k) for k in range(count, of + 1))
    )


@pytest.mark.parametrize(("count", "of"), [(1, 20), (7, 50), (49, 50), (30, 200)])
def test_at_its_ends_each_tail_is_half_of_what_is_missing(count: int, of: int) -> None:
    found = share(count, of)
    assert exact_tail(count, of, found.low) == pytest.approx(0.025)
    assert 1 - exact_tail(count + 1, of, found.high) == pytest.approx(0.025)
    assert found.part == count / of


def test_none_and_all_have_a_closed_form() -> None:
    none, every = share(0, 20), share(20, 20)
    assert (none.low, none.high) == pytest.approx((0, 1 - 0.025 ** (1 / 20)))
    assert (every.low, every.high) == pytest.approx((0.025 ** (1 / 20), 1))


def test_large_counts() -> None:
    found = share(500, 10_000)
    normal = 1.96 * math.sqrt(0.05 * 0.95 / 10_000)
    assert (found.low, found.high) == pytest.approx((0.05 - normal, 0.05 + normal), rel=0.01)


def test_nothing_seen_says_nothing() -> None:
    assert (share(0, 0).low, share(0, 0).high, share(0, 0).part) == (0, 1, 0)


def test_it_covers_the_truth() -> None:
    dice = random.Random(1)
    held = 0
    for _ in range(400):
        found = share(sum(dice.random() < 0.1 for _ in range(60)), 60)
        held += found.low <= 0.1 <= found.high
    assert held >= 0.95 * 400


def test_tails() -> None:
    assert at_least(0, 0, 0.5) == at_least(0, 9, 0.5) == 1
    assert at_least(5, 5, 0.5) == pytest.approx(1 / 32)
    assert at_least(3, 5, 0.5) == pytest.approx(0.5)
    assert at_least(1, 9, 0.0) == 0
    assert at_least(9, 9, 1.0) == 1
