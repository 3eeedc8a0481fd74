"""The engine through `run_project`: faults end as designed, a second run asks nothing."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import stamina

from vistoria.engine import Choice
from vistoria.errors import UserError
from vistoria.events import Event, Retrying, Settled, Started
from vistoria.job import Done, run_project
from vistoria.ledger import Ledger
from vistoria.project import load_project

ROWS = 500


@pytest.fixture(autouse=True)
def no_waiting() -> object:
    """Retries do not wait, and there are three tries."""
    with stamina.set_testing(True, attempts=3):
        yield


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """A Parquet table of 500 addresses."""
    names = [f"photo-{i:04d}" for i in range(ROWS)]
    rows = pa.table({"id": names, "uri": [f"gs://bucket/{name}.jpg" for name in names]})
    pq.write_table(rows, tmp_path / "photos.parquet")
    return tmp_path / "photos.parquet"


def ask(table: Path, choice: Choice = Choice(), emit=None, **settings: object) -> Done:  # type: ignore[no-untyped-def]  # noqa: B008
    """Runs `echo:` over the table, with options for the model as `model_…`."""
    flags: dict[str, object] = {
        "source.address": str(table),
        "task.name": "street_asset",
        "model.name": "echo:",
        "run.ledger": str(table.parent / "ledger.sqlite"),
    }
    flags |= {key.replace("_", ".", 1): value for key, value in settings.items()}
    project = load_project(env={}, flags=flags)
    return run_project(project, choice, emit=emit or (lambda event: None))


def rows(done: Done) -> list[dict[str, object]]:
    """The run's table."""
    with Ledger(done.ledger) as ledger:
        found: list[dict[str, object]] = pa.Table.from_batches(
            ledger.batches(done.plan.run)
        ).to_pylist()
    return found


def test_every_row_gets_an_answer_and_a_second_run_asks_nothing(table: Path) -> None:
    events: list[Event] = []
    first = ask(table, emit=events.append)
    assert (first.plan.pending, first.report.answered) == (ROWS, ROWS)
    settled = [a.ordinal for e in events if isinstance(e, Settled) for a in e.attempts]
    assert sorted(settled) == list(range(1, ROWS + 1))
    assert [e.pending for e in events if isinstance(e, Started)] == [ROWS]
    second = ask(table)
    assert (second.plan.resumed, second.plan.pending, second.report.answered) == (True, 0, 0)
    assert {r["status"] for r in rows(second)} == {"answered"}


def test_permanent_faults_are_rows_with_a_reason(table: Path) -> None:
    done = ask(table, model_refused=0.1, model_truncated=0.1, model_invalid=0.1)
    assert set(done.report.failed) == {"image_refused", "answer_truncated", "answer_invalid"}
    assert done.report.answered + done.report.failed.total() == ROWS
    reasons = {r["reason"] for r in rows(done)}
    assert reasons == {None, *done.report.failed}
    again = ask(table, model_refused=0.1, model_truncated=0.1, model_invalid=0.1)
    assert again.plan.pending == 0, "what failed for good is not asked again"


def test_only_failed_asks_just_those(table: Path) -> None:
    done = ask(table, model_refused=0.1)
    again = ask(table, Choice(only="failed"), model_refused=0.1)
    assert again.plan.pending == done.report.failed.total() > 0


def test_only_failed_may_name_a_reason_and_another_model(table: Path) -> None:
    done = ask(table, model_refused=0.1, model_truncated=0.1)
    truncated = done.report.failed["answer_truncated"]
    other = ask(table, Choice(only="failed", reason="answer_truncated"), model_name="echo:other")
    assert other.plan.total == other.plan.pending == other.report.answered == truncated > 0


def test_passing_faults_are_retried_and_cost_no_image(table: Path) -> None:
    events: list[Event] = []
    done = ask(table, emit=events.append, model_failures=0.05, model_rate_limited=0.01)
    assert (done.report.answered, done.report.failed.total()) == (ROWS, 0)
    assert {e.reason for e in events if isinstance(e, Retrying)} == {"transient", "rate_limited"}


def test_a_careless_answer_is_asked_for_once_more(table: Path) -> None:
    done = ask(table, model_careless=1.0)
    assert done.report.answered == ROWS
    with Ledger(done.ledger):
        import sqlite3

        db = sqlite3.connect(done.ledger)
        assert db.execute("SELECT DISTINCT tries FROM attempts").fetchall() == [(2,)]
        db.close()


def test_too_many_failures_stop_the_run(table: Path) -> None:
    done = ask(
        table, model_refused=0.9, run_max_failure_rate=0.5, run_concurrency=2, model_latency=0.0001
    )
    assert done.report.outcome == "stopped"
    assert "limit 50%" in str(done.report.stopped_by)
    settled = done.report.answered + done.report.failed.total()
    assert 50 <= settled < ROWS
    assert ask(table, model_refused=0.9, model_latency=0.0001).plan.pending == ROWS - settled


def test_fresh_asks_all_again_and_the_newest_answer_counts(table: Path) -> None:
    first = ask(table)
    again = ask(table, Choice(fresh=True))
    assert again.plan.pending == ROWS
    assert again.plan.run.run_id != first.plan.run.run_id
    assert len(rows(again)) == ROWS


def test_a_new_field_asks_only_that_field(table: Path) -> None:
    ask(table, task_fields=("asset", "material"))
    done = ask(table, task_fields=("asset", "material", "leaning"))
    [group] = done.plan.groups
    assert len(group.ordinals) == ROWS
    assert "material" not in [field.name for field in group.task.fields]
    assert all(r["asset"] is not None for r in rows(done))
    assert ask(table, task_fields=("asset", "leaning")).plan.pending == 0


def test_another_model_is_another_question(table: Path) -> None:
    ask(table)
    assert ask(table, model_name="echo:other").plan.pending == ROWS


def test_a_bad_address_is_a_row_with_a_reason(tmp_path: Path) -> None:
    bad = ["", "gs://", "gs://bucket", "what is this://x", "gs://bucket/fine.jpg"]
    pq.write_table(pa.table({"id": list("abcde"), "uri": bad}), tmp_path / "photos.parquet")
    done = ask(tmp_path / "photos.parquet")
    found = {r["observation_id"]: r["reason"] for r in rows(done)}
    assert found["e"] is None
    assert found["a"] == found["b"] == found["c"] == "address_invalid"


def test_a_task_that_the_model_cannot_answer_is_refused(table: Path) -> None:
    with pytest.raises(UserError, match="can answer none"):
        ask(table, model_name="onnx:street", task_name="describe")
