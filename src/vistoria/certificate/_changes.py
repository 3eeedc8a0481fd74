"""A list of changed assets of which at least a stated share is real.

Where nothing changes at all the machine still says so of some assets, so what seems to have changed
is no list. People look at a simple random sample of it; a score of how sure the machine is in both
snapshots is fitted on every other review, and the rest certify how far down the list may go
(`truth.certify_list`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn, TypeAlias

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from vistoria.certificate._claim import Claim
from vistoria.certificate._refusal import Evidence, gather, refuse, refuse_after, refuse_before
from vistoria.certificate._sentence import list_sentence, marked
from vistoria.errors import UserError
from vistoria.labels import named, plain
from vistoria.ledger import Certificate, Ledger, Run, Sample
from vistoria.review import UNCLEAR, Frame, Tally, Verdict, reopen, tally
from vistoria.truth import ChangeList, certify_list

_Parts: TypeAlias = tuple[Verdict, ...]

SCHEMA = pa.schema(
    [
        ("asset_id", pa.string()), ("asset_type", pa.string()), ("latitude", pa.float64()),
        ("longitude", pa.float64()), ("field", pa.string()),
        ("snapshot_before", pa.string()), ("snapshot_after", pa.string()),
        ("before", pa.string()), ("after", pa.string()),
        ("label_before", pa.string()), ("label_after", pa.string()),
        ("confidence", pa.float64()), ("reviewed", pa.bool_()),
    ]
)  # fmt: skip
"""`before` and `after`: what people said where they looked (`reviewed`), else the labels.
`confidence`: how sure the score is that the labelled change is real; it ranks, the sentence
certifies."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ListedChanges:
    """A certified list. `table`: one row per change, as `SCHEMA` says, reviewed ones first, then
    the surest; `apparent`: all assets whose labels differ; `reviewed`: of them, looked at."""

    certificate: Certificate
    table: pa.Table
    apparent: int
    reviewed: int

    @property
    def sentence(self) -> str:
        """What may be said about the list."""
        return self.certificate.sentence


def change_sample(ledger: Ledger, run: Run, between: tuple[str, str], field: str) -> Sample:
    """The newest sample of the pairs whose labels of `field` differ, of those that somebody looked
    at if there are any. Raises CertificateRefused where none was drawn."""
    fit = [
        one for one in ledger.reviews.samples()
        if one.run_id == run.run_id and one.unit == "pair"
        and one.domain.get("between") == list(between) and one.domain.get("changed") == field
    ]  # fmt: skip
    if not fit:
        refuse(
            "nothing_reviewed",
            f"no sample of the assets whose {field!r} labels differ was drawn: vistoria sample "
            f"pairs/ --run {run.run_id} --unit pair --between {','.join(between)} "
            f"--changed {field}",
        )
    return max(fit, key=lambda one: (bool(ledger.reviews.standing(one)), one.sample_id))


def list_changes(ledger: Ledger, sample: Sample, claim: Claim) -> ListedChanges:
    """Lists changes of which at least `claim.target` are real: what people say before and after is
    what the machine says. The claim's measure is "changes", its domain that of the sample.

    Other precisions may be asked of the same reviews: of the error allowed, the first gets a half,
    the second a quarter and so on, so that all lists hold together. Reviewed assets that did not
    change are left out, and those that did are on it. Every question is kept as a certificate.
    Raises CertificateRefused where the reviews prove no such list, UserError for another claim.
    """
    if claim.domain is not None or not 0 < claim.precision < 1:
        raise UserError("a list of changes is of all that was sampled, at a share between 0 and 1")
    evidence = gather(ledger, sample, claim)
    refuse_before(ledger, claim, evidence)
    if sample.domain.get("changed") != claim.field or sample.method != "simple":
        refuse(
            "other_population",
            f"sample {sample.sample_id} is no simple one of the pairs whose {claim.field!r} labels "
            f"differ; draw one with --changed {claim.field}",
        )
    counted = tally(ledger, sample, claim.field)
    refuse_after(ledger, claim, evidence, counted)
    frame, _ = reopen(ledger, sample)
    rule = _rule(frame, claim, evidence, counted)
    if rule.threshold.threshold is None:
        _refuse_list(ledger, claim, evidence, counted, rule)
    table = _listed(frame, claim.field, counted, rule)
    kept = _keep(ledger, claim, evidence, counted, rule, table.num_rows)
    return ListedChanges(
        certificate=kept, table=table, apparent=frame.table.num_rows, reviewed=len(counted.settled)
    )


def _rule(frame: Frame, claim: Claim, evidence: Evidence, counted: Tally) -> ChangeList:
    place = {unit: at for at, unit in enumerate(frame.table["unit"].to_pylist())}
    moved = sum(unit.unit not in place for unit in evidence.units)
    if moved:
        refuse(
            "model_changed",
            f"of {moved:,} reviewed assets the labels do not differ any more; draw a new sample of "
            "the labels as they are",
        )
    rows = [place[parts[0].unit.unit] for parts in counted.settled]
    real = [all(one.right for one in parts) for parts in counted.settled]
    # The order of drawing is that of a hash, so every other one is a half at random.
    fitting = [parts[0].unit.item % 2 == 0 for parts in counted.settled]
    if all(fitting) or not any(fitting):
        refuse("nothing_reviewed", f"{len(rows)} reviews are too few for a list; draw 200")
    return certify_list(
        frame.sureness(claim.field)[rows], real, fitting, target=claim.precision,
        confidence=_level(claim, evidence),
    )  # fmt: skip


