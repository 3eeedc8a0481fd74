"""Draws a sample and keeps it in the ledger; extends one."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from vistoria.errors import UserError
from vistoria.labels import plain
from vistoria.ledger import Ledger, Purpose, Run, Sample, SampledUnit, SampleSpec, Unit
from vistoria.records import Answer
from vistoria.review._design import Choice, Design, make_design, stratify, stratum_names
from vistoria.review._domain import Domain
from vistoria.review._drawing import Drawn, draw, purpose_of
from vistoria.review._frame import Frame, open_frame
from vistoria.task import Field, Task

Key: TypeAlias = Literal["ordinal", "observation_id"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What to draw: `size` units; `fields` to review, all that can be counted if empty; the rest as
    in `make_design`."""

    size: int
    unit: Unit = "observation"
    fields: tuple[str, ...] = ()
    purpose: Purpose = "certification"
    domain: Domain = Domain()  # noqa: RUF009 - frozen
    choice: Choice = "auto"
    by_field: str | None = None
    suspicious: float = 0.0
    seed: int = 0


def draw_sample(ledger: Ledger, run: Run, task: Task, wish: Wish) -> Sample:
    """Draws a sample of the run's labels and keeps it. `task`: what the run asked, which says which
    answers are allowed. Raises UserError."""
    if wish.size < 1:
        raise UserError(f"a sample of {wish.size} reviews says nothing; ask for 1 or more")
    if wish.domain.changed is not None:
        wish = _for_a_list(wish, wish.domain.changed)
    frame = open_frame(ledger, run, wish.unit, wish.domain, wish.fields)
    definitions = _definitions(task, frame)
    design = make_design(
        frame, wish.size, wish.purpose, choice=wish.choice, by_field=wish.by_field,
        suspicious=wish.suspicious,
    )  # fmt: skip
    drawn = draw(design.table, design.quotas, wish.seed, wish.purpose)
    spec = SampleSpec(
        run_id=run.run_id, unit=wish.unit, purpose=wish.purpose, method=design.method,
        by_field=design.by_field, seed=wish.seed, fields=definitions,
        domain=wish.domain.document, strata=design.sizes, suspicious_from=design.suspicious_from,
    )  # fmt: skip
    chances = {stratum: design.probability(stratum) for stratum in design.sizes}
    units = _units(frame, design.table, drawn, chances, first=1, batch=1)
    return ledger.reviews.add_sample(spec, units)


def choose_sample(
    ledger: Ledger, run: Run, task: Task, key: Key, listed: Sequence[str], size: int,
    fields: Sequence[str] = (),
) -> tuple[Sample, int]:  # fmt: skip
    """The first `size` photos of a list as a sample for development, and how many of the list were
    passed over because they are set apart for other purposes. Nothing can be certified with it.

    `listed`: ordinals or observation ids, the most interesting first. Raises UserError where none
    is an answered photo of the run, or none is set apart for development.
    """
    frame = open_frame(ledger, run, "observation", Domain(), fields)
    column = frame.table[key].cast(pa.string())
    places = pc.index_in(pa.array(dict.fromkeys(listed), pa.string()), column.combine_chunks())
    rows = frame.table.take(places.drop_null())
    if not rows.num_rows:
        raise UserError(f"none of {len(listed):,} listed photos was answered in run {run.run_id}")
    free = [purpose_of(split) == "development" for split in rows["split"].to_pylist()]
    kept = rows.filter(pa.array(free)).slice(0, size)
    if not kept.num_rows:
        raise UserError(
            f"all {rows.num_rows:,} listed photos are set apart for calibration or certification; "
            "list more: a fifth of all photos is for development"
        )
    spec = SampleSpec(
        run_id=run.run_id, unit="observation", purpose="development", method="chosen",
        by_field=None, seed=0, fields=_definitions(task, frame), domain={},
        strata={"listed": kept.num_rows},
    )  # fmt: skip
    drawn = [Drawn(unit, "listed", at) for at, unit in enumerate(kept["unit"].to_pylist(), 1)]
    units = _units(frame, kept, drawn, {"listed": None}, first=1, batch=1)
    return ledger.reviews.add_sample(spec, units), rows.num_rows - sum(free)


def _for_a_list(wish: Wish, changed: str) -> Wish:
    """Of apparent changes a simple sample is drawn: a certified list of them rests on that."""
    if wish.by_field or wish.suspicious or wish.choice == "stratified":
        raise UserError(
            f"apparent changes of {changed!r} are drawn from all alike, because a list of them is "
            "certified from such a sample: leave out --by and --suspicious"
        )
    return replace(wish, choice="simple", fields=wish.fields or (changed,))


