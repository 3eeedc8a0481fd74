"""Answers of a whole run, corrected by a reviewed sample: what a report shows beside raw counts."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vistoria.assets import Assets
from vistoria.labels import canonical
from vistoria.ledger import Ledger, Sample
from vistoria.review._domain import Domain
from vistoria.review._tally import Tally, tally
from vistoria.review._verdicts import verdicts
from vistoria.truth import (
    Agreement,
    Change,
    Interval,
    Parts,
    Platt,
    agreement,
    changed,
    class_shares,
    fit_platt,
)

_FEWEST = 20  # reviewed assets below which no curve is fitted


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """One answer of a field: `raw` is how many units the machine gave it; `share` and `count` are
    corrected, with limits; `reviewed`: units that people looked at, over all answers."""

    field: str
    answer: str
    raw: int
    units: int
    share: Interval
    count: Interval
    reviewed: int
    simulated: bool


def class_estimates(
    ledger: Ledger,
    sample: Sample,
    field: str,
    domain: Domain | None = None,
    *,
    confidence: float = 0.95,
    parts: Parts = "mid-p",
) -> tuple[Estimate, ...]:
    """Every answer of a field over the sample's domain or a part of it. What people cannot tell is
    an answer of its own. Raises UserError where nothing was reviewed."""
    counted = tally(ledger, sample, field, domain)
    strata = counted.class_strata()
    shares = class_shares(strata, confidence=confidence, parts=parts, simple=counted.simple)
    raw: Counter[str] = Counter()
    for (_, label), size in counted.sizes.items():
        raw[label[0]] += size
    simulated = any(one.simulated for parts_ in counted.settled for one in parts_)
    return tuple(
        Estimate(
            field=field, answer=answer, raw=raw[answer], units=counted.units, share=share,
            count=share.times(counted.units), reviewed=len(counted.settled), simulated=simulated,
        )
        for answer, share in shares.items()
    )  # fmt: skip


def change_estimate(
    ledger: Ledger, sample: Sample, field: str, *, confidence: float = 0.95
) -> tuple[Change, Tally]:
    """The share of assets on which a field really changed, from a reviewed sample of pairs."""
    counted = tally(ledger, sample, field)
    return changed(counted.pair_strata(), confidence=confidence), counted


def reader_agreement(ledger: Ledger, sample: Sample, field: str) -> Agreement | None:
    """How far the two reviewers agree who both looked at most; None where no two looked at the
    same."""
    pairs: dict[tuple[str, str], Counter[tuple[str, str]]] = {}
    for one in verdicts(ledger, sample, field):
        said = sorted(one.said)
        for first in range(len(said)):
            for second in said[first + 1 :]:
                (a, x), (b, y) = said[first], second
                pairs.setdefault((a, b), Counter())[x, y] += 1
    if not pairs:
        return None
    table = max(pairs.values(), key=lambda counter: counter.total())
    return agreement(table)


def fit_curves(ledger: Ledger, assets: Assets) -> dict[str, Platt]:
    """Field → the curve that makes an asset's evidence a confidence, from samples of assets of this
    run that were reviewed for calibration; fields with fewer than 20 reviews have none."""
    place = {
        f"{row['snapshot_id'] or ''}/{row['asset_id']}": at
        for at, row in enumerate(assets.rows.select(["snapshot_id", "asset_id"]).to_pylist())
    }
    found = {}
    for field in assets.fields:
        at, right = _judged(ledger, assets, field.name, place)
        if len(at) >= _FEWEST:
            found[field.name] = fit_platt(assets.combined[field.name].features[at], right)
    return found


def _judged(
    ledger: Ledger, assets: Assets, field: str, place: dict[str, int]
) -> tuple[Sequence[int], np.ndarray[tuple[int], np.dtype[np.bool_]]]:
    """Reviewed assets, and whether the answer that they have now is right."""
    labels = assets.rows[f"label {field}"].to_pylist()
    at, right = [], []
    for sample in ledger.reviews.samples():
        fits = sample.unit == "asset" and sample.purpose == "calibration"
        if not fits or sample.run_id != assets.run.run_id:
            continue
        for one in verdicts(ledger, sample, field):
            if one.state == "settled" and not one.unclear and one.unit.unit in place:
                at.append(place[one.unit.unit])
                right.append(canonical(one.value) == labels[at[-1]])
    return at, np.array(right, dtype=np.bool_)
