"""`vistoria.run`: from a table to labels in Python."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import vistoria
from vistoria.events import Event, Scanned, Settled, Started

ROWS = 60


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An empty current folder."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """A Parquet table of 60 addresses."""
    names = [f"p{i}" for i in range(ROWS)]
    rows = pa.table({"id": names, "uri": [f"gs://bucket/{name}.jpg" for name in names]})
    pq.write_table(rows, tmp_path / "photos.parquet")
    return tmp_path / "photos.parquet"


def test_five_lines(table: Path) -> None:
    result = vistoria.run(table, task="street_asset", model="echo:", refused=0.2)
    labels = result.to_pandas()
    assert len(labels) == ROWS
    assert set(labels["status"]) == {"answered", "failed"}
    assert result.summary.answered + result.failures.num_rows == ROWS
    assert result.failures.column_names == ["observation_id", "uri", "reason", "detail"]
    assert result.table(only="answered").num_rows == result.summary.answered
    assert result.ledger == Path.cwd() / ".vistoria/ledger.sqlite"


def test_it_shows_itself(table: Path) -> None:
    result = vistoria.run(table, task="describe", model="echo:", limit=9)
    assert repr(result).splitlines()[0] == "run 1: describe by echo: finished"
    assert "answered    9 of 9" in repr(result)
    assert "<td style='text-align:left'>9 of 9</td>" in result._repr_html_()
    assert result.document()["session"]["answered"] == 9


def test_the_same_call_resumes(table: Path) -> None:
    vistoria.run(table, task="describe", model="echo:")
    again = vistoria.run(table, task="describe", model="echo:")
    assert (again.plan.pending, again.summary.answered) == (0, ROWS)
    fresh = vistoria.run(table, task="describe", model="echo:", fresh=True)
    assert fresh.plan.pending == ROWS


def test_a_task_made_in_python(table: Path) -> None:
    task = vistoria.Task(
        name="rust",
        instructions="Look at the pole.",
        fields=(
            vistoria.Field("rusty", "boolean", help="Whether it is rusty."),
            vistoria.Field("colour", "choice", choices=("red", "grey")),
        ),
    )
    assert set(vistoria.run(table, task=task, model="echo:").table().column_names) > {"rusty"}
    narrow = vistoria.run(table, task=task, model="echo:", fields=("colour",))
    assert "rusty" not in narrow.table().column_names


def test_keywords_are_settings(table: Path, tmp_path: Path) -> None:
    result = vistoria.run(
        str(table), task="describe", model="echo:", where="id < 'p2'", columns={"asset_id": "id"},
        ledger=tmp_path / "mine.sqlite", concurrency=2, retries=1,
    )  # fmt: skip
    assert result.ledger == tmp_path / "mine.sqlite"
    assert set(result.table()["asset_id"].to_pylist()) == {
        "p0",
        "p1",
        *(f"p1{i}" for i in range(10)),
    }


def test_what_is_left_out_comes_from_the_project(
    table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "vistoria.toml").write_text(
        f'[source]\naddress = "{table.name}"\nlimit = 7\n[task]\nname = "describe"\n'
        '[model]\nname = "echo:"\n'
    )
    assert vistoria.run().summary.total == 7
    monkeypatch.setenv("VISTORIA_SOURCE_LIMIT", "6")
    assert vistoria.run().summary.total == 6
    assert vistoria.run(limit=5).summary.total == 5


def test_progress_can_be_a_function(table: Path) -> None:
    events: list[Event] = []
    vistoria.run(table, task="describe", model="echo:", progress=events.append)
    assert isinstance(events[0], Scanned)
    assert Started(run_id=1, total=ROWS, pending=ROWS) in events
    assert sum(len(event.attempts) for event in events if isinstance(event, Settled)) == ROWS


def test_a_script_stays_silent(table: Path, capfd: pytest.CaptureFixture[str]) -> None:
    vistoria.run(table, task="describe", model="echo:")
    assert capfd.readouterr() == ("", "")
    vistoria.run(table, task="describe", model="echo:", fresh=True, progress="plain")
    assert "60 of 60 (100 %)" in capfd.readouterr().err


def test_mistakes_are_user_errors(table: Path) -> None:
    with pytest.raises(vistoria.UserError, match=r"task\.name is not set"):
        vistoria.run(table, model="echo:")
    with pytest.raises(vistoria.UserError, match="no echo option named 'limitt'"):
        vistoria.run(table, task="describe", model="echo:", limitt=3)
    with pytest.raises(vistoria.VistoriaError, match="there is nothing at 'nowhere'"):
        vistoria.run("nowhere", task="describe", model="echo:")


def test_a_budget(table: Path) -> None:
    echo: dict[str, Any] = {"task": "describe", "model": "echo:", "latency": 0.001}
    result = vistoria.run(table, **echo, budget="20 requests")
    assert (result.report.outcome, result.summary.answered) == ("stopped", 20)
    assert result.costs.spent.requests == 20
    assert "the ceiling of 20 requests is reached" in repr(result)
    result = vistoria.run(table, **echo, budget="5 USD, 100 requests")
    assert result.summary.answered == ROWS
    document = result.document()
    assert (document["cost"]["usd"], document["cost"]["requests"]) == (0, ROWS)
    assert document["session"]["requests"] == ROWS - 20


def test_only_failed_for_a_reason(table: Path) -> None:
    echo: dict[str, Any] = {"task": "describe", "model": "echo:", "refused": 0.3, "truncated": 0.3}
    failed = vistoria.run(table, **echo).summary.failed
    again = vistoria.run(table, **echo, only="failed:image_refused")
    assert again.plan.pending == failed["image_refused"]
    with pytest.raises(vistoria.UserError, match="no reason of failures named 'refused'"):
        vistoria.run(table, **echo, only="failed:refused")
