"""What must hold for all counts."""

from itertools import pairwise
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vistoria.truth import (
    ClassStratum,
    Interval,
    PairStratum,
    Parts,
    Region,
    Stratum,
    agreement,
    allocate,
    at_least,
    binomial,
    certify_overall,
    changed,
    class_shares,
    difference,
    mcnemar,
    net_change,
    precision,
    recall,
    region_shares,
    share,
    stop_when_reached,
)

few = settings(max_examples=60, deadline=None)
parts = st.sampled_from(["clopper-pearson", "mid-p"])
TINY = 1e-9


@st.composite
def counted(draw: st.DrawFn, most: int = 2000) -> tuple[int, int]:
    of = draw(st.integers(0, most))
    return draw(st.integers(0, of)), of


@st.composite
def stratum(draw: st.DrawFn, least: int = 0) -> Stratum:
    size = draw(st.integers(max(least, 1), 10**8))
    reviewed = draw(st.integers(least, min(size, 500)))
    return Stratum(size, reviewed, draw(st.integers(0, reviewed)))


@st.composite
def map_of(draw: st.DrawFn, least: int = 0) -> list[ClassStratum]:
    labels = "abcd"[: draw(st.integers(2, 4))]
    found = []
    for label in labels:
        answers = {other: draw(st.integers(least, 60)) for other in labels}
        found.append(ClassStratum(label, draw(st.integers(300, 10**8)), answers))
    return found


def ordered(found: Interval) -> None:
    assert found.low <= found.high
    if found.estimate is not None:
        assert found.low <= found.estimate <= found.high


@few
@given(counted(), parts)
def test_limits_hold_the_estimate_and_mirror(pair: tuple[int, int], how: Parts) -> None:
    count, of = pair
    found, other = binomial(count, of, parts=how), binomial(of - count, of, parts=how)
    ordered(found)
    assert (found.low, found.high) == pytest.approx((1 - other.high, 1 - other.low))
    assert binomial(count, of, parts="mid-p").width <= binomial(count, of).width + TINY


@few
@given(st.integers(1, 3000), st.floats(0.5, 0.999))
def test_no_error_is_a_closed_form(of: int, confidence: float) -> None:
    tail = 1 - confidence
    assert binomial(0, of, confidence=confidence).high == pytest.approx(1 - (tail / 2) ** (1 / of))
    found = binomial(0, of, confidence=confidence, parts="mid-p")
    assert found.high == pytest.approx(1 - tail ** (1 / of))
    assert at_least(of, of, confidence=confidence).low == pytest.approx(tail ** (1 / of))
    assert binomial(0, of).low == 0


@few
@given(st.lists(stratum(), min_size=1, max_size=5), parts)
def test_more_confidence_is_wider(strata: list[Stratum], how: Parts) -> None:
    found = [share(strata, confidence=c, parts=how) for c in (0.8, 0.9, 0.95, 0.99)]
    for narrow, wide in pairwise(found):
        assert wide.low <= narrow.low + TINY
        assert wide.high >= narrow.high - TINY
        ordered(wide)


@few
@given(st.lists(stratum(), min_size=1, max_size=6), st.randoms(use_true_random=False))
def test_the_order_of_strata_does_not_matter(strata: list[Stratum], chance: Random) -> None:
    other = list(strata)
    chance.shuffle(other)
    one, two = share(strata), share(other)
    assert (one.low, one.high) == pytest.approx((two.low, two.high), abs=TINY)


@few
@given(st.lists(stratum(least=1), min_size=1, max_size=5), parts)
def test_what_is_not_is_the_rest(strata: list[Stratum], how: Parts) -> None:
    rest = [Stratum(s.size, s.reviewed, s.reviewed - s.count) for s in strata]
    one, other = share(strata, parts=how), share(rest, parts=how)
    assert one.low + other.high == pytest.approx(1)
    assert (one.estimate or 0.0) + (other.estimate or 0.0) == pytest.approx(1)


@few
@given(map_of(least=1))
def test_counts_add_up(strata: list[ClassStratum]) -> None:
    rows = sum(s.size for s in strata)
    found = class_shares(strata)
    assert sum(i.times(rows).estimate or 0.0 for i in found.values()) == pytest.approx(rows)
    for interval in found.values():
        ordered(interval)


