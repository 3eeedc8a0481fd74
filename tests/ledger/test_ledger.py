"""The ledger: ordinals, masks, labels and failures as views, the run table."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vistoria.errors import ConfigError, UserError
from vistoria.ledger import Ledger, Run, RunSpec
from vistoria.records import OBSERVATION_COLUMNS, RESULT_COLUMNS, Attempt
from vistoria.task import Field, Task


def batch(ids: list[str], **columns: list[object]) -> pa.RecordBatch:
    """Rows of a source: an address made from the id, the rest null unless given."""
    types = {"string": pa.string(), "double": pa.float64()}
    arrays = {}
    for name, kind in OBSERVATION_COLUMNS.items():
        values = columns.get(name, [None] * len(ids))
        if name == "observation_id":
            values = list(ids)
        if name == "uri":
            values = [f"/photos/{i}.jpg" for i in ids]
        arrays[name] = pa.array(values, types.get(kind, pa.timestamp("us", "UTC")))
    return pa.record_batch(arrays)


def task(*names: str, instructions: str = "Look.") -> Task:
    """A task of yes-or-no fields."""
    fields = tuple(Field(name=n, kind="boolean", help=f"Is it {n}?") for n in names)
    return Task(name="t", instructions=instructions, fields=fields)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """An empty ledger."""
    with Ledger(tmp_path / "ledger.sqlite") as opened:
        yield opened


def begin(ledger: Ledger, asked: Task, source: str = "photos") -> Run:
    """A run of `asked` by a model named m."""
    number = ledger.question("m", {}, asked)
    spec = RunSpec(source=source, profile="p", selection={}, question_id=number, version="0")
    return ledger.begin(spec)[0]


def attempt(run: Run, ordinal: int, **rest: object) -> Attempt:
    """An attempt of a run; answered unless a reason is given."""
    status = "failed" if "reason" in rest else "answered"
    values = {"question_id": run.question_id, "started_at": 1.7e9} | rest
    return Attempt(ordinal=ordinal, run_id=run.run_id, status=status, **values)  # type: ignore[arg-type]


def test_a_row_keeps_its_ordinal(ledger: Ledger) -> None:
    assert ledger.ordinals(batch(["a", "b"])).tolist() == [1, 2]
    assert ledger.ordinals(batch(["c", "b", "c", "a"])).tolist() == [3, 2, 3, 1]
    assert ledger.ordinals(batch(["a"], version=["2"])).tolist() == [4], "other bytes, other row"


@given(st.lists(st.lists(st.text("ab\x1f\n☃", max_size=3), min_size=1), min_size=1, max_size=4))
@settings(max_examples=30, deadline=None)
def test_ordinals_name_rows_one_to_one(
    tmp_path_factory: pytest.TempPathFactory, parts: list[list[str]]
) -> None:
    path = tmp_path_factory.mktemp("ledger") / "ledger.sqlite"
    seen: dict[str, int] = {}
    for ids in parts:  # a new process each time
        with Ledger(path) as ledger:
            for name, ordinal in zip(ids, ledger.ordinals(batch(ids)).tolist(), strict=True):
                assert seen.setdefault(name, ordinal) == ordinal
            assert [o.observation_id for o in ledger.observations([seen[i] for i in ids])] == ids
    assert sorted(seen.values()) == list(range(1, len(seen) + 1))


def test_two_processes_share_one_manifest(tmp_path: Path) -> None:
    with Ledger(tmp_path / "l.sqlite") as one, Ledger(tmp_path / "l.sqlite") as two:
        assert one.ordinals(batch(["a", "b"])).tolist() == [1, 2]
        assert two.ordinals(batch(["c", "b"])).tolist() == [3, 2]
        assert one.ordinals(batch(["c", "d"])).tolist() == [3, 4]


def test_new_rows_are_completed_once(ledger: Ledger) -> None:
    seen: list[list[str]] = []

    def complete(rows: pa.RecordBatch) -> pa.RecordBatch:
        ids = rows.column("observation_id").to_pylist()
        seen.append(ids)
        place = rows.schema.get_field_index("latitude")
        return rows.set_column(place, "latitude", pa.array([1.5] * len(ids)))

    ledger.ordinals(batch(["a", "b"]), complete)
    ledger.ordinals(batch(["b", "c", "a"]), complete)
    assert seen == [["a", "b"], ["c"]]
    assert [o.latitude for o in ledger.observations([1, 2, 3])] == [1.5, 1.5, 1.5]
    assert ledger.observations([3])[0].observation_id == "c"


def test_the_same_command_goes_on_with_the_same_run(ledger: Ledger) -> None:
    run = begin(ledger, task("rusty"))
    assert begin(ledger, task("rusty")) == run
    assert begin(ledger, task("rusty"), source="other") != run
    spec = RunSpec(
        source="photos", profile="p", selection={}, question_id=run.question_id, version="0"
    )
    fresh, known = ledger.begin(spec, fresh=True)
    assert (fresh.run_id > run.run_id, known) == (True, False)


def test_masks_tell_answered_settled_and_failed(ledger: Ledger) -> None:
    run = begin(ledger, task("rusty"))
    ledger.ordinals(batch(["a", "b", "c", "d"]))
    ledger.record([
        attempt(run, 1, answer={"rusty": True}),
        attempt(run, 2, reason="image_missing"),
        attempt(run, 3, reason="unreachable", retryable=True),
    ])  # fmt: skip
    ledger.flush()
    [fingerprint] = [f.fingerprint for f in ledger.fields(run.question_id)]

    def state(which: str) -> list[int]:
        mask = ledger.mask(run.question_id, which)[fingerprint]  # type: ignore[arg-type]
        return np.flatnonzero(mask).tolist()

    assert state("answered") == [1]
    assert np.flatnonzero(ledger.failed(run.question_id)).tolist() == [2, 3]
    assert np.flatnonzero(ledger.failed(run.question_id, "unreachable")).tolist() == [3]
    assert state("settled") == [1, 2]


def test_a_new_field_finds_the_answers_to_the_old_ones(ledger: Ledger) -> None:
    old = begin(ledger, task("rusty"))
    ledger.ordinals(batch(["a", "b"]))
    ledger.record([attempt(old, 1, answer={"rusty": True})])
    ledger.flush()
    new = begin(ledger, task("rusty", "bent"))
    masks = ledger.mask(new.question_id, "answered")
    rusty, bent = (masks[f.fingerprint].tolist() for f in ledger.fields(new.question_id))
    assert rusty == [False, True, False]
    assert bent == [False, False, False]


def test_the_table_has_one_row_per_observation(ledger: Ledger) -> None:
    run = begin(ledger, task("rusty", "bent"))
    numbers = ledger.ordinals(batch(["a", "b", "c"], latitude=[1.0, 2.0, None]))
    ledger.set_scope(run, numbers)
    ledger.record([
        attempt(run, 1, answer={"rusty": True, "bent": None}, confidence={"rusty": 0.9}),
        attempt(run, 2, reason="image_missing", detail="nothing there"),
    ])  # fmt: skip
    ledger.flush()
    rows = pa.Table.from_batches(ledger.batches(run)).to_pylist()
    assert set(rows[0]) - {"rusty", "rusty_confidence", "bent", "bent_confidence"} == RESULT_COLUMNS
    assert [r["observation_id"] for r in rows] == ["a", "b", "c"]
    assert [r["rusty"] for r in rows] == [True, None, None]
    assert [r["rusty_confidence"] for r in rows] == [0.9, None, None]
    assert [r["status"] for r in rows] == ["answered", "failed", "pending"]
    assert [r["reason"] for r in rows] == [None, "image_missing", None]
    summary = ledger.summary(run)
    assert (summary.total, summary.answered, summary.pending) == (3, 1, 1)
    assert summary.failed == {"image_missing": 1}


def test_the_newest_answer_is_the_label(ledger: Ledger) -> None:
    run = begin(ledger, task("rusty"))
    ledger.set_scope(run, ledger.ordinals(batch(["a"])))
    for value in (True, False):
        ledger.record([attempt(run, 1, answer={"rusty": value})])
    ledger.flush()
    import sqlite3

    with sqlite3.connect(ledger.path) as db:
        labels = db.execute("SELECT observation_id, field, value FROM labels").fetchall()
        failures = db.execute("SELECT count(*) FROM failures").fetchone()
    db.close()
    assert labels == [("a", "rusty", 0)]
    assert failures == (0,)


def test_what_is_no_ledger_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="vistoria run"):
        Ledger(tmp_path / "none.sqlite", create=False)
    (tmp_path / "text.sqlite").write_text("hello " * 1000)
    with pytest.raises(ConfigError, match="not a database"):
        Ledger(tmp_path / "text.sqlite")
    with Ledger(tmp_path / "new.sqlite") as ledger, pytest.raises(UserError, match="no run yet"):
        ledger.run()
