"""What was asked, by which run, when: the small tables around the attempts."""

import json
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vistoria.errors import UserError
from vistoria.ledger._manifest import transaction
from vistoria.task import Task


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSpec:
    """What makes a run: the same spec again goes on with the same run.

    `version`: of Vistoria; `selection`: JSON values.
    """

    source: str
    profile: str
    selection: Mapping[str, Any]
    question_id: int
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One pass over a source with one task and one model."""

    run_id: int
    source: str
    profile: str
    selection: Mapping[str, Any]
    question_id: int
    task: str
    task_fingerprint: str
    model: str
    settings: Mapping[str, Any]
    started_at: str


def question(db: sqlite3.Connection, model: str, settings: Mapping[str, Any], task: Task) -> int:
    """The id of this question, new or known."""
    text = json.dumps(settings, sort_keys=True)
    names = json.dumps([field.name for field in task.fields])
    with transaction(db):
        known = db.execute(
            "SELECT question_id FROM questions "
            "WHERE model = ? AND settings = ? AND task_fingerprint = ? AND names = ?",
            (model, text, task.fingerprint, names),
        ).fetchone()
        if known:
            return int(known[0])
        cursor = db.execute(
            "INSERT INTO questions (model, settings, task, task_fingerprint, names) "
            "VALUES (?, ?, ?, ?, ?)",
            (model, text, task.name, task.fingerprint, names),
        )
        number = cursor.lastrowid
        assert number is not None
        db.executemany(
            "INSERT INTO question_fields VALUES (?, ?, ?, ?, ?)",
            [(number, i, f.name, f.kind, f.fingerprint) for i, f in enumerate(task.fields)],
        )
    return number


def begin(db: sqlite3.Connection, spec: RunSpec, *, fresh: bool) -> tuple[int, bool]:
    """The run to go on with, and whether it was begun before; `fresh` always begins a new one."""
    selection = json.dumps(spec.selection, sort_keys=True)
    identity = json.dumps([spec.source, selection, spec.question_id])
    with transaction(db):
        row = db.execute(
            "SELECT run_id FROM runs WHERE identity = ? ORDER BY run_id DESC", (identity,)
        ).fetchone()
        if row and not fresh:
            return int(row[0]), True
        cursor = db.execute(
            "INSERT INTO runs (identity, source, profile, selection, question_id, vistoria, "
            "started_at) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (identity, spec.source, spec.profile, selection, spec.question_id, spec.version, now()),
        )
        assert cursor.lastrowid is not None
        return cursor.lastrowid, False


def set_scope(db: sqlite3.Connection, run_id: int, ordinals: NDArray[np.int64]) -> None:
    """Stores a run's observations, in ascending order, as ranges in place of what it had."""
    rows = ranges(ordinals)
    with transaction(db):
        db.execute("DELETE FROM scopes WHERE run_id = ?", (run_id,))
        db.executemany("INSERT INTO scopes VALUES (?, ?, ?)", ((run_id, a, b) for a, b in rows))


def ranges(known: NDArray[np.int64]) -> list[tuple[int, int]]:
    """Ascending ordinals as first and last of each stretch without a gap."""
    cuts = np.flatnonzero(np.diff(known) != 1)
    first = known[np.concatenate([[0], cuts + 1])] if len(known) else known
    last = known[np.concatenate([cuts, [len(known) - 1]])] if len(known) else known
    return list(zip(first.tolist(), last.tolist(), strict=True))


_RUNS = """
SELECT r.run_id, r.source, r.profile, r.selection, r.question_id, q.task, q.task_fingerprint,
  q.model, q.settings, r.started_at
FROM runs AS r JOIN questions AS q USING (question_id)
ORDER BY r.run_id
"""


def runs(db: sqlite3.Connection) -> tuple[Run, ...]:
    """Every run, oldest first."""
    return tuple(_run(row) for row in db.execute(_RUNS))


def find_run(db: sqlite3.Connection, run_id: int | None) -> Run:
    """The run of that number, or the one started last; raises UserError where there is none."""
    known = runs(db)
    if not known:
        raise UserError("the ledger holds no run yet; start with `vistoria run`")
    if run_id is None:
        last = db.execute("SELECT run_id FROM sessions ORDER BY session_id DESC").fetchone()
        run_id = int(last[0]) if last else known[-1].run_id
    for run in known:
        if run.run_id == run_id:
            return run
    numbers = ", ".join(str(run.run_id) for run in known)
    raise UserError(f"the ledger has no run {run_id}; it has {numbers}")


def _run(row: tuple[Any, ...]) -> Run:
    return Run(
        run_id=row[0], source=row[1], profile=row[2], selection=json.loads(row[3]),
        question_id=row[4], task=row[5], task_fingerprint=row[6], model=row[7],
        settings=json.loads(row[8]), started_at=row[9],
    )  # fmt: skip


def related_questions(
    db: sqlite3.Connection, question_id: int, *, any_model: bool = False
) -> dict[int, dict[str, str]]:
    """Questions to the same model with the same settings that share a field with this one; with
    `any_model` to whichever model.

    Question id → {field fingerprint: key in its answers}, of the shared fields.
    """
    rows = db.execute(
        "SELECT f.question_id, f.fingerprint, f.name FROM question_fields AS f "
        "JOIN questions AS q USING (question_id) "
        "JOIN questions AS mine ON mine.question_id = ? "
        "  AND (? OR q.model = mine.model AND q.settings = mine.settings) "
        "WHERE f.fingerprint IN (SELECT fingerprint FROM question_fields WHERE question_id = ?)",
        (question_id, any_model, question_id),
    )
    found: dict[int, dict[str, str]] = {}
    for number, fingerprint, name in rows:
        found.setdefault(number, {})[fingerprint] = name
    return found


def placeholders(items: Iterable[object]) -> str:
    """`?, ?, ?` for an IN list."""
    return ", ".join("?" for _ in items)


def now() -> str:
    """The present moment as the ledger writes it: ISO 8601, UTC."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")
