"""`vistoria status`: where runs stand."""

import json

from tests.cli.running import ROWS, Vistoria, run, words


def test_one_run(table: str, vistoria: Vistoria) -> None:
    vistoria(*run(table, "-o", "refused=0.2", "-o", "input_tokens=10", "--limit", "50"))
    shown = words(vistoria("status").stdout)
    assert "run 1 street_asset by echo on photos.parquet" in shown
    assert "state finished" in shown
    assert "selection limit 50" in shown
    assert ": image_refused" in shown
    assert "asset road_sign" in shown or "asset " in shown
    assert "tokens" in shown


def test_several_runs_are_a_table_and_the_last_in_detail(table: str, vistoria: Vistoria) -> None:
    vistoria(*run(table))
    vistoria(*run(table, "--task", "describe"))
    vistoria(*run(table))  # the first one again
    lines = vistoria("status").stdout.splitlines()
    assert lines[0].split("\t")[:3] == ["run", "task", "model"]
    assert [line.split("\t")[1] for line in lines[1:3]] == ["street_asset", "describe"]
    assert lines[4].split() == ["run", "1", "street_asset", "by", "echo", "on", "photos.parquet"]
    assert "describe by echo" in vistoria("status", "--run", "2").stdout


def test_json(table: str, vistoria: Vistoria) -> None:
    vistoria(*run(table))
    vistoria(*run(table, "--task", "describe"))
    first, second = json.loads(vistoria("status", "--json").stdout)
    assert (first["run"], first["answered"], first["state"]) == (1, ROWS, "finished")
    assert "fields" not in first
    assert second["fields"] == {"description": {"kind": "text", "answered": ROWS, "empty": 0}}


def test_counts_of_each_kind_of_field(table: str, vistoria: Vistoria) -> None:
    vistoria(*run(table))
    fields = json.loads(vistoria("status", "--json").stdout)[0]["fields"]
    asset, speed, leaning = (fields[name] for name in ("asset", "speed_limit", "leaning"))
    assert sum(asset["values"].values()) == ROWS
    assert leaning["answered"] == asset["values"]["utility_pole"]
    assert leaning["answered"] + leaning["empty"] == ROWS
    assert set(leaning["values"]) == {"yes", "no"}
    assert 5 <= speed["minimum"] <= speed["mean"] <= speed["maximum"] <= 150


def test_there_is_no_such_run(table: str, vistoria: Vistoria) -> None:
    vistoria(*run(table))
    result = vistoria("status", "--run", "7")
    assert result.exit_code == 2
    assert "the ledger has no run 7; it has 1" in result.stderr


def test_another_ledger(table: str, vistoria: Vistoria) -> None:
    vistoria(*run(table, "--ledger", "other.sqlite"))
    assert vistoria("status").exit_code == 2
    assert "other.sqlite" in vistoria("status", "--ledger", "other.sqlite").stdout
