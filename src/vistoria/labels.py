"""Labels as they are counted and compared: one text per value, one table per run."""

import json
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from vistoria.errors import UserError
from vistoria.ledger import Field, Ledger, Run
from vistoria.records import Value

__all__ = ["COUNTED", "NOTHING", "canonical", "counted_fields", "labelled_rows", "named", "plain"]

COUNTED = frozenset({"choice", "choices", "number", "boolean"})
"""Kinds of fields of which two answers are either the same or not; texts and boxes never quite."""
NOTHING = "(does not apply)"

_KEPT = (
    "observation_id", "uri", "asset_id", "asset_type", "snapshot_id", "latitude", "longitude",
    "map_url", "model_version",
)  # fmt: skip


def canonical(value: Value) -> str:
    """Equal answers have equal texts: JSON, lists sorted, 50 and 50.0 the same."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, list):
        return json.dumps(sorted(value, key=str), ensure_ascii=False)
    return json.dumps(value, ensure_ascii=False)


def plain(text: str) -> Value:
    """The value of a canonical text."""
    value: Value = json.loads(text)
    return value


def named(value: Value) -> str:
    """A value as people and strata name it: `wood`, `yes`, `50`, `a + b`, `(does not apply)`."""
    match value:
        case None:
            return NOTHING
        case bool():
            return "yes" if value else "no"
        case int() | float():
            return f"{value:g}"
        case list():
            return " + ".join(sorted(map(str, value))) or "(none)"
        case _:
            return value


def counted_fields(ledger: Ledger, run: Run, names: Sequence[str] | None = None) -> list[Field]:
    """The run's fields whose answers can be counted; raises UserError where a name given is of no
    such field."""
    asked = {field.name: field for field in ledger.fields(run.question_id)}
    for name in names or ():
        if name not in asked:
            known = ", ".join(asked)
            raise UserError(f"run {run.run_id} has no field {name!r}; it has {known}")
        if asked[name].kind not in COUNTED:
            raise UserError(
                f"{name!r} is a {asked[name].kind}: two of them are never quite the same, so that "
                "right and wrong cannot be counted; ask for a choice, boolean or number instead"
            )
    return [f for f in asked.values() if f.kind in COUNTED and (not names or f.name in names)]


def labelled_rows(ledger: Ledger, run: Run, fields: Sequence[Field]) -> pa.Table:
    """The answered observations of a run: `ordinal`, what identifies and places them, and for each
    field `label FIELD` (canonical text) and `confidence FIELD` (null without one)."""
    ordinals = ledger.scope(run).ordinals
    parts, at = [], 0
    for batch in ledger.batches(run):
        numbers = ordinals[at : at + batch.num_rows]
        at += batch.num_rows
        answered = pc.equal(batch["status"], "answered")
        rows = batch.append_column("ordinal", pa.array(numbers)).filter(answered)
        parts.append(_labels(rows, fields))
    if not parts:
        raise UserError(f"run {run.run_id} has no observation yet; go on with `vistoria run`")
    return pa.concat_tables(parts)


def _labels(rows: pa.RecordBatch, fields: Sequence[Field]) -> pa.Table:
    columns = {"ordinal": rows["ordinal"]} | {name: rows[name] for name in _KEPT}
    for field in fields:
        texts = [canonical(value) for value in rows[field.name].to_pylist()]
        columns[f"label {field.name}"] = pa.array(texts, pa.string())
        sure = f"{field.name}_confidence"
        known = sure in rows.schema.names
        columns[f"confidence {field.name}"] = (
            rows[sure] if known else pa.nulls(rows.num_rows, pa.float64())
        )
    return pa.table(columns)
