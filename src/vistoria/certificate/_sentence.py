"""A certificate in words: what is proven, from what, and what it is bound to."""

import math
from collections.abc import Iterator, Sequence

from vistoria.certificate._claim import Claim
from vistoria.certificate._refusal import Evidence
from vistoria.review import Domain, Tally
from vistoria.truth import Interval


def sentence(
    claim: Claim,
    evidence: Evidence,
    counted: Tally,
    interval: Interval,
    right: int,
    reviewed: int,
    earlier: Sequence[int],
) -> str:
    """One paragraph; the limit is rounded down."""
    low = math.floor(interval.low * 1000) / 10
    level = f"{100 * claim.confidence:g} % confidence"
    if claim.together > 1:
        level += f" for {claim.together} such statements at once"
    seen = f"{_seen(claim, right, reviewed)} ({_design(evidence)})"
    parts = [
        f"At least {low:.1f} % {_what(claim)}, with {level}: {seen}.",
        *_bound_to(claim, evidence, counted),
        *_caveats(claim, evidence, earlier),
    ]
    return marked(evidence) + " ".join(parts)


def list_sentence(
    claim: Claim, evidence: Evidence, counted: Tally, seen: str, changes: int, looks: Sequence[int]
) -> str:
    """One paragraph about a list of so many `changes`; `seen`: what its limit rests on; `looks`:
    certificates that asked the same reviews for another precision."""
    before, after = counted.snapshots
    what = f"of these {changes:,} changes of {claim.field!r} between {before} and {after} are real"
    level = f"{100 * claim.confidence:g} % confidence"
    reviewed = f"{len(counted.settled):,} of {counted.units:,} assets whose labels differ"
    known = "Reviewed assets that had not changed are left out, those that had are on the list."
    rests_on = f"{reviewed} were reviewed ({_design(evidence)})"
    parts = [
        f"At least {100 * claim.precision:g} % {what}, with {level}: {rests_on}.",
        f"{seen} {known}",
        *_bound_to(claim, evidence, counted),
        *_caveats(claim, evidence, ()),
    ]
    if looks:
        numbers = ", ".join(map(str, looks))
        parts.append(
            "These reviews were asked for lists of other precisions too (certificate "
            f"{numbers}); the confidence is that all such lists hold."
        )
    return marked(evidence) + " ".join(parts)


def marked(evidence: Evidence) -> str:
    """What stands before every sentence that rests on a simulated reviewer."""
    made_up = any(one.simulated for one in evidence.verdicts)
    return "SIMULATED REVIEW, NOT BY A PERSON. " if made_up else ""


def _what(claim: Claim) -> str:
    if claim.measure == "recall":
        return f"of what is truly {claim.answer!r} in {claim.field!r} was found"
    if claim.answer is not None:
        return f"of the {claim.field!r} labels {claim.answer!r} are right"
    return f"of the {claim.field!r} labels are right"


def _seen(claim: Claim, right: int, reviewed: int) -> str:
    if claim.measure == "recall":
        return f"{right:,} of {reviewed:,} that reviewers saw had been found"
    return f"{right:,} of {reviewed:,} reviewed labels were right"


def _design(evidence: Evidence) -> str:
    sample = evidence.sample
    kind = "simple random sample" if sample.method == "simple" else "stratified random sample"
    by = f", weighted by strata of {sample.by_field}" if sample.by_field else ""
    readers = sorted({who for one in evidence.verdicts for who, _ in one.said})
    return (
        f"{kind} of {sample.population:,} {sample.unit}s{by}, seed {sample.seed}, reviewed without "
        f"sight of the labels by {' and '.join(readers)}"
    )


def _bound_to(claim: Claim, evidence: Evidence, counted: Tally) -> Iterator[str]:
    run, sample = evidence.run, evidence.sample
    version = counted.versions[0] if counted.versions else "unknown"
    fingerprint = next(one["fingerprint"] for one in sample.fields if one["name"] == claim.field)
    snapshots = f"snapshot {', '.join(counted.snapshots)}" if counted.snapshots else "no snapshot"
    domain = claim.domain or Domain.of(sample.domain)
    yield (
        f"It holds for the labels of run {run.run_id}: {run.source}, {snapshots}, {domain}; model "
        f"{run.model}, version {version}; task {run.task}, field {fingerprint[:12]}; and for no "
        "others."
    )


def _caveats(claim: Claim, evidence: Evidence, earlier: Sequence[int]) -> Iterator[str]:
    unclear = sum(one.unclear for one in evidence.verdicts)
    if unclear:
        yield f"{unclear:,} that reviewers could not tell count as wrong."
    if claim.stop_when_reached:
        yield "The sample was followed while it grew; the limit holds at all times."
    if earlier:
        numbers = ", ".join(map(str, earlier))
        yield f"Other samples were judged for the same before: see certificate {numbers}."
