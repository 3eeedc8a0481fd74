"""`vistoria export`: a run's table as CSV, Parquet, JSON lines or on the screen."""

import csv
import io
import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.cli.running import ROWS, Vistoria, run

LISTS = """
instructions = "Look."
[[fields]]
name = "seen"
kind = "choices"
choices = ["sim", "não"]
[[fields]]
name = "found"
kind = "boxes"
"""


@pytest.fixture
def labelled(table: str, vistoria: Vistoria, tmp_path: Path) -> None:
    """A run whose answers are lists, with some failures."""
    (tmp_path / "lists.toml").write_text(LISTS)
    vistoria(*run(table, "--task", "lists.toml", "-o", "refused=0.2"))


@pytest.mark.usefixtures("labelled")
class TestExport:
    """Of a run with lists and failures."""

    def test_parquet(self, vistoria: Vistoria) -> None:
        result = vistoria("export", "labels.parquet")
        assert (result.exit_code, result.stdout) == (0, "")
        assert f"{ROWS} rows of run 1 in labels.parquet" in result.stderr
        table = pq.read_table("labels.parquet")
        assert table.num_rows == ROWS
        assert set(table["status"].to_pylist()) == {"answered", "failed"}
        assert any(isinstance(value, list) for value in table["seen"].to_pylist())

    def test_csv_has_lists_as_json(self, vistoria: Vistoria) -> None:
        assert vistoria("export", "labels.csv").exit_code == 0
        rows = list(csv.DictReader(io.StringIO(Path("labels.csv").read_text("utf-8"))))
        assert len(rows) == ROWS
        for row in rows:
            if row["status"] == "failed":
                assert (row["seen"], row["reason"]) == ("", "image_refused")
            else:
                assert set(json.loads(row["seen"])) <= {"sim", "não"}
                assert all("label" in box for box in json.loads(row["found"]))

    def test_json_lines(self, vistoria: Vistoria) -> None:
        vistoria("export", "labels.jsonl")
        rows = [json.loads(line) for line in Path("labels.jsonl").read_text().splitlines()]
        assert len(rows) == ROWS
        assert rows[0]["observation_id"] == "photo-0000"

    def test_only(self, vistoria: Vistoria) -> None:
        counts = {}
        for state in ("answered", "failed"):
            rows = list(csv.DictReader(io.StringIO(vistoria("export", "--only", state).stdout)))
            assert {row["status"] for row in rows} == {state}
            counts[state] = len(rows)
        assert sum(counts.values()) == ROWS

    def test_stdout_is_csv_unless_told(self, vistoria: Vistoria) -> None:
        rows = list(csv.DictReader(io.StringIO(vistoria("export", "-").stdout)))
        assert len(rows) == ROWS
        lines = vistoria("export", "--format", "jsonl").stdout.splitlines()
        assert len([json.loads(line) for line in lines]) == ROWS
        data = io.BytesIO(vistoria("export", "--format", "parquet").stdout_bytes)
        assert pq.read_table(data).num_rows == ROWS
        assert vistoria("export", "--format", "table").stdout.startswith("observation\tstatus")

    def test_the_format_can_be_named(self, vistoria: Vistoria) -> None:
        vistoria("export", "labels.txt", "--format", "csv")
        assert Path("labels.txt").read_text().startswith('"observation_id"')

    def test_an_unknown_name_is_refused_and_leaves_nothing(self, vistoria: Vistoria) -> None:
        result = vistoria("export", "labels.xlsx")
        assert result.exit_code == 2
        assert "'labels.xlsx'" in result.stderr
        assert ".parquet" in result.stderr
        assert not list(Path().glob("*labels*"))

    def test_a_folder_that_is_not_there(self, vistoria: Vistoria) -> None:
        result = vistoria("export", "none/labels.csv")
        assert result.exit_code == 2
        assert "No such file or directory" in result.stderr
