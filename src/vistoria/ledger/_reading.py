"""Reads a run back: as Arrow batches, one row per observation, and as a summary."""

import json
import sqlite3
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, islice
from typing import Any, NamedTuple

import pyarrow as pa

from vistoria.ledger._runs import Run, placeholders, related_questions

_OBSERVATION = {
    "observation_id": pa.string(), "uri": pa.string(), "asset_id": pa.string(),
    "asset_type": pa.string(), "latitude": pa.float64(), "longitude": pa.float64(),
    "captured_at": pa.string(), "heading": pa.float64(), "snapshot_id": pa.string(),
    "map_url": pa.string(),
}  # fmt: skip
_PROVENANCE = {
    "status": pa.string(), "reason": pa.string(), "detail": pa.string(), "model": pa.string(),
    "model_version": pa.string(), "answered_at": pa.timestamp("us", "UTC"), "sha256": pa.string(),
}  # fmt: skip
_BOX = pa.struct([(n, pa.float64()) for n in ("left", "top", "right", "bottom")])
_BOXES = pa.list_(pa.struct([*_BOX, pa.field("label", pa.string())]))
_KINDS = {
    "choice": pa.string(), "text": pa.string(), "number": pa.float64(), "boolean": pa.bool_(),
    "choices": pa.list_(pa.string()), "boxes": _BOXES,
}  # fmt: skip
_BATCH = 5_000


class Field(NamedTuple):
    """A field of a run's task, as its question holds it."""

    name: str
    kind: str
    fingerprint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """Where a run stands. `failed` maps a reason to a count, `model_versions` who answered to the
    observations with an answer of it; tokens are sums over all attempts, repeated ones included."""

    run: Run
    total: int
    answered: int
    failed: Mapping[str, int]
    pending: int
    input_tokens: int
    output_tokens: int
    model_versions: Mapping[str, int]


def fields(db: sqlite3.Connection, question_id: int) -> tuple[Field, ...]:
    """The fields asked by a question, in order."""
    rows = db.execute(
        "SELECT name, kind, fingerprint FROM question_fields WHERE question_id = ? "
        "ORDER BY position",
        (question_id,),
    )
    return tuple(Field(*row) for row in rows)


def revision(db: sqlite3.Connection) -> tuple[int, int, int]:
    """The numbers of the newest attempt, decision and certificate; 0 without one."""
    found: tuple[int, int, int] = db.execute(
        "SELECT (SELECT coalesce(max(attempt_id), 0) FROM attempts), "
        "(SELECT coalesce(max(decision_id), 0) FROM decisions), "
        "(SELECT coalesce(max(certificate_id), 0) FROM certificates)"
    ).fetchone()
    return found


def answers(
    db: sqlite3.Connection, question_id: int, ordinals: Sequence[int]
) -> Mapping[int, Mapping[str, Any]]:
    """Ordinal → field name → value, of observations with an answer to every field."""
    names = {field.fingerprint: field.name for field in fields(db, question_id)}
    related = related_questions(db, question_id)
    rows = db.execute(
        "SELECT ordinal, question_id, answer FROM attempts WHERE status = 'answered' "
        f"AND question_id IN ({placeholders(related)}) AND ordinal IN ({placeholders(ordinals)}) "
        "ORDER BY attempt_id",
        (*related, *ordinals),
    )
    found: dict[int, dict[str, Any]] = {}
    for ordinal, number, answer in rows:
        values = json.loads(answer)
        labels = {names[mark]: values.get(key) for mark, key in related[number].items()}
        found.setdefault(ordinal, {}).update(labels)
    return {ordinal: labels for ordinal, labels in found.items() if len(labels) == len(names)}


def summary(db: sqlite3.Connection, run: Run) -> Summary:
    """Counts what the run's table holds; reads each of its attempts once."""
    total = 0
    states: dict[tuple[str, str | None], int] = {}
    tokens = [0, 0]
    versions: Counter[str] = Counter()
    reader = _Reader(db, run)
    for rows in reader.groups():
        total += 1
        state = reader.state(rows)
        states[state] = states.get(state, 0) + 1
        for row in rows:
            if row.status is not None:
                tokens[0] += row.input_tokens
                tokens[1] += row.output_tokens
        versions.update({row.model_version for row in rows if row.model_version})
    return Summary(
        run=run,
        total=total,
        answered=states.get(("answered", None), 0),
        failed={str(r): n for (s, r), n in sorted(states.items(), key=str) if s == "failed"},
        pending=states.get(("pending", None), 0),
        input_tokens=tokens[0],
        output_tokens=tokens[1],
        model_versions=dict(sorted(versions.items())),
    )


