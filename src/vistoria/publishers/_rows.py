"""The rows of the published tables that speak of photos, assets and the run."""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from vistoria import __version__
from vistoria.assets import asset_table
from vistoria.labels import named
from vistoria.publishers._columns import schema_of

if TYPE_CHECKING:
    from vistoria.publishers._edition import Edition

__all__ = ["assets", "batch_of", "failures", "labels", "runs", "value_columns"]

_BATCH = 20_000
_SAME = ("observation_id", "uri", "asset_id", "asset_type", "snapshot_id", "latitude", "longitude")


def batch_of(table: str, rows: Sequence[Mapping[str, Any]], edition: "Edition") -> pa.RecordBatch:
    """Rows as a batch of a table, the columns of the run added."""
    of_run = {"run": edition.key, "version": edition.version}
    return pa.RecordBatch.from_pylist([{**of_run, **row} for row in rows], schema_of(table))


def _filled(table: str, columns: Mapping[str, Any], count: int) -> pa.RecordBatch:
    """Columns as a batch of a table; a value that is no array is the same in all rows."""
    schema = schema_of(table)
    arrays = []
    for field in schema:
        given = columns.get(field.name)
        if isinstance(given, pa.ChunkedArray):
            given = given.combine_chunks()
        if not isinstance(given, pa.Array):
            given = pa.repeat(pa.scalar(given, field.type), count)
        arrays.append(given.cast(field.type))
    return pa.record_batch(arrays, schema=schema)


def _of_run(edition: "Edition") -> dict[str, Any]:
    run = edition.run
    return {
        "run": edition.key, "version": edition.version, "model": run.model, "task": run.task,
        "task_fingerprint": run.task_fingerprint, "attribution": edition.attribution,
    }  # fmt: skip


def _numbered(edition: "Edition") -> Iterator[pa.RecordBatch]:
    """The run's table with the ordinal of each observation."""
    ordinals, at = edition.ledger.scope(edition.run).ordinals, 0
    for batch in edition.ledger.batches(edition.run):
        numbers = pa.array(ordinals[at : at + batch.num_rows])
        at += batch.num_rows
        yield batch.append_column("ordinal", numbers)


def labels(edition: "Edition") -> Iterator[pa.RecordBatch]:
    """One row per answered observation and field that applies."""
    fields = edition.fields
    for batch in _numbered(edition):
        for field in fields:
            said = pc.and_(pc.equal(batch["status"], "answered"), pc.is_valid(batch[field.name]))
            rows = batch.filter(said)
            if rows.num_rows:
                yield _label_batch(edition, field, rows)


def _label_batch(edition: "Edition", field: Any, rows: pa.RecordBatch) -> pa.RecordBatch:
    sure = f"{field.name}_confidence"
    columns = {name: rows[name] for name in (*_SAME, "ordinal", "heading", "map_url")}
    columns |= {
        "row_key": _joined(rows["ordinal"].cast(pa.string()), field.name),
        "captured_at": _moments(rows["captured_at"]),
        "field": field.name,
        "confidence": rows[sure] if sure in rows.schema.names else None,
        "model_version": rows["model_version"],
        "field_fingerprint": field.fingerprint,
        "image_sha256": rows["sha256"],
        "answered_at": rows["answered_at"],
        **value_columns(rows[field.name].to_pylist(), field.kind),
    }
    return _filled("labels", _of_run(edition) | columns, rows.num_rows)


def value_columns(values: Sequence[Any], kind: str) -> dict[str, pa.Array]:
    """An answer in the three ways in which it is published."""
    exact = [None if v is None else json.dumps(v, ensure_ascii=False) for v in values]
    readable = exact if kind == "boxes" else [None if v is None else named(v) for v in values]
    numbers = values if kind == "number" else [None] * len(values)
    return {
        "value": pa.array(readable, pa.string()),
        "number": pa.array(numbers, pa.float64()),
        "value_json": pa.array(exact, pa.string()),
    }


def _joined(first: Any, last: str) -> pa.Array:
    return pc.binary_join_element_wise(first, last, "/")


def _moments(texts: pa.Array) -> pa.Array:
    """ISO 8601 texts as moments."""
    found = [None if text is None else datetime.fromisoformat(text) for text in texts.to_pylist()]
    return pa.array(found, pa.timestamp("us", "UTC"))


def assets(edition: "Edition") -> Iterator[pa.RecordBatch]:
    """One row per asset, snapshot and counted field that applies."""
    if edition.assets is None:
        return
    table = asset_table(edition.assets, edition.curves)
    for part in table.to_batches(_BATCH):
        for field in edition.assets.fields:
            rows = part.filter(pc.is_valid(part[field.name]))
            if rows.num_rows:
                yield _asset_batch(edition, field, rows)


def _asset_batch(edition: "Edition", field: Any, rows: pa.RecordBatch) -> pa.RecordBatch:
    kept = ("asset_id", "asset_type", "snapshot_id", "latitude", "longitude", "photos")
    unit = pc.binary_join_element_wise(
        pc.fill_null(rows["snapshot_id"], ""), rows["asset_id"], "/"
    )  # fmt: skip
    columns = {name: rows[name] for name in kept} | {
        "row_key": _joined(unit, field.name),
        "field": field.name,
        "confidence": rows[f"{field.name}_confidence"],
        "share": rows[f"{field.name}_share"],
        "conflict": rows[f"{field.name}_conflict"],
        "field_fingerprint": field.fingerprint,
        **value_columns(rows[field.name].to_pylist(), field.kind),
    }
    return _filled("assets", _of_run(edition) | columns, rows.num_rows)


def failures(edition: "Edition") -> Iterator[pa.RecordBatch]:
    """One row per observation whose newest attempt failed."""
    if not edition.facts.failed:
        return
    for batch in _numbered(edition):
        rows = batch.filter(pc.equal(batch["status"], "failed"))
        if rows.num_rows:
            columns = {name: rows[name] for name in (*_SAME, "ordinal", "reason", "detail")} | {
                "row_key": rows["ordinal"].cast(pa.string()),
                "failed_at": rows["answered_at"],
            }
            yield _filled("failures", _of_run(edition) | columns, rows.num_rows)


def runs(edition: "Edition") -> Iterator[pa.RecordBatch]:
    """The one row of the run."""
    facts = edition.facts
    row = {
        "row_key": "run", "number": facts.run, "task": facts.task,
        "task_fingerprint": facts.task_fingerprint, "model": facts.model,
        "model_versions": ", ".join(facts.model_versions), "source": facts.source,
        "profile": facts.profile, "selection": _json(facts.selection),
        "settings": _json(facts.settings), "started_at": datetime.fromisoformat(facts.started_at),
        "state": facts.state, "total": facts.total, "answered": facts.answered,
        "failed": sum(facts.failed.values()), "pending": facts.pending, "usd": facts.cost["usd"],
        "attribution": edition.attribution, "vistoria": __version__,
    }  # fmt: skip
    yield batch_of("runs", [row], edition)


def _json(value: Mapping[str, Any]) -> str:
    return json.dumps(dict(value), sort_keys=True, ensure_ascii=False)
