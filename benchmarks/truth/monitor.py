"""S8. The drift alarm over 3,000 audits; and certificates when somebody looks all the time."""

from collections.abc import Iterator
from functools import cache

import numpy as np
from numpy.typing import NDArray

from benchmarks.bars import Bar, at_most
from benchmarks.truth.scenarios import ALPHA
from vistoria.truth import stop_when_reached
from vistoria.truth.limits import limits
from vistoria.truth.sequential import WORST, log_evidence

_LOOKS, _ERROR = 3000, 0.05


def monitor(chance: np.random.Generator, quick: bool) -> Iterator[Bar]:
    """Error as certified, then doubled; then 25 looks at a table exactly at its target."""
    runs = 500 if quick else 4000
    alarms = _first(chance.random((runs, _LOOKS)) < _ERROR)
    yield at_most("S8 false alarms in 3,000 audits", float(np.mean(alarms < _LOOKS)), 0.072, ".3f")
    doubled = _first(chance.random((runs, _LOOKS)) < 2 * _ERROR)
    yield at_most("S8 audits until a doubled error is seen", float(np.median(doubled)), 300, ".0f")
    right = np.cumsum(chance.random((runs, 1000)) >= _ERROR, axis=1)
    looks = np.arange(25, 1001, 25)
    fewest = [_needed(int(n)) for n in looks]
    false = float(np.mean((right[:, looks - 1] >= fewest).any(axis=1)))
    yield at_most("S8 false certificates, honest under peeking", false, 0.06, ".3f")
    low, _ = limits(right[:, looks - 1], looks, 0.1, "clopper-pearson")
    naive = float(np.mean((low >= 1 - _ERROR).any(axis=1)))
    yield Bar("S8 false certificates, exact test", "> 0.15 (control)", f"{naive:.3f}", naive > 0.15)


def _first(wrong: NDArray[np.bool_]) -> NDArray[np.int64]:
    """The audit of the alarm, or `_LOOKS`."""
    raised = np.cumsum(wrong, axis=1) >= _raising()
    found: NDArray[np.int64] = np.where(raised.any(axis=1), raised.argmax(axis=1) + 1, _LOOKS)
    return found


@cache
def _raising() -> NDArray[np.int64]:
    """The fewest errors that raise the alarm, after each number of audits."""
    needed, count = np.zeros(_LOOKS, np.int64), 0
    for audited in range(1, _LOOKS + 1):
        while log_evidence(count, audited, _ERROR, WORST) < -np.log(ALPHA):
            count += 1
        needed[audited - 1] = count
    return needed


def _needed(reviewed: int) -> int:
    """The fewest right answers of `reviewed` that certify."""
    low, high = 0, reviewed + 1
    while high - low > 1:
        middle = (low + high) // 2
        reached = stop_when_reached(middle, reviewed, target=1 - _ERROR).reached
        low, high = (low, middle) if reached else (middle, high)
    return high