@few
@given(map_of(), parts, st.booleans())
def test_classes_hold_their_estimates(strata: list[ClassStratum], how: Parts, simple: bool) -> None:
    found = list(class_shares(strata, parts=how, simple=simple).values())
    found += [precision(strata, s.predicted, parts=how) for s in strata]
    found += [recall(strata, s.predicted, parts=how, simple=simple) for s in strata]
    for interval in found:
        ordered(interval)
        assert -TINY <= interval.low <= interval.high <= 1 + TINY
    assert class_shares(strata[::-1], parts=how, simple=simple).keys() == {
        s.predicted for s in strata
    }


@few
@given(st.lists(st.tuples(stratum(), stratum()), min_size=1, max_size=8))
def test_regions_hold_their_estimates(pairs: list[tuple[Stratum, Stratum]]) -> None:
    regions = {str(i): Region(*pair) for i, pair in enumerate(pairs)}
    if not any(region.reviewed for region in regions.values()):
        return
    found = region_shares(regions)
    assert list(found) == list(regions)
    for interval in found.values():
        ordered(interval)
        assert 0 <= interval.low <= interval.high <= 1


@few
@given(counted(300), counted(300))
def test_differences_are_opposite(a: tuple[int, int], b: tuple[int, int]) -> None:
    if not a[1] or not b[1]:
        return
    one, other = difference(binomial(*a), binomial(*b)), difference(binomial(*b), binomial(*a))
    ordered(one)
    assert -1 - TINY <= one.low <= one.high <= 1 + TINY
    assert one.low == pytest.approx(-other.high)


@few
@given(st.integers(0, 80), st.integers(0, 80), st.integers(0, 400))
def test_paired_shares_are_opposite(b: int, c: int, same: int) -> None:
    one, other = mcnemar(b, c, b + c + same), mcnemar(c, b, b + c + same)
    ordered(one.difference)
    assert one.p_value == other.p_value
    assert 0 < one.p_mid <= one.p_value <= 1
    assert one.difference.low == pytest.approx(-other.difference.high)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 60), min_size=9, max_size=9))
def test_readers_hold_their_estimates(counts: list[int]) -> None:
    table = {(a, b): counts[3 * i + j] for i, a in enumerate("xyz") for j, b in enumerate("xyz")}
    found = agreement(table)
    for interval in (found.raw, found.kappa, found.ac1, found.alpha, *found.specific.values()):
        ordered(interval)
        assert -1 - TINY <= interval.low <= interval.high <= 1 + TINY


@few
@given(st.lists(st.lists(st.integers(0, 30), min_size=4, max_size=4), min_size=4, max_size=4))
def test_changes_hold_their_estimates(counts: list[list[int]]) -> None:
    kinds = [(a, b) for a in "xy" for b in "xy"]
    strata = [
        PairStratum(*kind, 1000 + 7 * i, dict(zip(kinds, row, strict=True)))
        for i, (kind, row) in enumerate(zip(kinds, counts, strict=True))
    ]
    for found in (changed(strata), net_change(strata, "y")):
        ordered(found.interval)


@few
@given(st.lists(st.integers(0, 10**6), max_size=6), st.integers(0, 5000), st.integers(0, 30))
def test_reviews_are_all_spent(sizes: list[int], reviews: int, floor: int) -> None:
    each = allocate(sizes, reviews, floor=floor)
    assert sum(each) == min(reviews, sum(sizes))
    assert all(0 <= n <= size for n, size in zip(each, sizes, strict=True))


@few
@given(counted(1000), st.floats(0.05, 0.97))
def test_more_right_is_more_evidence(pair: tuple[int, int], target: float) -> None:
    count, of = pair
    found = stop_when_reached(count, of + 1, target=target)
    more = stop_when_reached(count + 1, of + 1, target=target)
    assert more.evidence >= found.evidence
    assert more.interval.low >= found.interval.low - TINY
    assert found.interval.low <= at_least(count, of + 1).low + TINY


@few
@given(
    st.lists(st.tuples(st.integers(0, 20), st.booleans()), min_size=1, max_size=300),
    st.randoms(use_true_random=False),
)
def test_the_order_of_answers_does_not_matter(
    pairs: list[tuple[int, bool]],
    chance: Random,
) -> None:
    other = list(pairs)
    chance.shuffle(other)
    one, two = (
        certify_overall([float(s) for s, _ in rows], [right for _, right in rows], target=0.8)
        for rows in (pairs, other)
    )
    assert one == two