def extend_sample(ledger: Ledger, sample: Sample, more: int) -> int:
    """Draws the next `more` units of a simple sample, in the order of its hash; returns the number
    of the new batch. Raises UserError where that cannot be."""
    if sample.method != "simple":
        raise UserError(f"sample {sample.sample_id} is {sample.method}; only a simple one can grow")
    known = ledger.reviews.units(sample)
    frame, design = reopen(ledger, sample)
    if dict(design.sizes) != dict(sample.strata):
        raise UserError(
            f"run {sample.run_id} has {frame.table.num_rows:,} units now and had "
            f"{sample.population:,} when sample {sample.sample_id} was drawn: draw a new sample"
        )
    total = len(known) + more
    [stratum] = sample.strata
    drawn = draw(design.table, {stratum: total}, sample.seed, sample.purpose)
    if [one.unit for one in drawn[: len(known)]] != [one.unit for one in known]:
        raise UserError(
            f"run {sample.run_id} has other units now than when sample {sample.sample_id} was "
            "drawn: draw a new sample"
        )
    drawn = drawn[len(known) :]
    if len(drawn) < more:
        raise UserError(f"only {len(drawn):,} further units are set apart for {sample.purpose}")
    batch = known[-1].batch + 1
    chances = {stratum: total / sample.population}
    units = _units(frame, design.table, drawn, chances, first=len(known) + 1, batch=batch)
    ledger.reviews.add_units(sample, units)
    return batch


def reopen(ledger: Ledger, sample: Sample, domain: Domain | None = None) -> tuple[Frame, Design]:
    """The frame of a sample as the labels are now, or of a part of it, in the sample's strata."""
    names = [field["name"] for field in sample.fields]
    within = domain or Domain.of(sample.domain)
    frame = open_frame(ledger, ledger.run(sample.run_id), sample.unit, within, names)
    known = stratum_names(frame, sample.by_field, sample.strata)
    table = stratify(frame, sample.by_field, known, sample.suspicious_from)
    counts = {one["values"]: one["counts"] for one in table["stratum"].value_counts().to_pylist()}
    design = Design(
        method=sample.method, by_field=sample.by_field, sizes=counts, quotas={}, table=table,
        suspicious_from=sample.suspicious_from,
    )  # fmt: skip
    return frame, design


def sample_fields(sample: Sample) -> tuple[Field, ...]:
    """The fields under review, as the task defined them."""
    return tuple(
        Field(**{key: value for key, value in one.items() if key != "fingerprint"})
        for one in sample.fields
    )


def _definitions(task: Task, frame: Frame) -> list[dict[str, Any]]:
    """The fields under review, with those that their conditions refer to."""
    asked = {field.name: field.fingerprint for field in frame.fields}
    found = []
    for field in task.fields:
        if field.name not in asked:
            continue
        if field.fingerprint != asked[field.name]:
            raise UserError(
                f"field {field.name!r} means something else in task {task.name!r} than when run "
                f"{frame.run.run_id} asked it: name the task that it used with --task"
            )
        values = {k: v for k, v in asdict(field).items() if v not in (None, (), {}, False, "", [])}
        found.append(values | {"fingerprint": field.fingerprint})
    if missing := sorted(set(asked) - {one["name"] for one in found}):
        raise UserError(
            f"task {task.name!r} has no field {missing[0]!r}, which run {frame.run.run_id} asked: "
            "name the task that it used with --task"
        )
    return found


def _units(
    frame: Frame,
    table: pa.Table,
    drawn: Sequence[Drawn],
    chances: Mapping[str, float | None],
    *,
    first: int,
    batch: int,
) -> list[SampledUnit]:
    place = {unit: at for at, unit in enumerate(table["unit"].to_pylist())}
    rows = table.take([place[one.unit] for one in drawn]).to_pylist()
    return [
        SampledUnit(
            item=first + at, unit=one.unit, stratum=one.stratum,
            probability=chances[one.stratum], batch=batch,
            ordinals=tuple(tuple(part) for part in row["ordinals"]),
            labels=tuple(_answer(frame, row, part) for part in range(frame.parts)),
        )
        for at, (one, row) in enumerate(zip(drawn, rows, strict=True))
    ]  # fmt: skip


def _answer(frame: Frame, row: Mapping[str, Any], part: int) -> Answer:
    return {field.name: plain(row[f"label {part} {field.name}"]) for field in frame.fields}
