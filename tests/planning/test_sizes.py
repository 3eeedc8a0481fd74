"""Choosing a pilot, and comparing labels at two sizes."""

import random

import numpy as np

from vistoria.engine import Size, acceptable, differences, draw, sizes
from vistoria.ledger import Scope
from vistoria.records import Answer, Capabilities, ImageForm

ENCODED = ImageForm(kind="encoded")
KINDS = {"asset": "choice", "parts": "choices", "text": "text"}


def scope(count: int, kinds: int = 1) -> Scope:
    """A run's observations."""
    numbers = np.arange(1, count + 1)
    return Scope(numbers, (numbers * 7919).astype(np.uint64), numbers % kinds)


def test_a_pilot_takes_of_each_kind_its_share() -> None:
    kinds = np.array([0] * 900 + [1] * 90 + [2] * 10)
    found = draw(scope(1000)._replace(kinds=kinds), 50)
    assert np.bincount(kinds[found - 1]).tolist() == [45, 5, 0] or len(found) == 50
    assert len(np.unique(found)) == 50
    assert draw(scope(1000)._replace(kinds=kinds), 50).tolist() == found.tolist()
    assert draw(scope(1000)._replace(kinds=kinds), 50, seed=1).tolist() != found.tolist()


def test_a_pilot_is_no_larger_than_the_run() -> None:
    assert draw(scope(7, 3), 50).tolist() == list(range(1, 8))
    assert not len(draw(scope(0), 50))


def test_a_larger_pilot_holds_the_smaller() -> None:
    assert set(draw(scope(500), 20).tolist()) < set(draw(scope(500), 40).tolist())


def test_sizes() -> None:
    by_name = sizes(Capabilities(image=ENCODED, resolutions=("high", "low")), 900)
    assert by_name == (
        Size("model.media_resolution", "high"),
        Size("model.media_resolution", "low"),
    )
    sides = [size.value for size in sizes(Capabilities(image=ENCODED), None)]
    assert sides == [1024, 768, 512, 384]
    assert [s.value for s in sizes(Capabilities(image=ENCODED), 768)] == [768, 512, 384]


def answers(wrong: float, dice: random.Random, count: int = 100) -> dict[int, Answer]:
    """Labels of `count` pictures, that share of them another than usual."""
    return {
        i: {"asset": "pole" if dice.random() >= wrong else "sign", "parts": ["a", "b"], "text": "x"}
        for i in range(count)
    }


def test_a_real_difference_is_seen() -> None:
    dice = random.Random(1)
    same = answers(0, dice)
    found = differences(same, same, answers(0.2, dice), KINDS)
    assert [one.field for one in found] == ["asset", "parts"], "texts never are the same twice"
    assert found[0].here.count > 10
    assert found[0].p < 0.001
    assert not acceptable(found)


def test_noise_of_the_model_is_no_difference() -> None:
    wrongly = 0
    for seed in range(200):
        dice = random.Random(seed)
        first, again, smaller = (answers(0.1, dice) for _ in range(3))
        wrongly += not acceptable(differences(first, again, smaller, KINDS))
    assert wrongly <= 0.05 * 200


def test_order_does_not_matter_and_failures_do() -> None:
    first: dict[int, Answer] = {
        i: {"asset": "pole", "parts": ["a", "b"], "text": ""} for i in range(50)
    }
    turned: dict[int, Answer] = {
        i: {"asset": "pole", "parts": ["b", "a"], "text": ""} for i in range(50)
    }
    assert [one.here.count for one in differences(first, first, turned, KINDS)] == [0, 0]
    missing = {i: first[i] for i in range(40)}
    assert [one.here.count for one in differences(first, first, missing, KINDS)] == [10, 10]
    assert [one.here.of for one in differences(first, missing, first, KINDS)] == [40, 40]