def schema(db: sqlite3.Connection, run: Run) -> pa.Schema:
    """The columns of `batches`: the observation, its labels (with confidence where the model has
    one), then where they come from."""
    columns = dict(_OBSERVATION)
    confident = _has_confidence(db, run)
    for field in fields(db, run.question_id):
        columns[field.name] = _KINDS[field.kind]
        if confident:
            columns[f"{field.name}_confidence"] = pa.float64()
    return pa.schema(list((columns | _PROVENANCE).items()))


def batches(db: sqlite3.Connection, run: Run) -> Iterator[pa.RecordBatch]:
    """The run's table, in the order of the manifest, 5,000 rows at a time."""
    reader, columns = _Reader(db, run), schema(db, run)
    groups = reader.groups()
    while chunk := [reader.record(rows) for rows in islice(groups, _BATCH)]:
        yield pa.RecordBatch.from_pylist(chunk, schema=columns)


def _has_confidence(db: sqlite3.Connection, run: Run) -> bool:
    questions = related_questions(db, run.question_id)
    query = (
        f"SELECT 1 FROM attempts WHERE question_id IN ({placeholders(questions)}) "
        "AND confidence IS NOT NULL LIMIT 1"
    )
    return db.execute(query, tuple(questions)).fetchone() is not None


class _Row(NamedTuple):
    """One attempt at one observation, or an observation without any (`status` None)."""

    ordinal: int
    observation: tuple[Any, ...]
    status: str | None
    question_id: int
    answer: str | None
    confidence: str | None
    reason: str | None
    detail: str | None
    model_version: str | None
    started_at: float
    sha256: str | None
    input_tokens: int
    output_tokens: int


class _Reader:
    """Folds the attempts at each observation of a run into its present state."""

    def __init__(self, db: sqlite3.Connection, run: Run) -> None:
        self._db, self._run = db, run
        self._fields = fields(db, run.question_id)
        self._questions = related_questions(db, run.question_id)

    def groups(self) -> Iterator[list[_Row]]:
        """The attempts at each observation in scope, oldest first."""
        query = f"""
            SELECT o.ordinal, {", ".join(f"o.{name}" for name in _OBSERVATION)},
              a.status, a.question_id, a.answer, a.confidence, a.reason, a.detail,
              a.model_version, a.started_at, lower(hex(a.sha256)),
              a.input_tokens, a.output_tokens + a.thinking_tokens
            FROM scopes AS s
            JOIN observations AS o ON o.ordinal BETWEEN s.first AND s.last
            LEFT JOIN attempts AS a ON a.ordinal = o.ordinal
              AND a.question_id IN ({placeholders(self._questions)})
            WHERE s.run_id = ?
            ORDER BY s.first, o.ordinal, a.attempt_id
        """
        split = 1 + len(_OBSERVATION)
        rows = self._db.execute(query, (*self._questions, self._run.run_id))
        parts = (_Row(row[0], row[1:split], *row[split:]) for row in rows)
        return (list(rows) for _, rows in groupby(parts, key=lambda row: row.ordinal))

    def state(self, rows: Sequence[_Row]) -> tuple[str, str | None]:
        """("answered", None), ("failed", reason) or ("pending", None)."""
        covered = {
            fingerprint
            for row in rows
            if row.status == "answered"
            for fingerprint in self._questions[row.question_id]
        }
        if all(field.fingerprint in covered for field in self._fields):
            return "answered", None
        if rows[-1].status == "failed":
            return "failed", rows[-1].reason
        return "pending", None

    def record(self, rows: Sequence[_Row]) -> dict[str, Any]:
        """One row of the table."""
        status, reason = self.state(rows)
        newest = rows[-1]
        found = dict(zip(_OBSERVATION, newest.observation, strict=True))
        for row in rows:  # a newer answer to a field replaces an older one
            if row.status == "answered" and row.answer is not None:
                found |= self._labels(row)
        return found | {
            "status": status,
            "reason": reason,
            "detail": newest.detail if reason else None,
            "model": self._run.model,
            "model_version": newest.model_version,
            "answered_at": None if newest.status is None else int(newest.started_at * 1e6),
            "sha256": newest.sha256 or None,
        }

    def _labels(self, row: _Row) -> dict[str, Any]:
        keys = self._questions[row.question_id]
        answer = json.loads(row.answer or "{}")
        confidence = json.loads(row.confidence or "{}")
        labels: dict[str, Any] = {}
        for field in self._fields:
            key = keys.get(field.fingerprint)
            if key is not None:
                labels[field.name] = answer.get(key)
                labels[f"{field.name}_confidence"] = confidence.get(key)
        return labels
