"""Impossible input is refused with a message that says what and what next; scipy is an extra."""

import subprocess
import sys
from collections.abc import Callable

import numpy as np
import pytest

from vistoria import truth
from vistoria.errors import UserError
from vistoria.truth import ClassStratum, PairStratum, Region, Stratum, binomial

_MAP = [ClassStratum("a", 100, {"a": 9, "b": 1}), ClassStratum("b", 100, {"b": 10})]


@pytest.mark.parametrize(
    ("ask", "says"),
    [
        (lambda: binomial(11, 10), "11 of 10"),
        (lambda: binomial(-1, 10), "-1 of 10"),
        (lambda: binomial(1.5, 10), "whole"),  # type: ignore[arg-type]
        (lambda: binomial(float("nan"), 10), "whole"),  # type: ignore[arg-type]
        (lambda: binomial(1, 10, confidence=95), "0.95"),
        (lambda: binomial(1, 10, confidence=1.0), "0.95"),
        (lambda: binomial(1, 10).times(-1), "-1"),
        (lambda: Stratum(10, 11, 0), "11 of 10"),
        (lambda: Stratum(10, 5, 6), "6 of 5"),
        (lambda: ClassStratum("a", 10, {"a": 8, "b": 3}), "11 of 10"),
        (lambda: ClassStratum("a", 10, {"a": -1, "b": 3}), "-1 of 10"),
        (lambda: PairStratum("a", "b", 10, {("a", "a"): 11}), "11 of 10"),
        (lambda: truth.PairedStratum(20, 10, 6, 5), "11 of 10"),
        (lambda: truth.PairedStratum(20, 10, -1, 5), "-1 of 10"),
        (lambda: truth.share([]), "no rows"),
        (lambda: truth.share_at_least([]), "no rows"),
        (lambda: truth.class_shares([]), "no rows"),
        (lambda: truth.recall([], "a"), "no rows"),
        (lambda: truth.precision(_MAP, "c"), "'c'"),
        (lambda: truth.difference(binomial(1, 9), binomial(1, 9, confidence=0.9)), "same"),
        (lambda: truth.difference(binomial(1, 9), binomial(0, 0)), "without an estimate"),
        (lambda: truth.region_shares({"x": Region(Stratum(5, 0, 0), Stratum(5, 0, 0))}), "review"),
        (lambda: truth.agreement({("a", "a"): 5}), "two answers"),
        (lambda: truth.agreement({("a", "b"): -5}), "-5"),
        (lambda: truth.confusion(np.array(["a"]), np.array(["a", "b"])), "1 answers against 2"),
        (lambda: truth.mcnemar(5, 6, 10), "11 of 10"),
        (lambda: truth.mcnemar(-5, 6, 10), "negative"),
        (lambda: truth.loss_at_most(-5, 6, 10), "negative"),
        (lambda: truth.allocate([10], -1), "-1"),
        (lambda: truth.reviews_for_margin(1), "margin"),
        (lambda: truth.reviews_for_margin(0.01, expected=0), "expected"),
        (lambda: truth.reviews_for_strata(0.01, [(10, 1.5)]), "1.5"),
        (lambda: truth.reviews_for_certificate(0.95, expected=0.95), "lower the target"),
        (lambda: truth.reviews_without_error(95), "0.95"),
        (lambda: truth.stop_when_reached(1, 2, target=95), "0.95"),
        (lambda: truth.drifted(3, 2, certified=0.05), "3 of 2"),
        (lambda: truth.certify_overall([], [], target=0.9), "one score"),
        (lambda: truth.certify_overall([0.1], [True, False], target=0.9), "one score"),
        (lambda: truth.certify_overall([np.nan], [True], target=0.9), "one score"),
        (lambda: truth.certify_overall([0.1], [True], target=90), "0.95"),
        (lambda: truth.certify_selective([0.1], [True], target=0.9, first=0.001), "grid"),
        (lambda: truth.certify_list([[0.1]], [True], [True]), "both halves"),
        (lambda: truth.recall_at_least(1, 10, 11, 0), "11 of 10"),
        (lambda: truth.recall_at_least(-1, 10, 5, 0), "-1"),
        (lambda: truth.fit_platt([], []), "reviewed answer"),
        (lambda: truth.fit_platt([np.nan], [True]), "reviewed answer"),
        (lambda: truth.combine([1, 2], [1]), "one of each"),
        (lambda: truth.combine([1], [1], [1.5]), "between 0 and 1"),
        (lambda: truth.flipped([PairStratum("a", "b", 5)], "a", "a"), "no change"),
        (lambda: truth.changed([]), "no rows"),
    ],
)
def test_nonsense_is_refused(ask: Callable[[], object], says: str) -> None:
    with pytest.raises(UserError, match=says):
        ask()


def test_every_public_name_is_listed() -> None:
    public = {
        name for name in vars(truth)
        if name[0] != "_" and not isinstance(getattr(truth, name), type(sys))
    }  # fmt: skip
    assert public == set(truth.__all__)
    assert truth.__all__ == sorted(truth.__all__)


def test_scipy_is_loaded_only_to_compute() -> None:
    script = (
        "import sys, vistoria.cli, vistoria.truth; assert 'scipy' not in sys.modules;"
        "sys.modules['scipy'] = None; vistoria.truth.binomial(1, 2)"
    )
    found = subprocess.run(
        [sys.executable, "-c", script], check=False, capture_output=True, text=True
    )
    assert "MissingExtra" in found.stderr
    assert "vistoria[truth]" in found.stderr
