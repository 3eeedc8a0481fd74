"""What can be said about a table of machine labels from a sample that people looked at.

Pure functions on counts; numpy, and scipy from the extra `vistoria[truth]`. Every method cites its
source and was tested by simulation (`python -m benchmarks.truth`, `docs/statistics.md`).

    strata = [Stratum(size=70_000, reviewed=300, count=3), Stratum(30_000, 200, 188)]
    share(strata)                     # Interval(estimate=0.289, low=…, high=…, confidence=0.95, …)
    share(strata).times(100_000)      # the same as a count of rows
    at_least(485, 500)                # what a certificate may say

Stratum · ClassStratum → share, class_shares, precision, recall, difference → Interval.
"""

from vistoria.truth.interval import Covers, Interval
from vistoria.truth.limits import Parts, at_least, binomial
from vistoria.truth.share import class_shares, difference, precision, recall, share
from vistoria.truth.strata import ClassStratum, Stratum

__all__ = [
    "ClassStratum",
    "Covers",
    "Interval",
    "Parts",
    "Stratum",
    "at_least",
    "binomial",
    "class_shares",
    "difference",
    "precision",
    "recall",
    "share",
]
