"""Shares per region (cell, month, district), where each has only a few reviews."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from vistoria.errors import UserError
from vistoria.truth._special import special
from vistoria.truth.interval import Interval, check_confidence
from vistoria.truth.limits import Floats, Parts
from vistoria.truth.mover import Limited
from vistoria.truth.shares import as_interval, share
from vistoria.truth.strata import Stratum, pooled

_SPREADS = 80  # values of the spread between regions over which is averaged


@dataclass(frozen=True, slots=True)
class Region:
    """A region's rows where the machine says `yes` and where it says `no`; in both, `count` is how
    many of the reviewed ones truly are it. Within each, reviews were drawn at random."""

    yes: Stratum
    no: Stratum

    @property
    def rows(self) -> int:
        """All rows of the region."""
        return self.yes.size + self.no.size

    @property
    def reviewed(self) -> int:
        """All reviews in the region."""
        return self.yes.reviewed + self.no.reviewed


def region_shares(
    regions: Mapping[str, Region], *, confidence: float = 0.95, parts: Parts = "mid-p",
    direct_from: int = 100, simple: bool = False,
) -> dict[str, Interval]:  # fmt: skip
    """Each region's share. With `direct_from` reviews or more it stands alone (as `share`, covers
    "each"); with fewer, the correction of its machine count is drawn towards that of all regions.

    The corrections are normal around a common mean with a common spread, which is averaged over
    its posterior (Gelman et al., Bayesian Data Analysis, 3rd ed., 5.4; for small areas: Rao &
    Molina, Small Area Estimation, 2nd ed., ch. 6 and 10). Those intervals hold on average over
    regions ("average"): they promise nothing about any one of them. `simple`: in each region one
    simple random sample; else rows were drawn at one rate where the machine says yes and at
    another where it says no. A region without rows is left out. Raises UserError where there is no
    review anywhere.
    """
    alpha = check_confidence(confidence)
    named = {name: region for name, region in regions.items() if region.rows}
    if named and not any(region.reviewed for region in named.values()):
        raise UserError("no region has a review: correct the table as a whole, or review some rows")
    shrunk = _shrunk(list(named.values()), alpha, simple) if named else None
    found = {}
    for i, (name, region) in enumerate(named.items()):
        if region.reviewed >= direct_from:
            strata = [stratum for stratum in (region.yes, region.no) if stratum.size]
            found[name] = share(strata, confidence=confidence, parts=parts)
        elif shrunk:
            limited = Limited(*(values[i] for values in shrunk))
            method = "correction shrunk to that of all regions"
            found[name] = as_interval(limited, confidence, method, "average")
    return found


def _shrunk(regions: list[Region], alpha: float, simple: bool) -> Limited:
    """The shares of all regions, each correction drawn to their mean."""
    rows = np.array([region.rows for region in regions], dtype=np.float64)
    called = np.array([region.yes.size for region in regions]) / rows
    invented, of_yes, missed, of_no = np.array(
        [(r.yes.reviewed - r.yes.count, r.yes.reviewed, r.no.count, r.no.reviewed)
         for r in regions], dtype=np.float64,
    ).T  # fmt: skip
    yes, no = _pooled(regions)
    heavy, light = (1.0, 1.0) if simple else (_weight(yes), _weight(no))
    weight = heavy * of_yes + light * of_no
    seen = weight > 0
    correction = (light * missed - heavy * invented) / np.where(seen, weight, 1.0)
    effective = weight**2 / np.where(seen, heavy**2 * of_yes + light**2 * of_no, 1.0)  # Kish
    wrong = (heavy * invented + light * missed).sum()
    # Half an error in one row more: none seen does not mean that there is none.
    looks = weight.sum() + max(heavy, light)
    typical = (wrong + 0.5 * max(heavy, light)) / looks
    spread = typical - ((light * missed - heavy * invented).sum() / looks) ** 2
    variance = np.where(seen, spread / np.where(seen, effective, 1.0), np.inf)
    mean, deviation = _posterior(correction, variance)
    z = -float(special().ndtri(alpha / 2))
    whole = share([stratum for stratum in (yes, no) if stratum.size], confidence=1 - alpha)
    centre = whole.low if whole.estimate is None else whole.estimate
    estimate = np.clip(called + mean, 0.0, 1.0)
    # No region is known better than all of them together.
    down, up = (np.maximum(z * deviation, gap) for gap in (centre - whole.low, whole.high - centre))
    return Limited(estimate, np.maximum(estimate - down, 0.0), np.minimum(estimate + up, 1.0))


def _pooled(regions: list[Region]) -> tuple[Stratum, Stratum]:
    return pooled([region.yes for region in regions]), pooled([region.no for region in regions])


def _weight(stratum: Stratum) -> float:
    """Rows that a reviewed row stands for."""
    return stratum.size / stratum.reviewed if stratum.reviewed else 0.0


def _posterior(rates: Floats, variance: Floats) -> tuple[Floats, Floats]:
    """Mean and standard deviation of each region's correction; one without reviews has infinite
    `variance`. The square of the spread is uniform (Morris & Tang, Statistical Science 26 (2011)
    271), up to the square of twice what the corrections show."""
    seen = np.isfinite(variance)
    y, v = rates[seen], variance[seen]
    most = 2 * max(float(np.std(y)), float(np.sqrt(v.min())))
    spread = (np.arange(_SPREADS) + 0.5)[:, None] / _SPREADS * most
    precision = 1 / (v + spread**2)
    certainty = precision.sum(axis=1, keepdims=True)
    centre = (precision * y).sum(axis=1, keepdims=True) / certainty
    fit = 0.5 * (np.log(precision) - precision * (y - centre) ** 2).sum(axis=1)
    fit += np.log(spread[:, 0]) - 0.5 * np.log(certainty[:, 0])
    weight = np.exp(fit - fit.max())
    weight /= weight.sum()
    kept = np.where(seen, spread**2 / (np.where(seen, variance, 1.0) + spread**2), 0.0)
    means = centre + kept * (np.where(seen, rates, 0.0) - centre)
    own = np.where(seen, kept * np.where(seen, variance, 0.0), spread**2)
    squares = own + (1 - kept) ** 2 / certainty + means**2
    mean = weight @ means
    return mean, np.sqrt(np.maximum(weight @ squares - mean**2, 0.0))
