"""Shares per region (cell, month, district), where each has only a few reviews."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vistoria.errors import UserError
from vistoria.truth import mover
from vistoria.truth._special import special
from vistoria.truth.interval import Interval, check_confidence
from vistoria.truth.limits import NAMES, Floats, Parts, limits
from vistoria.truth.mover import Limited
from vistoria.truth.shares import as_interval, share
from vistoria.truth.strata import Stratum

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
    direct_from: int = 100,
) -> dict[str, Interval]:  # fmt: skip
    """Each region's share. With `direct_from` reviews or more it stands alone (as `share`, covers
    "each"); with fewer, the correction of its machine count is drawn towards that of all regions.

    The correction has two rates, of rows wrongly called yes and wrongly called no; each is normal
    around a common mean with a common spread, which is averaged over its posterior (Gelman et al.,
    Bayesian Data Analysis, 3rd ed., 5.4; for small areas: Rao & Molina, Small Area Estimation,
    2nd ed., ch. 6 and 10). Those intervals hold on average over regions ("average"): they promise
    nothing about any one of them. A region without rows is left out. Raises UserError where there
    is no review anywhere.
    """
    alpha = check_confidence(confidence)
    named = {name: region for name, region in regions.items() if region.rows}
    if named and not any(region.reviewed for region in named.values()):
        raise UserError("no region has a review: correct the table as a whole, or review some rows")
    found = {}
    shrunk = _shrunk(list(named.values()), alpha) if named else Limited(*[np.zeros(0)] * 3)
    for i, (name, region) in enumerate(named.items()):
        if region.reviewed >= direct_from:
            strata = [stratum for stratum in (region.yes, region.no) if stratum.size]
            found[name] = share(strata, confidence=confidence, parts=parts)
        else:
            limited = Limited(*(values[i] for values in shrunk))
            method = f"rectifier shrunk to all regions, floor {NAMES['clopper-pearson']}"
            found[name] = as_interval(limited, confidence, method, "average")
    return found


def _shrunk(regions: list[Region], alpha: float) -> Limited:
    """The shares of all regions, each rate drawn to its mean."""
    rows = np.array([region.rows for region in regions], dtype=np.float64)
    called = np.array([region.yes.size for region in regions]) / rows
    yes = np.array([(r.yes.reviewed - r.yes.count, r.yes.reviewed) for r in regions]).T
    no = np.array([(r.no.count, r.no.reviewed) for r in regions]).T
    wrong_yes, wrong_no = (_rates(w, n, alpha) for w, n in (yes, no))
    missed = Limited(*(values * (1 - called) for values in wrong_no))
    invented = Limited(*(values * called for values in wrong_yes))
    rectifier = mover.minus(missed, invented)
    return Limited(*(np.clip(called + values, 0.0, 1.0) for values in rectifier))


def _rates(wrong: NDArray[np.int64], reviewed: NDArray[np.int64], alpha: float) -> Limited:
    """Each region's rate of errors, with limits."""
    errors, looks = float(wrong.sum()), float(reviewed.sum())
    if not looks:
        nothing = np.zeros(len(wrong))
        return Limited(nothing + 0.5, nothing, nothing + 1.0)
    typical = (errors + 0.5) / (looks + 1)  # never 0: no error seen is not no error
    seen = reviewed > 0
    variance = np.where(seen, typical * (1 - typical) / np.maximum(reviewed, 1), np.inf)
    mean, deviation = _posterior(np.where(seen, wrong / np.maximum(reviewed, 1), 0.0), variance)
    z = -float(special().ndtri(alpha / 2))
    floor = limits(errors, looks, alpha, "clopper-pearson")[1] - errors / looks
    mean = np.clip(mean, 0.0, 1.0)
    high = mean + np.maximum(z * deviation, floor)
    return Limited(mean, np.maximum(mean - z * deviation, 0.0), np.minimum(high, 1.0))


def _posterior(rates: Floats, variance: Floats) -> tuple[Floats, Floats]:
    """Mean and standard deviation of each region's rate; one without reviews has infinite
    `variance`. The spread is uniform between 0 and twice what the rates show."""
    seen = np.isfinite(variance)
    y, v = rates[seen], variance[seen]
    most = 2 * max(float(np.std(y)), float(np.sqrt(v.min())))
    spread = (np.arange(_SPREADS) + 0.5)[:, None] / _SPREADS * most
    precision = 1 / (v + spread**2)
    certainty = precision.sum(axis=1, keepdims=True)
    centre = (precision * y).sum(axis=1, keepdims=True) / certainty
    fit = 0.5 * (np.log(precision) - precision * (y - centre) ** 2).sum(axis=1)
    fit -= 0.5 * np.log(certainty[:, 0])
    weight = np.exp(fit - fit.max())
    weight /= weight.sum()
    kept = np.where(seen, spread**2 / (np.where(seen, variance, 1.0) + spread**2), 0.0)
    means = centre + kept * (np.where(seen, rates, 0.0) - centre)
    own = np.where(seen, kept * np.where(seen, variance, 0.0), spread**2)
    squares = own + (1 - kept) ** 2 / certainty + means**2
    mean = weight @ means
    return mean, np.sqrt(np.maximum(weight @ squares - mean**2, 0.0))
