"""How many reviews, and where: against trying every number."""

from math import comb

import pytest

from vistoria.truth import (
    Parts,
    allocate,
    at_least,
    binomial,
    hidden_at_most,
    reviews_for_certificate,
    reviews_for_margin,
    reviews_for_strata,
    reviews_without_error,
)


def test_reviews_go_by_the_root_of_the_size() -> None:
    assert allocate([90_000, 10_000], 400) == (300, 100)
    assert allocate([98_000, 20], 400) == (390, 10)
    assert allocate([98_000, 4], 400) == (396, 4)
    assert allocate([5, 3], 100) == (5, 3)
    assert allocate([1000, 1000, 1000], 5) == (2, 2, 1)
    assert allocate([80_000, 15_000, 5_000], 1000, floor=50, power=1) == (800, 150, 50)
    assert allocate([0, 100], 10) == (0, 10)
    assert allocate([], 10) == ()


@pytest.mark.parametrize("parts", ["clopper-pearson", "mid-p"])
@pytest.mark.parametrize(("margin", "share"), [(0.01, 0.95), (0.05, 0.5), (0.02, 0.1)])
def test_the_margin_is_reached_then(parts: Parts, margin: float, share: float) -> None:
    found = reviews_for_margin(margin, expected=share, parts=parts)
    then = binomial(round(found.reviews * share), found.reviews, parts=parts)
    assert then.width / 2 == pytest.approx(margin, rel=0.02)


def test_strata_save_reviews() -> None:
    simple = reviews_for_margin(0.01, expected=0.026)
    found = reviews_for_strata(0.01, [(98_000, 0.01), (2_000, 0.8)])
    assert sum(found.each) == found.reviews < simple.reviews
    assert reviews_for_strata(0.001, [(20, 0.5), (30, 0.1)]).reviews == 50


def test_the_fewest_reviews_that_certify() -> None:
    found = reviews_for_certificate(0.90, expected=0.97, power=0.8)

    def power(n: int) -> float:
        most = max((k for k in range(n) if at_least(n - k, n).low >= 0.9), default=-1)
        return sum(comb(n, k) * 0.03**k * 0.97 ** (n - k) for k in range(most + 1))

    assert power(found.reviews) >= 0.8
    assert all(power(n) < 0.8 for n in range(1, found.reviews))
    assert found.wrong_allowed is not None
    assert at_least(found.reviews - found.wrong_allowed, found.reviews).low >= 0.9


def test_large_questions_have_answers() -> None:
    found = reviews_for_certificate(0.95, expected=0.951)
    assert 250_000 < found.reviews < 400_000


def test_without_an_error() -> None:
    assert reviews_without_error(0.95) == 59
    assert reviews_without_error(0.98) == 149
    assert hidden_at_most(0.98, 300) == pytest.approx(0.98 * (1 - at_least(300, 300).low))
