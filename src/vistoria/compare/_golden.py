"""A golden set: photos whose answers are known, and whether a new run is worse on them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from vistoria.errors import UserError
from vistoria.labels import canonical, counted_fields, labelled_rows
from vistoria.ledger import Ledger, Run, Sample
from vistoria.review import verdicts
from vistoria.truth import Paired, mcnemar

Golden: TypeAlias = Mapping[str, Mapping[str, str]]
"""Observation id → field → the right answer, as canonical text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GoldenField:
    """One field of two runs on the golden set. `paired`: who is right where the other is wrong.
    `worse`: shown to be worse, more than chance explains (McNemar's exact test, Bonferroni over
    the fields). `low`: what the second run may be worse by at most, at 95 % confidence."""

    field: str
    right_a: int
    right_b: int
    paired: Paired
    worse: bool


def golden_sample(ledger: Ledger, sample: Sample) -> Golden:
    """The settled decisions of a sample of observations. If it was drawn to certify, it will
    certify nothing any more: choosing by a label uses it up. Raises UserError for other units."""
    if sample.unit != "observation":
        raise UserError(
            f"sample {sample.sample_id} is of {sample.unit}s; a golden set is of photos"
        )
    found: dict[str, dict[str, str]] = {}
    for one in verdicts(ledger, sample):
        if one.state == "settled" and not one.unclear:
            [ordinal] = one.unit.ordinals[0]
            [observation] = ledger.observations([ordinal])
            found.setdefault(observation.observation_id, {})[one.field] = canonical(one.value)
    if not found:
        raise UserError(f"nothing of sample {sample.sample_id} is decided yet")
    if sample.purpose == "certification":
        ledger.reviews.note_use(sample, "choosing between runs")
    return found


def golden_file(path: Path) -> Golden:
    """A Parquet, CSV or JSON lines file with observation_id and the right answers. Raises UserError
    where it is none."""
    rows = _read(path)
    if not rows or "observation_id" not in rows[0]:
        raise UserError(f"{str(path)!r} has no column observation_id")
    return {
        str(row["observation_id"]): {
            name: canonical(value) for name, value in row.items() if name != "observation_id"
        }
        for row in rows
    }


def regression(
    ledger: Ledger,
    a: Run,
    b: Run,
    golden: Golden,
    names: Sequence[str] | None = None,
    *,
    alpha: float = 0.05,
) -> tuple[GoldenField, ...]:
    """Whether run `b` is worse than `a` on the golden photos that both answered, field by field.
    Raises UserError where there is none, or no field is known."""
    fields = [f.name for f in counted_fields(ledger, a, names)]
    shared = {f.name for f in counted_fields(ledger, b)}
    known = {name for answers in golden.values() for name in answers}
    fields = [name for name in fields if name in shared & known]
    if not fields:
        raise UserError(f"the golden set knows none of the fields that run {a.run_id} asked")
    mine, its = (_labels(ledger, run, fields) for run in (a, b))
    both = sorted(golden.keys() & mine.keys() & its.keys())
    if not both:
        raise UserError(
            f"no photo of the golden set was answered by both runs {a.run_id} and {b.run_id}"
        )
    level = alpha / len(fields)
    return tuple(
        _judged(
            name,
            [
                (mine[i][name] == golden[i][name], its[i][name] == golden[i][name])
                for i in both
                if name in golden[i]
            ],
            level,
        )
        for name in fields
    )


def _judged(name: str, judged: Sequence[tuple[bool, bool]], level: float) -> GoldenField:
    """Whether each run was right, photo by photo."""
    first = sum(x and not y for x, y in judged)
    second = sum(y and not x for x, y in judged)
    paired = mcnemar(first, second, len(judged))
    return GoldenField(
        field=name,
        right_a=sum(x for x, _ in judged),
        right_b=sum(y for _, y in judged),
        paired=paired,
        # The p-value is two-sided; being worse is one side of it.
        worse=first > second and paired.p_value / 2 < level,
    )


def _labels(ledger: Ledger, run: Run, names: Sequence[str]) -> dict[str, dict[str, str]]:
    rows = labelled_rows(ledger, run, counted_fields(ledger, run, names))
    columns = [rows[f"label {name}"].to_pylist() for name in names]
    return {
        identity: dict(zip(names, labels, strict=True))
        for identity, labels in zip(
            rows["observation_id"].to_pylist(), zip(*columns, strict=True), strict=True
        )
    }


def _read(path: Path) -> list[dict[str, Any]]:
    import duckdb  # noqa: PLC0415 - only where a file is read

    readers = {".parquet": "read_parquet", ".csv": "read_csv", ".jsonl": "read_json_auto"}
    if path.suffix not in readers:
        raise UserError(f"cannot read {str(path)!r}; give a .parquet, .csv or .jsonl file")
    if not path.exists():
        raise UserError(f"there is no golden set {str(path)!r}")
    with duckdb.connect() as database:
        found = database.execute(f"SELECT * FROM {readers[path.suffix]}(?)", [str(path)])
        names = [column[0] for column in found.description or ()]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]
