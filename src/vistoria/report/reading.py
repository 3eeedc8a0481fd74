"""Puts a report together from what the ledger holds."""

from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from vistoria import __version__
from vistoria.errors import UserError
from vistoria.labels import named, plain
from vistoria.ledger import Ledger, Run
from vistoria.report.changes import read_changes
from vistoria.report.conflicts import Thumbnail, read_conflicts
from vistoria.report.document import FieldAnswers, Places, Report, Taught
from vistoria.report.facts import run_facts
from vistoria.report.notes import notes
from vistoria.report.places import Spot, places
from vistoria.report.population import Counted, Truth, choose_sample, count, field_of
from vistoria.report.readers import read_agreements, read_certificates
from vistoria.result import shown
from vistoria.review import verdicts


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What a report is to show.

    `sample`: whose reviews correct the counts (None: the one with most decisions); `mapped`: field
    and answer of the map (None: the commonest answer); `resolution`: of its H3 cells, 0 to 15;
    `thumbnail`: makes small pictures beside conflicts; `attribution`: whose they are.
    """

    sample: int | None = None
    confidence: float = 0.95
    title: str | None = None
    mapped: tuple[str, str] | None = None
    resolution: int | None = None
    thumbnail: Thumbnail | None = None
    attribution: str | None = None


def read_report(
    ledger: Ledger, run: Run, wanted: Contents | None = None, *, truth: Truth | None = None
) -> Report:
    """Everything a report says about a run. `truth`: what is so, where a town was made up.

    Raises UserError on what does not exist, MissingExtra without `h3`.
    """
    wanted = wanted or Contents()
    facts = run_facts(ledger, run)
    chosen = choose_sample(ledger, run, wanted.sample)
    counted = count(ledger, run, facts, chosen, confidence=wanted.confidence, truth=truth)
    report = Report(
        title=wanted.title or f"{run.task.replace('_', ' ').capitalize()}, labelled by {run.model}",
        made_at=datetime.now(UTC).isoformat(timespec="seconds"), vistoria=__version__,
        ledger=shown(ledger.path), confidence=wanted.confidence, run=facts,
        population=counted.population, fields=counted.answers,
        certificates=read_certificates(ledger, run),
        agreements=read_agreements(ledger, chosen),
        places=_places(ledger, counted, wanted),
        changes=read_changes(ledger, run, facts, confidence=wanted.confidence, truth=truth),
        conflicts=read_conflicts(
            ledger, run, facts, chosen, thumbnail=wanted.thumbnail, attribution=wanted.attribution
        ),
    )  # fmt: skip
    simulated = counted.population.simulated or any(one.simulated for one in report.changes)
    report = replace(report, simulated=simulated, taught=taught(report.fields))
    return replace(report, notes=tuple(notes(report)))


def taught(fields: tuple[FieldAnswers, ...]) -> Taught | None:
    """How the counts did against the truth; None where it is not known or nothing is corrected."""
    known = [
        one for field in fields for one in field.answers
        if one.held is not None and not one.answer.startswith("(")
    ]  # fmt: skip
    if not known:
        return None
    return Taught(
        counts=len(known),
        machine_right=sum(one.off == 0 for one in known),
        held=sum(bool(one.held) for one in known),
    )


def _places(ledger: Ledger, counted: Counted, wanted: Contents) -> Places | None:
    answer = wanted.mapped or _worth_a_map(counted)
    if answer is None:
        return None
    name, told = answer
    field = field_of(counted.frame, name)
    labels = [named(plain(text)) for text in counted.frame.labels(field.name).to_pylist()]
    said = _said(ledger, counted, field.name)
    if told not in {*labels, *said.values()}:
        known = ", ".join(sorted(set(labels)))
        raise UserError(f"no {name} was answered with {told!r}; there are {known}")
    table = counted.frame.table
    columns = (table[column].to_pylist() for column in ("unit", "latitude", "longitude"))
    spots = [
        Spot(latitude, longitude, label == told,
             said[unit] == told if unit in said else None)
        for unit, latitude, longitude, label in zip(*columns, labels, strict=True)
    ]  # fmt: skip
    return places(
        spots, name, told, unit=counted.population.unit, resolution=wanted.resolution,
        confidence=wanted.confidence,
    )  # fmt: skip


def _said(ledger: Ledger, counted: Counted, field: str) -> dict[str, str]:
    """Unit → what people said; of strata that were drawn more densely than others, only so many
    that together they are a simple random sample."""
    sample = counted.sample
    if sample is None or counted.population.note:
        return {}
    settled = [one for one in verdicts(ledger, sample, field) if one.state == "settled"]
    groups = Counter(one.unit.stratum for one in settled)
    rates = {name: groups[name] / size for name, size in sample.strata.items() if size}
    rate = min(rates.values(), default=0.0)
    left = {name: round(rate * size) for name, size in sample.strata.items()}
    found = {}
    for one in settled:  # in the order of drawing, so that the first ones are a random sample too
        left[one.unit.stratum] -= 1
        if left[one.unit.stratum] >= 0:
            found[one.unit.unit] = one.answer
    return found


def _worth_a_map(counted: Counted) -> tuple[str, str] | None:
    """The commonest answer to the question that the sample was spread by, or the first one."""
    by = counted.population.by_field
    for field in sorted(counted.answers, key=lambda field: field.field != by):
        for one in field.answers:
            if not one.answer.startswith("(") and one.machine:
                return field.field, one.answer
    return None
