"""The ways in which reviewed labels prove nothing, each with its reason and what would help."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, NoReturn

from vistoria.certificate._claim import Claim
from vistoria.errors import CertificateRefused
from vistoria.ledger import Certificate, Ledger, Run, Sample, SampledUnit
from vistoria.review import Domain, Tally, Verdict, reopen, verdicts

REASONS: Mapping[str, str] = {
    "not_random": "the units were chosen, not drawn at random",
    "labels_reused": "the labels served another purpose before",
    "label_seen": "a reviewer saw what the machine said",
    "model_changed": "the labels are not, or not all, those of the model that was sampled",
    "task_changed": "the question means something else now",
    "other_population": "the sample is of other rows",
    "incomplete": "drawn units were left out of the review",
    "disputed": "reviewers disagree",
    "peeked": "the sample was looked at before, and has grown or changed since",
    "simulated": "a simulated reviewer is no person",
    "not_simple": "a sample that may grow must be a simple one",
    "nothing_reviewed": "there is nothing to speak of",
    "no_list": "the reviews show no list of changes that is as right as asked for",
}


class Evidence(NamedTuple):
    """What a claim rests on. `verdicts`: of the claim's field, over the whole sample."""

    sample: Sample
    run: Run
    units: Sequence[SampledUnit]
    verdicts: Sequence[Verdict]
    looks: Sequence[Certificate]
    uses: Sequence[str]
    newest_decision: int


def gather(ledger: Ledger, sample: Sample, claim: Claim) -> Evidence:
    """Reads what there is about a sample."""
    reviews = ledger.reviews
    return Evidence(
        sample=sample,
        run=ledger.run(sample.run_id),
        units=reviews.units(sample),
        verdicts=verdicts(ledger, sample, claim.field),
        looks=[one for one in reviews.certificates() if one.sample_id == sample.sample_id],
        uses=reviews.uses(sample),
        newest_decision=reviews.newest_decision(sample),
    )


def refuse_before(ledger: Ledger, claim: Claim, evidence: Evidence) -> None:
    """Raises CertificateRefused for what can be told without a look at what people said."""
    for check in (_random, _purpose, _blind, _person):
        check(claim, evidence)
    _run(ledger, claim, evidence)
    _field(claim, evidence)
    _population(claim, evidence)


def refuse_after(ledger: Ledger, claim: Claim, evidence: Evidence, counted: Tally) -> None:
    """Raises CertificateRefused for what the counts tell; no figure is shown to who asks."""
    _grown(ledger, claim, evidence, counted)
    if len(counted.versions) > 1:
        refuse(
            "model_changed",
            f"the labels come from {len(counted.versions)} versions of the model "
            f"({', '.join(counted.versions)}); run it anew with --fresh, and draw a sample of that",
        )
    if counted.moved:
        refuse(
            "model_changed",
            f"{counted.moved:,} reviewed units have another label now than when the sample was "
            "drawn; draw a new sample of the labels as they are",
        )
    if not claim.stop_when_reached and counted.open:
        refuse(
            "incomplete",
            f"{counted.open:,} of the drawn units have no answer; who leaves out the hard ones "
            "measures the easy ones. Answer them, with ? where nobody can tell",
        )
    if counted.conflicts and not claim.stop_when_reached:
        refuse(
            "disputed",
            f"reviewers disagree on {counted.conflicts:,} units; adjudicate them: vistoria sample "
            f"conflicts/ --conflicts {evidence.sample.sample_id}",
        )
    _peeking(claim, evidence)


def _random(claim: Claim, evidence: Evidence) -> None:
    chosen = any(unit.probability is None for unit in evidence.units)
    if evidence.sample.method == "chosen" or chosen:
        refuse(
            "not_random",
            f"sample {evidence.sample.sample_id} was chosen and not drawn, so it tells nothing "
            "about what was not chosen; draw one with `vistoria sample`",
        )
    if claim.stop_when_reached and claim.measure == "recall":
        refuse("not_simple", "recall cannot be followed while a sample grows; fix its size")
    if claim.stop_when_reached and evidence.sample.method != "simple":
        refuse(
            "not_simple",
            "only a simple random sample may be looked at while it grows; draw one with --simple",
        )


def _purpose(claim: Claim, evidence: Evidence) -> None:  # noqa: ARG001 - all checks look alike
    served = [*evidence.uses]
    if evidence.sample.purpose != "certification":
        served.insert(0, evidence.sample.purpose)
    if served:
        refuse(
            "labels_reused",
            f"sample {evidence.sample.sample_id} served for {', '.join(served)}; a model is "
            "flattered by labels that it was made with. Draw one with --purpose certification",
        )


