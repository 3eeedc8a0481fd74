"""`vistoria publish`: the command."""

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.cli.running import ROWS, Vistoria, run, words


@pytest.fixture
def labelled(table: str, vistoria: Vistoria) -> None:
    """A finished run."""
    assert vistoria(*run(table)).exit_code == 0


@pytest.mark.usefixtures("labelled")
class TestPublish:
    """Of a finished run."""

    def test_says_what_and_where(self, vistoria: Vistoria) -> None:
        result = vistoria("publish", "labels.parquet")
        assert (result.exit_code, result.stdout) == (0, "")
        said = words(result.stderr)
        assert "labels.parquet (parquet, as its name says)" in said
        assert "written: labels" in said
        assert pq.read_table("labels.parquet").num_rows >= ROWS

    def test_twice_sends_nothing(self, vistoria: Vistoria) -> None:
        first = json.loads(vistoria("publish", "labels.parquet", "--json").stdout)
        again = json.loads(vistoria("publish", "labels.parquet", "--json").stdout)
        assert (first["written"], again["written"]) == (True, False)
        assert first["rows"] == again["rows"]

    def test_to_a_named_publisher(self, vistoria: Vistoria) -> None:
        result = vistoria("publish", "results", "--to", "parquet", "-o", "table=labels", "-q")
        assert (result.exit_code, result.stderr) == (0, "")
        assert Path("results/runs.parquet").exists()

    def test_what_is_wrong_is_told(self, vistoria: Vistoria) -> None:
        for given, said in (
            (("results.xlsx",), "--to"),
            (("labels.parquet", "-o", "table"), "KEY=VALUE"),
            (("labels.parquet", "--to", "parket"), "did you mean 'parquet'"),
            (("labels.parquet", "-o", "x=1"), "no option 'x'"),
        ):
            result = vistoria("publish", *given)
            assert result.exit_code == 2
            assert said in words(result.stderr)


def test_the_list(vistoria: Vistoria) -> None:
    lines = vistoria("publish").stdout.splitlines()
    assert lines[0].startswith("publisher\taddresses")
    known = json.loads(vistoria("publish", "--json").stdout)["publishers"]
    assert len(known) == len(lines) - 1
    assert {"publisher", "writes", "schemes", "suffixes", "extra"} == set(known[0])


def test_dashboards(vistoria: Vistoria) -> None:
    result = vistoria("publish", "--dashboards", "boards", "-o", "dataset=p.poles")
    assert (result.exit_code, result.stdout) == (0, "")
    views = sorted(Path("boards").glob("*.sql"))
    assert all("`p.poles.vistoria_" in view.read_text() for view in views)
    listed = json.loads(vistoria("publish", "--dashboards", "boards", "--json").stdout)["files"]
    assert len(listed) == len(list(Path("boards").iterdir())) > len(views) > 3
