"""Corrected shares: the worked example of the literature, take-all strata, unseen strata."""

import pytest

from vistoria.truth import (
    ClassStratum,
    PairedStratum,
    Region,
    Stratum,
    at_least,
    binomial,
    class_shares,
    difference,
    mcnemar,
    paired_difference,
    precision,
    recall,
    region_shares,
    share,
    share_at_least,
)

# Olofsson et al., Remote Sensing of Environment 148 (2014) 42, table 8: a map of 900,000 ha.
_KINDS = ("deforestation", "forest gain", "forest", "other")
_MAP = [
    ClassStratum(kind, size, dict(zip(_KINDS, counts, strict=True)))
    for kind, size, counts in zip(
        _KINDS,
        (200_000, 150_000, 3_200_000, 6_450_000),
        ((66, 0, 5, 4), (0, 55, 8, 12), (1, 0, 153, 11), (2, 1, 9, 313)),
        strict=True,
    )
]


def test_error_adjusted_areas_as_published() -> None:
    areas = class_shares(_MAP)
    hectares = {kind: areas[kind].times(900_000) for kind in _KINDS}
    expected = {"deforestation": 21_158, "forest gain": 11_686, "forest": 285_770, "other": 581_386}
    for kind, published in expected.items():
        assert hectares[kind].estimate == pytest.approx(published, abs=1)
        assert hectares[kind].low < published < hectares[kind].high
    # The published limits are normal: ±6,158; exact ones reach further up than down.
    gone = hectares["deforestation"]
    assert 21_158 - gone.low < 6_158 < gone.high - 21_158 < 2.5 * 6_158


def test_accuracies_as_published() -> None:
    assert precision(_MAP, "deforestation").estimate == pytest.approx(0.88, abs=0.001)
    assert recall(_MAP, "deforestation").estimate == pytest.approx(0.749, abs=0.001)
    right = [s.of(s.predicted) for s in _MAP]
    assert share(right).estimate == pytest.approx(0.947, abs=0.001)


def test_two_classes_are_a_share() -> None:
    strata = [ClassStratum("yes", 300, {"yes": 28, "no": 2}), ClassStratum("no", 700, {"no": 40})]
    same = share([s.of("yes") for s in strata])
    for simple in (False, True):
        found = class_shares(strata, simple=simple)["yes"]
        assert (found.low, found.high) == pytest.approx((same.low, same.high))


def test_a_stratum_reviewed_whole_has_no_error() -> None:
    alone = share([Stratum(900, 100, 1)])
    with_all = share([Stratum(900, 100, 1), Stratum(100, 100, 90)])
    assert with_all.low * 1000 == pytest.approx(alone.low * 900 + 90)
    assert with_all.high * 1000 == pytest.approx(alone.high * 900 + 90)
    certain = share([Stratum(10, 10, 4), Stratum(90, 90, 0)])
    assert (certain.estimate, certain.low, certain.high) == (0.04, 0.04, 0.04)
    classes = class_shares([ClassStratum("a", 2, {"a": 1, "b": 1}), ClassStratum("b", 1, {"c": 1})])
    ends = [end for interval in classes.values() for end in (interval.low, interval.high)]
    assert ends == pytest.approx([1 / 3] * 6)


def test_an_unseen_stratum_may_hold_anything() -> None:
    seen = share([Stratum(900, 100, 0)])
    found = share([Stratum(900, 100, 0), Stratum(100, 0, 0)])
    assert found.high == pytest.approx(seen.high * 0.9 + 0.1)
    assert found.low == 0
    assert share([Stratum(10, 0, 0)]).estimate is None
    rare = class_shares([ClassStratum("a", 950, {"a": 90}), ClassStratum("b", 50)])["b"]
    assert rare.estimate is None
    assert rare.low == 0
    assert rare.high > 0.05


def test_no_error_seen_is_not_no_error() -> None:
    found = share([Stratum(98_000, 300, 0), Stratum(2_000, 100, 100)])
    assert found.low < 0.02 < found.high
    assert found.high - 0.02 == pytest.approx(0.98 * binomial(0, 300).high)


def test_many_strata_do_not_add_cases() -> None:
    # Half a pseudo-case in each stratum would claim 0.5 % of this table.
    strata = [Stratum(10_000, 100, 0) for _ in range(8)]
    assert share(strata).low == 0


def test_speaking_of_all_classes_takes_wider_limits() -> None:
    each, together = class_shares(_MAP), class_shares(_MAP, together=True)
    for kind in _KINDS:
        assert together[kind].low < each[kind].low
        assert together[kind].high > each[kind].high
        assert together[kind].covers == "together"


def test_difference_of_two_samples() -> None:
    # Newcombe, Statistics in Medicine 17 (1998) 873: 56/70 against 48/80.
    found = difference(binomial(56, 70), binomial(48, 80))
    assert found.estimate == pytest.approx(0.2)
    assert 0.03 < found.low < 0.0524  # his score limits, 0.0524 to 0.3339, are narrower
    assert 0.3339 < found.high < 0.36


def test_regions_with_many_reviews_stand_alone() -> None:
    strata = (Stratum(300, 60, 50), Stratum(700, 60, 1))
    found = region_shares({"a": Region(*strata), "b": Region(Stratum(9, 0, 0), Stratum(9, 0, 0))})
    assert found["a"] == share(strata, parts="mid-p")
    assert found["a"].covers == "each"
    assert found["b"].covers == "average"


def test_regions_without_an_error_are_not_certain() -> None:
    clean = Region(Stratum(100, 5, 5), Stratum(900, 15, 0))
    found = region_shares({str(i): clean for i in range(10)})
    for one in found.values():
        assert one.high - one.low > 0.01


def test_an_accuracy_is_certified_from_one_side() -> None:
    strata = [Stratum(70_000, 300, 297), Stratum(30_000, 200, 188)]
    found = share_at_least(strata)
    assert found.low == pytest.approx(share(strata, confidence=0.9).low)
    assert found.high == 1
    assert share_at_least([Stratum(10**6, 500, 485)]).low == pytest.approx(at_least(485, 500).low)


def test_two_runs_over_strata() -> None:
    found = paired_difference([PairedStratum(900, 90, 0, 0), PairedStratum(100, 50, 20, 5)])
    assert found.estimate == pytest.approx(0.1 * 15 / 50)
    assert found.low < 0.03 < found.high
    exact = paired_difference([PairedStratum(100, 100, 20, 5)])
    assert (exact.low, exact.high) == pytest.approx((0.15, 0.15))
    wide, narrow = paired_difference([PairedStratum(10**6, 100, 10, 2)]), mcnemar(10, 2, 100)
    assert wide.width == pytest.approx(narrow.difference.width, rel=0.25)