def _blind(claim: Claim, evidence: Evidence) -> None:  # noqa: ARG001
    seen = sum(one.label_seen for one in evidence.verdicts)
    if seen:
        refuse(
            "label_seen",
            f"{seen:,} answers were given by somebody who saw what the machine said, and tends to "
            "agree with it; have them reviewed from a sheet without labels, in a new sample",
        )


def _person(claim: Claim, evidence: Evidence) -> None:
    if not claim.simulated and any(one.simulated for one in evidence.verdicts):
        refuse(
            "simulated",
            "these decisions are made up by a simulated reviewer. For a trial, ask with "
            "--simulated, and the sentence will say so",
        )


def _run(ledger: Ledger, claim: Claim, evidence: Evidence) -> None:
    if claim.run_id is None or claim.run_id == evidence.run.run_id:
        return
    asked, sampled = ledger.run(claim.run_id), evidence.run
    if (asked.model, asked.settings) != (sampled.model, sampled.settings):
        refuse(
            "model_changed",
            f"sample {evidence.sample.sample_id} is of labels by {sampled.model} (run "
            f"{sampled.run_id}), not by {asked.model} as in run {asked.run_id}, or its settings "
            "differ; draw a sample of that run",
        )
    refuse(
        "other_population",
        f"sample {evidence.sample.sample_id} is of run {sampled.run_id}, not of run "
        f"{asked.run_id}; draw a sample of that run",
    )


def _field(claim: Claim, evidence: Evidence) -> None:
    known = {one["name"]: one["fingerprint"] for one in evidence.sample.fields}
    if claim.field not in known:
        refuse(
            "task_changed",
            f"sample {evidence.sample.sample_id} did not ask about {claim.field!r}, but about "
            f"{', '.join(known)}",
        )
    if claim.fingerprint is not None and claim.fingerprint != known[claim.field]:
        refuse(
            "task_changed",
            f"{claim.field!r} means something else in the task now than when it was asked and "
            "reviewed; run the new task and draw a sample of that",
        )


def _population(claim: Claim, evidence: Evidence) -> None:
    sample = evidence.sample
    sampled = Domain.of(sample.domain)
    if sample.unit == "pair" and claim.measure != "changes":
        refuse(
            "other_population",
            f"sample {sample.sample_id} is of pairs, which speak of change: vistoria compare "
            f"{sample.run_id} --between {','.join(sampled.between or ())}",
        )
    if claim.domain is not None and not claim.domain.within(sampled):
        refuse(
            "other_population",
            f"sample {sample.sample_id} was drawn from {sampled}, which does not hold all of "
            f"{claim.domain}; draw a sample of that",
        )


def _grown(ledger: Ledger, claim: Claim, evidence: Evidence, counted: Tally) -> None:
    """The labels are read anew only where the claim is about a part of them."""
    sample, units = evidence.sample, counted.units
    if claim.domain is not None:
        units = sum(reopen(ledger, sample)[1].sizes.values())
    if units != sample.population:
        refuse(
            "other_population",
            f"run {sample.run_id} has {units:,} answered units now and had {sample.population:,} "
            f"when sample {sample.sample_id} was drawn; draw a new one",
        )


def _peeking(claim: Claim, evidence: Evidence) -> None:
    """A bound for a size fixed beforehand holds for one look. One that holds at all times may be
    looked at again, but not exchanged for the other kind once it disappoints."""
    if claim.stop_when_reached:
        return
    for look in _same(claim, evidence.looks):
        # What disappoints must not be mended by more reviews, or by other answers.
        if look.decision_id != evidence.newest_decision:
            refuse(
                "peeked",
                f"certificate {look.certificate_id} was already written from {look.reviewed:,} "
                "reviews of this sample, and there are new decisions since: who adds reviews or "
                "mends answers until the figure pleases proves nothing. Draw a new sample with "
                "another --draw-seed" + _watching(claim),
            )
        if look.claim["stop_when_reached"]:
            refuse(
                "peeked",
                f"certificate {look.certificate_id} followed this sample while it grew; go on with "
                "--stop-when-reached, or draw a new sample",
            )


def _watching(claim: Claim) -> str:
    return "" if claim.measure == "changes" else ", or plan for it with --stop-when-reached"


def _same(claim: Claim, looks: Sequence[Certificate]) -> Iterator[Certificate]:
    return (look for look in looks if look.claim["field"] == claim.field)


def refuse(reason: str, message: str) -> NoReturn:
    """Raises CertificateRefused."""
    assert reason in REASONS
    raise CertificateRefused(reason, message)
