"""Limits of one share: against published figures, and against their definition."""

from math import comb

import pytest

from vistoria.truth import Parts, at_least, binomial


@pytest.mark.parametrize(
    ("count", "of", "low", "high"),
    [
        (0, 30, 0.0, 0.11570),  # R: binom.test(0, 30)
        (3, 30, 0.02112, 0.26529),
        (485, 500, 0.95100, 0.98311),
        (10, 10, 0.69150, 1.0),
    ],
)
def test_clopper_pearson_as_published(count: int, of: int, low: float, high: float) -> None:
    found = binomial(count, of)
    assert (found.low, found.high) == pytest.approx((low, high), abs=6e-6)


@pytest.mark.parametrize(("parts", "half"), [("clopper-pearson", 1.0), ("mid-p", 0.5)])
@pytest.mark.parametrize(("count", "of"), [(1, 7), (3, 7), (7, 7), (40, 300), (299, 300), (0, 12)])
def test_limits_are_where_the_tails_are(parts: Parts, half: float, count: int, of: int) -> None:
    def chance(k: int, share: float) -> float:
        return comb(of, k) * share**k * (1 - share) ** (of - k)

    found = binomial(count, of, confidence=0.9, parts=parts)
    if count:
        upper = sum(chance(k, found.low) for k in range(count + 1, of + 1))
        assert upper + half * chance(count, found.low) == pytest.approx(0.05)
    if count < of:
        lower = sum(chance(k, found.high) for k in range(count))
        assert lower + half * chance(count, found.high) == pytest.approx(0.05)


def test_nothing_reviewed_says_nothing() -> None:
    for parts in ("clopper-pearson", "mid-p"):
        found = binomial(0, 0, parts=parts)
        assert (found.estimate, found.low, found.high) == (None, 0.0, 1.0)


def test_a_certificate_is_one_sided() -> None:
    found = at_least(485, 500)
    assert found.low == pytest.approx(0.95418, abs=1e-5)  # as binom.test(…, alternative="greater")
    assert found.high == 1.0
    assert at_least(59, 59).low >= 0.95 > at_least(58, 58).low
