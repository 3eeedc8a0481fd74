"""What can be said about a table of machine labels from a sample that people looked at.

Pure functions on counts; numpy, and scipy from the extra `vistoria[truth]`. Every method cites its
source and was tested by simulation (`python -m benchmarks.truth`, `docs/statistics.md`).

    strata = [Stratum(size=70_000, reviewed=300, count=3), Stratum(30_000, 200, 188)]
    share(strata)                     # Interval(estimate=0.289, low=0.275, high=0.305, …)
    share(strata).times(100_000)      # the same as a count of rows
    at_least(485, 500)                # what a certificate may say

shares     Stratum → share · ClassStratum → class_shares, precision, recall · Region → region_shares
contracts  binomial, at_least, share_at_least, stop_when_reached (honest under peeking), drifted
planning   allocate, reviews_for_margin, reviews_for_strata, reviews_for_certificate
readers    agreement (raw, kappa, AC1, alpha, specific), mcnemar, paired_difference (two runs)
assets     combine (photos → asset), fit_platt
change     PairStratum → changed, flipped, net_change → Change; certify_list
cascades   certify_overall, certify_selective, recall_at_least, loss_at_most
"""

from vistoria.truth.allocation import (
    Reviews,
    allocate,
    hidden_at_most,
    reviews_for_certificate,
    reviews_for_margin,
    reviews_for_strata,
    reviews_without_error,
)
from vistoria.truth.assets import Combined, combine
from vistoria.truth.cascade import Threshold, certify_overall, certify_selective, recall_at_least
from vistoria.truth.change import Change, PairStratum, changed, flipped, net_change
from vistoria.truth.change_list import ChangeList, certify_list
from vistoria.truth.interval import Covers, Interval
from vistoria.truth.limits import Parts, at_least, binomial
from vistoria.truth.paired import Paired, PairedStratum, mcnemar, paired_difference
from vistoria.truth.platt import Platt, fit_platt
from vistoria.truth.readers import Agreement, agreement, confusion
from vistoria.truth.regions import Region, region_shares
from vistoria.truth.sequential import Watched, drifted, loss_at_most, stop_when_reached
from vistoria.truth.shares import class_shares, difference, precision, recall, share, share_at_least
from vistoria.truth.strata import ClassStratum, Stratum

__all__ = [
    "Agreement",
    "Change",
    "ChangeList",
    "ClassStratum",
    "Combined",
    "Covers",
    "Interval",
    "PairStratum",
    "Paired",
    "PairedStratum",
    "Parts",
    "Platt",
    "Region",
    "Reviews",
    "Stratum",
    "Threshold",
    "Watched",
    "agreement",
    "allocate",
    "at_least",
    "binomial",
    "certify_list",
    "certify_overall",
    "certify_selective",
    "changed",
    "class_shares",
    "combine",
    "confusion",
    "difference",
    "drifted",
    "fit_platt",
    "flipped",
    "hidden_at_most",
    "loss_at_most",
    "mcnemar",
    "net_change",
    "paired_difference",
    "precision",
    "recall",
    "recall_at_least",
    "region_shares",
    "reviews_for_certificate",
    "reviews_for_margin",
    "reviews_for_strata",
    "reviews_without_error",
    "share",
    "share_at_least",
    "stop_when_reached",
]
