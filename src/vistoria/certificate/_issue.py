"""Writes a certificate: counts, a lower limit, a sentence; kept in the ledger."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from vistoria.certificate._claim import Claim
from vistoria.certificate._refusal import Evidence, gather, refuse, refuse_after, refuse_before
from vistoria.certificate._sentence import sentence
from vistoria.errors import UserError
from vistoria.labels import NOTHING, named
from vistoria.ledger import Certificate, Ledger, Sample
from vistoria.review import Tally, Verdict, tally
from vistoria.truth import Interval, Stratum, at_least, recall, share, stop_when_reached


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """A certificate. `low`: the share that is proven at least; `estimate`: what the sample shows;
    `right` of `reviewed` labels; `reached`: whether the target was, None without one."""

    certificate: Certificate
    low: float
    estimate: float | None
    right: int
    reviewed: int
    reached: bool | None

    @property
    def sentence(self) -> str:
        """What a contract can hold."""
        return self.certificate.sentence


@dataclass(frozen=True, slots=True)
class _Found:
    interval: Interval
    right: int
    reviewed: int
    units: int


def issue(ledger: Ledger, sample: Sample, claim: Claim) -> Issued:
    """Writes a certificate and keeps it, whether its figure pleases or not.

    Raises CertificateRefused where the reviews prove nothing of the kind, UserError where a list of
    changes is asked for (`list_changes`).
    """
    if claim.measure == "changes":
        raise UserError("a certificate is about labels; for a list of changes call list_changes")
    evidence = gather(ledger, sample, claim)
    refuse_before(ledger, claim, evidence)
    counted = tally(ledger, sample, claim.field, claim.domain)
    refuse_after(ledger, claim, evidence, counted)
    if claim.stop_when_reached:
        counted = replace(counted, settled=_prefix(evidence, counted))
    found = _bound(claim, counted)
    earlier = _earlier(ledger, sample, claim)
    text = sentence(claim, evidence, counted, found.interval, found.right, found.reviewed, earlier)
    reached = None if claim.target is None else found.interval.low >= claim.target
    document = _document(claim, evidence, counted, found) | {
        "reached": reached,
        "earlier_certificates": list(earlier),
    }
    kept = ledger.reviews.add_certificate(
        sample, claim.document(), text, document, reviewed=found.reviewed
    )
    return Issued(
        certificate=kept, low=found.interval.low, estimate=found.interval.estimate,
        right=found.right, reviewed=found.reviewed, reached=reached,
    )  # fmt: skip


def _bound(claim: Claim, counted: Tally) -> _Found:
    if claim.measure == "recall":
        return _recall(claim, counted)
    given = _given(claim, counted)
    strata = counted.right_strata(given)
    reviewed = sum(one.reviewed for one in strata)
    right = sum(one.count for one in strata)
    units = sum(one.size for one in strata)
    if not reviewed:
        which = "labels" if claim.answer is None else f"labels {claim.answer!r}"
        refuse(
            "nothing_reviewed",
            f"of the {units:,} {claim.field!r} {which} none was drawn and reviewed; draw a sample "
            f"with --by {claim.field}",
        )
    if claim.stop_when_reached:
        watched = stop_when_reached(
            right, reviewed, target=claim.target or claim.level, confidence=claim.level
        )
        return _Found(watched.interval, right, reviewed, units)
    return _Found(_lower(strata, claim.level), right, reviewed, units)


def _lower(strata: Sequence[Stratum], level: float) -> Interval:
    """One-sided: exact where one sample speaks for all, else MOVER at twice the error."""
    there = [one for one in strata if one.size]
    if len(there) == 1:
        return at_least(there[0].count, there[0].reviewed, confidence=level)
    both = share(there, confidence=1 - 2 * (1 - level))
    return replace(both, high=1.0, confidence=level, method=f"{both.method}, one-sided")


def _recall(claim: Claim, counted: Tally) -> _Found:
    strata = counted.class_strata()
    if claim.answer is None:
        refuse("nothing_reviewed", "recall is of one answer; name it with --class")
    both = recall(strata, claim.answer, confidence=1 - 2 * (1 - claim.level), simple=counted.simple)
    is_it = [parts for parts in counted.settled if parts[0].answer == claim.answer]
    if not is_it:
        refuse("nothing_reviewed", f"reviewers saw no {claim.answer!r}; draw more, or --by it")
    right = sum(parts[0].right for parts in is_it)
    units = sum(one.size for one in strata)
    interval = replace(both, high=1.0, confidence=claim.level, method=f"{both.method}, one-sided")
    return _Found(interval, right, len(is_it), units)


def _given(claim: Claim, counted: Tally) -> frozenset[str]:
    """The machine labels that are spoken about: all that say something, or one."""
    said = {label[0] for _, label in counted.sizes}
    if claim.answer is None:
        return frozenset(said - {NOTHING})
    if claim.answer not in said:
        known = ", ".join(sorted(said))
        refuse("nothing_reviewed", f"the machine never said {claim.answer!r}; it said {known}")
    return frozenset({claim.answer})


def _prefix(evidence: Evidence, counted: Tally) -> tuple[tuple[Verdict, ...], ...]:
    """The reviewed units up to the first that is not settled, in the order of drawing: what comes
    after it might have been picked."""
    gap = min(
        (one.unit.item for one in evidence.verdicts if one.state != "settled"), default=math.inf
    )
    return tuple(parts for parts in counted.settled if parts[0].unit.item < gap)


def _earlier(ledger: Ledger, sample: Sample, claim: Claim) -> tuple[int, ...]:
    """Certificates for the same claim about the same run from other samples: the best of several
    is no evidence, so all are named."""
    mine = claim.document()
    runs = {one.sample_id: one.run_id for one in ledger.reviews.samples()}
    return tuple(
        one.certificate_id
        for one in ledger.reviews.certificates()
        if one.sample_id != sample.sample_id
        and runs[one.sample_id] == sample.run_id
        and all(one.claim[key] == mine[key] for key in ("field", "answer", "measure", "domain"))
    )


def _document(
    claim: Claim, evidence: Evidence, counted: Tally, found: _Found
) -> dict[str, Any]:  # fmt: skip
    sample, run = evidence.sample, evidence.run
    fingerprints = {one["name"]: one["fingerprint"] for one in sample.fields}
    unclear = sum(one.unclear for parts in counted.settled for one in parts)
    return {
        **claim.document(),
        "at_least": found.interval.low,
        "estimate": found.interval.estimate,
        "level": claim.level,
        "target": claim.target,
        "method": found.interval.method,
        "right": found.right,
        "reviewed": found.reviewed,
        "cannot_tell": unclear,
        "labels": found.units,
        "reviewers": sorted({who for one in evidence.verdicts for who, _ in one.said}),
        "simulated": any(one.simulated for one in evidence.verdicts),
        "sample": sample.sample_id,
        "design": {
            "method": sample.method, "unit": sample.unit, "by_field": sample.by_field,
            "seed": sample.seed, "population": sample.population, "drawn_at": sample.drawn_at,
            "domain": dict(sample.domain),
        },
        "run": run.run_id,
        "model": run.model,
        "model_version": counted.versions[0] if counted.versions else None,
        "settings": dict(run.settings),
        "task": run.task,
        "task_fingerprint": run.task_fingerprint,
        "field_fingerprint": fingerprints[claim.field],
        "snapshots": list(counted.snapshots),
        "source": run.source,
        "answers": [named(value) for value in ([claim.answer] if claim.answer else [])],
    }  # fmt: skip
