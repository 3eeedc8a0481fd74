"""What the answers of a report speak of, and the sample that corrects them."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from vistoria.errors import UserError
from vistoria.labels import NOTHING, named
from vistoria.ledger import Field, Ledger, Run, Sample
from vistoria.report.answers import corrected, raw, with_truth
from vistoria.report.document import FieldAnswers, Population, RunFacts, Unit
from vistoria.report.tallies import tallies
from vistoria.review import Domain, Frame, Tally, open_frame, verdicts

Truth: TypeAlias = Mapping[str, Mapping[str, Any]]
"""Observation id → field → what is true, where a town was made up."""
_UNITS: Mapping[str, Unit] = {"observation": "photo", "asset": "asset", "pair": "asset"}


@dataclass(frozen=True, kw_only=True, eq=False)
class Counted:
    """A frame of units, the sample drawn from it (None: nothing is reviewed), and both as a
    population and as answers."""

    frame: Frame
    sample: Sample | None
    population: Population
    answers: tuple[FieldAnswers, ...]


def choose_sample(ledger: Ledger, run: Run, number: int | None = None) -> Sample | None:
    """The sample that corrects a run's counts: the one asked for, or of those drawn at random and
    looked at, the one with most decisions. Raises UserError where the one asked for cannot."""
    mine = [s for s in ledger.reviews.samples() if s.run_id == run.run_id and s.unit != "pair"]
    if number is not None:
        sample = ledger.reviews.sample(number)
        if sample not in mine:
            raise UserError(
                f"sample {number} does not correct run {run.run_id}: it is of run {sample.run_id}, "
                f"in {sample.unit}s; name a sample of observations or assets of run {run.run_id}"
            )
        mine = [sample]
    fit = [one for one in mine if one.method != "chosen" and not ledger.reviews.uses(one)]
    known = [(len(ledger.reviews.standing(one)), one.sample_id, one) for one in fit]
    return max((one for one in known if one[0]), default=(0, 0, None))[2]


def count(
    ledger: Ledger, run: Run, facts: RunFacts, sample: Sample | None, *, confidence: float,
    truth: Truth | None,
) -> Counted:  # fmt: skip
    """The answers of the sample's part of the run; without a sample, of the assets of the newest
    snapshot, or of all photos where no row names an asset."""
    if sample is None:
        domain = Domain(
            snapshot=list(facts.snapshots)[-1] if facts.assets and facts.snapshots else None
        )
        frame = open_frame(ledger, run, "asset" if facts.assets else "observation", domain)
        population = Population(
            unit=_UNITS[frame.unit], units=frame.table.num_rows, scope=scope_name(domain, facts),
            note=_why_not(ledger, run),
        )  # fmt: skip
        answers = [raw(field, frame.labels(field.name)) for field in frame.fields]
    else:
        frame, sizes, tallied = tallies(ledger, sample)
        population = _population(ledger, sample, frame, facts)
        answers = [raw(field, frame.labels(field.name)) for field in frame.fields]
        if sizes != dict(sample.strata):
            population = replace(population, note=_MOVED)
        else:
            answers = [_corrected(one, tallied[one.field], confidence) for one in answers]
    if truth is not None:
        told = _true_counts(ledger, frame, truth)
        answers = [with_truth(one, told[one.field]) for one in answers if one.field in told]
    return Counted(frame=frame, sample=sample, population=population, answers=tuple(answers))


_MOVED = (
    "The labels are no longer those that the sample was drawn from, so that its reviews cannot "
    "correct them: draw a new sample."
)


def _why_not(ledger: Ledger, run: Run) -> str:
    mine = [s for s in ledger.reviews.samples() if s.run_id == run.run_id and s.unit != "pair"]
    if any(one.method == "chosen" or ledger.reviews.uses(one) for one in mine):
        return (
            "The only reviews are of photos that were chosen, or whose labels were used to make "
            "the model: they say nothing about the others. Draw a sample: vistoria sample."
        )
    if mine:
        return (
            "A sample was drawn, but nobody has looked at it yet: fill its sheet and read it in "
            "with vistoria decide."
        )
    return (
        "Nobody has looked at a sample of these photos, so these are the machine's counts, and how "
        "wrong they are is not known. Draw a sample: vistoria sample."
    )


def _corrected(found: FieldAnswers, counted: Tally, confidence: float) -> FieldAnswers:
    if not counted.settled:
        return found
    given = frozenset(label for _, (label,) in counted.sizes if label != NOTHING)
    right = counted.right_strata(given) if given else ()
    return corrected(
        found, counted.class_strata(), right, simple=counted.simple, confidence=confidence
    )


def _population(ledger: Ledger, sample: Sample, frame: Frame, facts: RunFacts) -> Population:
    said = verdicts(ledger, sample)
    units: dict[int, set[str]] = {}
    for one in said:
        units.setdefault(one.unit.item, set()).add(one.state)
    states = Counter(_worst(found) for found in units.values())
    return Population(
        unit=_UNITS[sample.unit], units=frame.table.num_rows,
        scope=scope_name(Domain.of(sample.domain), facts), sample=sample.sample_id,
        method=sample.method, purpose=sample.purpose, by_field=sample.by_field,
        reviewed=sum("settled" in found or "conflict" in found for found in units.values()),
        open=states["open"], conflicts=states["conflict"],
        reviewers=tuple(sorted({who for one in said for who, _ in one.said})),
        simulated=any(one.simulated for one in said),
        label_seen=any(one.label_seen for one in said),
    )  # fmt: skip


def _worst(states: set[str]) -> str:
    return next(state for state in ("conflict", "open", "settled") if state in states)


def scope_name(domain: Domain, facts: RunFacts) -> str:
    """A part of a run in words; snapshots by the months of their photos."""
    text = str(domain)
    for snapshot, name in facts.snapshot_names.items():
        text = text.replace(snapshot, name)
    return text


def _true_counts(ledger: Ledger, frame: Frame, truth: Truth) -> dict[str, Counter[str]]:
    """Field → answer → units of which it is true; of an asset, what is true of most photos."""
    known: set[str] = set().union(*truth.values())
    told: dict[str, Counter[str]] = {f.name: Counter() for f in frame.fields if f.name in known}
    for parts in frame.table["ordinals"].to_pylist():
        rows = [truth[o.observation_id] for o in ledger.observations(parts[-1])]
        for name, counter in told.items():
            counter[true_answer(rows, name)] += 1
    return told


def true_answer(rows: Sequence[Mapping[str, Any]], field: str) -> str:
    """What is true of most photos, in words."""
    return Counter(named(row[field]) for row in rows).most_common(1)[0][0]


def field_of(frame: Frame, name: str) -> Field:
    """A field of the frame; raises UserError."""
    for one in frame.fields:
        if one.name == name:
            return one
    known = ", ".join(one.name for one in frame.fields)
    raise UserError(f"there is no counted field {name!r}; there are {known}")
