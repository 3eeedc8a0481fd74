"""Agreement figures against published tables."""

import numpy as np
import pytest

from vistoria.truth import agreement, confusion, mcnemar


def test_the_prevalence_paradox_as_published() -> None:
    # Gwet, Kappa statistic is not satisfactory … (2002): kappa -0.023, AC1 0.941.
    found = agreement({("+", "+"): 118, ("+", "-"): 5, ("-", "+"): 2, ("-", "-"): 0})
    assert found.raw.estimate == pytest.approx(0.944)
    assert found.kappa.estimate == pytest.approx(-0.0234, abs=1e-4)
    assert found.ac1.estimate == pytest.approx(0.9408, abs=1e-4)
    assert found.specific["-"].estimate == 0
    assert found.specific["+"].estimate == pytest.approx(236 / 243)


def test_alpha_as_published() -> None:
    # Krippendorff, Computing Krippendorff's Alpha-Reliability (2011), A: 0.095.
    first = np.array(list("0100000010"))
    second = np.array(list("1110010000"))
    assert agreement(confusion(first, second)).alpha.estimate == pytest.approx(0.095, abs=5e-4)


def test_disagreement_is_of_totals_or_of_places() -> None:
    found = agreement({("a", "a"): 40, ("a", "b"): 15, ("b", "a"): 5, ("b", "b"): 40})
    assert found.quantity == pytest.approx(0.10)
    assert found.allocation == pytest.approx(0.10)


def test_nothing_seen_says_nothing() -> None:
    found = agreement({("a", "a"): 0, ("b", "b"): 0})
    assert found.kappa.estimate is found.raw.estimate is found.quantity is None
    assert (found.kappa.low, found.kappa.high) == (-1, 1)
    assert (found.specific["a"].low, found.specific["a"].high) == (0, 1)


def test_one_answer_only_leaves_kappa_unknown() -> None:
    found = agreement({("a", "a"): 100, ("b", "b"): 0})
    assert found.kappa.estimate is None
    assert found.ac1.estimate == 1
    assert found.kappa.high - found.kappa.low > 0.5


def test_the_same_table_gives_the_same_limits() -> None:
    table = {("a", "a"): 40, ("a", "b"): 15, ("b", "a"): 5, ("b", "b"): 40}
    assert agreement(table) == agreement(dict(reversed(table.items())))


def test_mcnemar_as_published() -> None:
    # Fagerland, Lydersen & Laake 2013 and 2014: 1 against 7 of 21 pairs.
    found = mcnemar(1, 7, 21)
    assert found.p_value == pytest.approx(0.0703, abs=5e-5)
    assert found.p_mid == pytest.approx(0.0391, abs=5e-5)
    assert found.difference.estimate == pytest.approx(-6 / 21)
    assert found.difference.low == pytest.approx(-0.517, abs=1e-3)
    assert found.difference.high == pytest.approx(-0.026, abs=1e-3)


def test_no_difference_seen_is_not_no_difference() -> None:
    found = mcnemar(0, 0, 100)
    assert found.p_value == found.p_mid == 1
    assert found.difference.low == -found.difference.high == pytest.approx(-0.037, abs=1e-3)
    assert mcnemar(4, 4, 20).p_value == 1
    assert mcnemar(0, 0, 0).difference.estimate is None