def _asked(claim: Claim, evidence: Evidence) -> list[float]:
    """The precisions asked of these reviews, in the order of asking, this one included."""
    before = [look.claim["precision"] for look in _same(claim, evidence)]
    return list(dict.fromkeys([*before, claim.precision]))


def _same(claim: Claim, evidence: Evidence) -> list[Certificate]:
    kind = (claim.field, "changes")
    return [one for one in evidence.looks if (one.claim["field"], one.claim["measure"]) == kind]


def _level(claim: Claim, evidence: Evidence) -> float:
    """Halves of the error add up to all of it, however often is asked."""
    turn = _asked(claim, evidence).index(claim.precision) + 1
    return 1 - (1 - claim.confidence) * 0.5**turn


def _listed(frame: Frame, field: str, counted: Tally, rule: ChangeList) -> pa.Table:
    features = frame.sureness(field)
    chosen, sure = rule.chosen(features), rule.score.confidence(features)
    people = {parts[0].unit.unit: parts for parts in counted.settled}
    rows = [
        row
        for at, unit in enumerate(frame.table.to_pylist())
        if (row := _row(unit, field, counted, people.get(unit["unit"]), sure, at))
        and (row["before"] != row["after"] if row["reviewed"] else chosen[at])
    ]
    rows.sort(key=lambda row: (not row["reviewed"], -row["confidence"], row["asset_id"]))
    return pa.Table.from_pylist(rows, SCHEMA)


def _row(
    unit: Mapping[str, Any], field: str, counted: Tally, people: _Parts | None,
    sure: NDArray[np.float64], at: int,
) -> dict[str, Any]:  # fmt: skip
    labels = [named(plain(unit[f"label {part} {field}"])) for part in (0, 1)]
    said = labels if people is None else _said(people)
    return {
        "asset_id": unit["unit"], "asset_type": unit["asset_type"], "latitude": unit["latitude"],
        "longitude": unit["longitude"], "field": field,
        "snapshot_before": counted.snapshots[0], "snapshot_after": counted.snapshots[1],
        "before": said[0], "after": said[1], "label_before": labels[0], "label_after": labels[1],
        "confidence": float(sure[at]), "reviewed": people is not None,
    }  # fmt: skip


def _said(people: _Parts) -> Sequence[str]:
    """What people said before and after; who cannot tell one of them saw no change."""
    unclear = any(one.unclear for one in people)
    return [UNCLEAR, UNCLEAR] if unclear else [one.answer for one in people]


def _keep(
    ledger: Ledger, claim: Claim, evidence: Evidence, counted: Tally, rule: ChangeList, changes: int
) -> Certificate:
    found = rule.threshold
    seen = (
        "The list holds the assets of which the model is surest in both snapshots; of "
        f"{found.of:,} such that were reviewed to certify it {found.of - found.wrong:,} had "
        "changed as labelled."
    )
    looks = [o for o in _same(claim, evidence) if o.claim["precision"] != claim.precision]
    numbers = [one.certificate_id for one in looks]
    text = list_sentence(claim, evidence, counted, seen, changes, numbers)
    document = _document(claim, evidence, counted, rule) | {"certified": True, "changes": changes}
    return ledger.reviews.add_certificate(
        evidence.sample, claim.document(), text, document, reviewed=len(counted.settled)
    )


def _refuse_list(
    ledger: Ledger, claim: Claim, evidence: Evidence, counted: Tally, rule: ChangeList
) -> NoReturn:
    """Keeps the question, because who asks again pays for it, and refuses."""
    found = rule.threshold
    why = (
        f"no list of {claim.field!r} changes of which {100 * claim.precision:g} % are real is "
        f"proven by sample {evidence.sample.sample_id}: of the {found.of:,} reviewed ones that "
        f"were to head it {found.of - found.wrong:,} had changed as labelled"
    )
    ledger.reviews.add_certificate(
        evidence.sample, claim.document(), f"{marked(evidence)}Refused: {why}.",
        _document(claim, evidence, counted, rule) | {"certified": False},
        reviewed=len(counted.settled),
    )  # fmt: skip
    refuse(
        "no_list",
        f"{why}. Ask for less with --precision, or draw a larger sample with another --draw-seed",
    )


def _document(
    claim: Claim, evidence: Evidence, counted: Tally, rule: ChangeList
) -> dict[str, Any]:  # fmt: skip
    sample, run, found = evidence.sample, evidence.run, rule.threshold
    return {
        **claim.document(),
        "level": found.confidence, "threshold": found.threshold,
        "right": found.of - found.wrong, "certified_on": found.of,
        "fitted_on": rule.score.fitted_on,
        "reviewed": len(counted.settled), "apparent": counted.units,
        "reviewers": sorted({who for one in evidence.verdicts for who, _ in one.said}),
        "simulated": any(one.simulated for one in evidence.verdicts),
        "sample": sample.sample_id,
        "design": {
            "method": sample.method, "unit": sample.unit, "seed": sample.seed,
            "population": sample.population, "drawn_at": sample.drawn_at,
            "domain": dict(sample.domain),
        },
        "run": run.run_id, "model": run.model, "task": run.task,
        "model_version": counted.versions[0] if counted.versions else None,
        "snapshots": list(counted.snapshots),
    }  # fmt: skip
