"""Estimates are intervals, and as honest as they claim."""

import numpy as np
import pytest

from vistoria.pricing import Stratum, TokenRange, dollars, estimate, estimate_by_rule, load_prices

CENT = dollars("0.01")


def test_a_pilot_by_hand() -> None:
    costs = [cents * CENT for cents in (4, 4, 5, 6, 6)]  # mean 5, variance 1
    found = estimate([Stratum(995, costs)])
    assert found.expected == 995 * 5 * CENT
    margin = 2.776445 * (995 * 1000 / 5) ** 0.5 * CENT  # Student's t for 95% and 4 degrees
    assert found.low == pytest.approx(found.expected - margin, rel=1e-3)
    assert found.high > found.expected + margin
    assert str(found) == f"about $49.75 (${found.low / 1e12:.2f} to ${found.high / 1e12:.2f})"


def test_strata_count_by_what_is_left_in_each() -> None:
    small, large = Stratum(900, [CENT, CENT, CENT]), Stratum(100, [9 * CENT, 9 * CENT])
    assert estimate([small, large]).expected == 1800 * CENT
    assert estimate([small, large], fixed=5 * CENT).expected == 1805 * CENT
    unseen = Stratum(100, [])  # takes the mean of all
    assert estimate([small, unseen]).expected == 1000 * CENT


def test_a_pilot_without_spread_is_not_certain() -> None:
    found = estimate([Stratum(1000, [CENT] * 50)])
    assert found.low == found.expected == 1000 * CENT
    assert 1.03 < found.high / found.expected < 1.10


def test_an_estimate_stays_within_what_is_possible() -> None:
    found = estimate([Stratum(10, [CENT, 30 * CENT])], worst=31 * CENT)
    assert found.low == 0
    assert found.high == 310 * CENT
    assert estimate([Stratum(0, [CENT, CENT])]).high == 0
    with pytest.raises(ValueError, match="at least two"):
        estimate([Stratum(10, [CENT])])


def test_a_larger_pilot_knows_more() -> None:
    widths = []
    for n in (10, 40, 160):
        found = estimate([Stratum(1000, [CENT, 3 * CENT] * (n // 2))])
        widths.append(found.high - found.low)
    assert widths == sorted(widths, reverse=True)


def test_the_interval_covers_as_often_as_it_says() -> None:
    """Skewed costs in two strata, with re-asks in 3% of images, which small pilots often miss."""
    rng = np.random.default_rng(7)
    hits, trials = 0, 400
    for _ in range(trials):
        strata, truth = [], 0
        for size, level, n in ((3000, 1.0, 30), (1000, 4.0, 20)):
            costs = level * rng.lognormal(0, 0.3, size) * np.where(rng.random(size) < 0.03, 2, 1)
            money = [int(value * CENT) for value in costs]
            strata.append(Stratum(size - n, money[:n]))
            truth += sum(money[n:])
        found = estimate(strata)
        hits += found.low <= truth <= found.high
    assert hits / trials >= 0.94


def test_without_a_pilot_the_rules_give_a_wide_interval() -> None:
    tariff = load_prices().tariff("gemini:gemini-3.5-flash-lite")
    assert tariff
    found = estimate_by_rule(
        1000,
        tariff.prices[0],
        text=TokenRange(500, 2000),
        image=TokenRange(280, 280),
        output=TokenRange(60, 2048),
    )
    # 780 × $0.30 + 60 × $2.50 per million, and 2,280 × $0.30 + 2,048 × $2.50
    assert found.expected == dollars("0.384")
    assert found.low == dollars("0.192")
    assert found.high == dollars("5.804")
