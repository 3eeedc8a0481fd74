"""Thresholds, audits and statements that survive peeking: single cases worked out by hand."""

import numpy as np
import pytest

from vistoria.truth import (
    at_least,
    certify_list,
    certify_overall,
    certify_selective,
    drifted,
    loss_at_most,
    recall_at_least,
    stop_when_reached,
)

SCORES = np.arange(1000) / 1000


def test_overall_keeps_as_much_as_errors_allow() -> None:
    agrees = SCORES >= 0.1  # the 100 lowest differ
    found = certify_overall(SCORES, agrees, target=0.95)
    # 38 of 1,000 prove fewer than 5 %: 926 kept, 26 of them differ; at the next step 51 do.
    assert (found.accepted, found.wrong, found.of) == (0.926, 26, 1000)
    assert found.accepts(SCORES).sum() == 926
    assert found.guarantee == "overall"


def test_the_target_is_never_lowered() -> None:
    found = certify_overall([0.5] * 58, [True] * 58, target=0.95)
    assert found.threshold is None
    assert "59" in found.why
    assert not found.accepts([0.0, 1.0]).any()
    assert certify_overall([0.5] * 59, [True] * 59, target=0.95).accepted == 1


def test_selective_counts_only_what_it_keeps() -> None:
    agrees = SCORES >= 0.5
    found = certify_selective(SCORES, agrees, target=0.95)
    assert found.of == found.accepts(SCORES).sum() == 500 + found.wrong
    assert at_least(found.of - found.wrong, found.of).low >= 0.95
    assert found.wrong > 0


def test_a_sequence_ends_at_its_first_failure() -> None:
    agrees = np.ones(1000, np.bool_)
    agrees[600:800] = False  # good, then bad, then good again
    found = certify_selective(SCORES, agrees, target=0.8)
    assert found.accepted < 0.3


def test_more_promises_keep_less() -> None:
    chance = np.random.default_rng(1)
    agrees = chance.random(1000) < 0.8 + 0.2 * SCORES
    kept = [certify_overall(SCORES, agrees, target=0.92, promises=n).accepted for n in (1, 3, 1000)]
    assert kept[0] > kept[1] > kept[2] > 0


def test_recall_of_a_rare_class_is_what_an_audit_proves() -> None:
    found = recall_at_least(found=400, pool=100_000, audited=1000, missed=0)
    assert found.low == pytest.approx(400 / (400 + 100_000 * (1 - at_least(1000, 1000).low)))
    assert recall_at_least(400, 100, 100, 100).low == pytest.approx(0.8)
    assert recall_at_least(0, 100, 0, 0).estimate is None
    assert recall_at_least(0, 100, 50, 1).low == 0


def test_looking_often_costs_reviews() -> None:
    assert not stop_when_reached(59, 59, target=0.95).reached
    found = stop_when_reached(90, 90, target=0.95)
    assert found.reached
    assert found.interval.low >= 0.95
    for right, reviewed in ((480, 500), (970, 1000), (985, 1000), (0, 0), (0, 9)):
        found = stop_when_reached(right, reviewed, target=0.95)
        assert found.reached is (found.interval.low >= 0.95)
        assert found.interval.low <= at_least(right, reviewed).low


def test_the_alarm_and_its_limit_say_the_same() -> None:
    for wrong, audited in ((0, 0), (3, 200), (22, 221), (100, 100), (90_000, 100_000)):
        found = drifted(wrong, audited, certified=0.05)
        assert found.reached is (found.interval.low >= 0.05)
    assert drifted(100, 100, certified=0.05).reached
    assert drifted(10**6, 10**6, certified=0.05).reached
    assert not drifted(50, 1000, certified=0.05).reached


def test_a_cascade_may_be_a_little_worse_than_its_teacher() -> None:
    assert 0.002 < loss_at_most(5, 3, 1000).high < 0.02
    assert loss_at_most(3, 5, 1000).high < loss_at_most(5, 3, 1000).high
    assert loss_at_most(0, 0, 0).high == 1
    chance = np.random.default_rng(1)
    counts = chance.multinomial(500, [0.03, 0.02, 0.95], size=100)
    too_low = [loss_at_most(int(b), int(c), 500).high < 0.01 for b, c, _ in counts]
    assert np.mean(too_low) <= 0.05


def test_no_list_where_nothing_is_certain() -> None:
    chance = np.random.default_rng(1)
    noise, real = chance.normal(size=(200, 2)), chance.random(200) < 0.2
    rule = certify_list(noise, real, np.arange(200) % 2 == 0)
    assert rule.threshold.threshold is None
    assert not rule.chosen(noise).any()
