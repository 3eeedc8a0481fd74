"""`vistoria run`: what it says, what it writes, how it ends; again, it asks nothing."""

import json
from pathlib import Path

import duckdb
import pytest

from tests.cli.running import ROWS, Vistoria, run, status, words


def test_all_answered(table: str, vistoria: Vistoria) -> None:
    result = vistoria(*run(table))
    assert result.exit_code == 0
    assert result.stdout == ""
    said = words(result.stderr)
    assert f"answered {ROWS} of {ROWS}" in said
    assert "photos.parquet (parquet, guessed by its suffix)" in said
    assert "profile generic: observation_id ← id, uri ← photo" in said
    assert "ledger .vistoria/ledger.sqlite" in said
    assert "next vistoria export labels.parquet" in said
    assert status(vistoria)["answered"] == ROWS


def test_the_same_command_again_asks_nothing(table: str, vistoria: Vistoria) -> None:
    vistoria(*run(table))
    result = vistoria(*run(table))
    assert result.exit_code == 0
    assert f"{ROWS} observations, {ROWS} already done: 0 to ask" in result.stderr


def test_failures_are_counted_by_reason_and_end_with_1(table: str, vistoria: Vistoria) -> None:
    command = run(table, "-o", "refused=0.2", "-o", "truncated=0.1")
    first = vistoria(*command)
    assert first.exit_code == 1
    failed = status(vistoria)["failed"]
    assert set(failed) == {"image_refused", "answer_truncated"}
    shown = f"failed {sum(failed.values())}: image_refused {failed['image_refused']}"
    assert shown in words(first.stderr)
    assert "vistoria export --only failed" in first.stderr
    again = vistoria(*command)
    assert again.exit_code == 1, "the run as a whole still has failures"
    assert ": 0 to ask" in again.stderr


def test_only_failed_asks_them_again(table: str, vistoria: Vistoria) -> None:
    command = run(table, "-o", "refused=0.2")
    vistoria(*command)
    failed = status(vistoria)["failed"]["image_refused"]
    result = vistoria(*command, "--only", "failed", "--json")
    assert json.loads(result.stdout)["session"]["failed"] == {"image_refused": failed}


def test_fresh_asks_everything_again(table: str, vistoria: Vistoria) -> None:
    vistoria(*run(table))
    document = json.loads(vistoria(*run(table, "--fresh", "--json")).stdout)
    assert document["run"] == 2
    assert document["session"]["answered"] == ROWS


def test_json_is_one_document_on_stdout(table: str, vistoria: Vistoria) -> None:
    command = run(table, "-o", "refused=0.1", "-o", "input_tokens=100", "--json")
    result = vistoria(*command)
    document = json.loads(result.stdout)
    assert result.exit_code == 1
    assert document["total"] == ROWS
    assert document["answered"] + sum(document["failed"].values()) == ROWS
    assert document["pending"] == 0
    assert document["input_tokens"] == 100 * document["answered"]
    assert document["model"] == "echo"
    assert document["session"]["outcome"] == "finished"
    assert Path(document["ledger"]).is_file()


def test_ndjson_is_a_line_for_each_observation(table: str, vistoria: Vistoria) -> None:
    result = vistoria(*run(table, "-o", "refused=0.2", "--ndjson"))
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert len({line["observation_id"] for line in lines}) == len(lines) == ROWS
    assert {line["status"] for line in lines} == {"answered", "failed"}
    for line in lines:
        if line["status"] == "answered":
            assert line["labels"]["asset"]
        else:
            assert (line["labels"], line["reason"]) == (None, "image_refused")


@pytest.mark.parametrize(
    ("flags", "count"),
    [
        (("--limit", "7"), 7),
        (("--where", "id < 'photo-0010'"), 10),
        (("--sample", "9", "--seed", "3"), 9),
        (("--where", "id >= 'photo-0010'", "--limit", "4"), 4),
    ],
)
def test_selection(table: str, vistoria: Vistoria, flags: tuple[str, ...], count: int) -> None:
    assert json.loads(vistoria(*run(table, "--json", *flags)).stdout)["total"] == count


def test_a_selection_that_nothing_meets(table: str, vistoria: Vistoria) -> None:
    result = vistoria(*run(table, "--where", "id = 'none'"))
    assert result.exit_code == 0
    assert "none that meet the selection" in result.stderr


def test_a_table_of_a_database(vistoria: Vistoria, tmp_path: Path) -> None:
    with duckdb.connect(str(tmp_path / "town.duckdb")) as db:
        db.execute("CREATE TABLE a AS SELECT 'x' AS id, 'gs://b/x.jpg' AS uri")
        db.execute("CREATE TABLE b AS FROM a UNION ALL SELECT 'y', 'gs://b/y.jpg'")
    common = ("run", "town.duckdb", "--task", "describe", "--model", "echo:", "--json")
    assert json.loads(vistoria(*common, "--table", "b").stdout)["total"] == 2
    assert json.loads(vistoria(*common, "--query", "FROM a").stdout)["total"] == 1


def test_fields_narrow_the_task(table: str, vistoria: Vistoria) -> None:
    vistoria(*run(table, "--fields", "asset"))
    assert list(status(vistoria)["fields"]) == ["asset"]
    vistoria(*run(table))
    assert "sign_kind" in status(vistoria)["fields"]


def test_settings_come_from_file_and_environment_too(
    table: str, vistoria: Vistoria, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "vistoria.toml").write_text(
        f'[source]\naddress = "{table}"\ncolumns = {{ uri = "photo" }}\nlimit = 50\n'
        '[task]\nname = "street_asset"\n[model]\nname = "echo:"\n'
    )
    assert json.loads(vistoria("run", "--json").stdout)["total"] == 50
    monkeypatch.setenv("VISTORIA_SOURCE_LIMIT", "40")
    assert json.loads(vistoria("run", "--json").stdout)["total"] == 40
    assert json.loads(vistoria("run", "--json", "--limit", "30").stdout)["total"] == 30


def test_quiet_says_nothing(table: str, vistoria: Vistoria) -> None:
    result = vistoria(*run(table, "-q"))
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "")


def test_progress_as_lines(table: str, vistoria: Vistoria) -> None:
    shown = vistoria(*run(table, "--progress", "plain")).stderr
    assert f"{ROWS} of {ROWS} (100 %)" in shown
    assert f"{ROWS} of {ROWS} (100 %)" not in vistoria(*run(table, "--progress", "none")).stderr


class TestConfirmation:
    """Large runs at a service; `echo:` with latency stands for one."""

    service = ("-o", "latency=0.0001")

    @pytest.fixture(autouse=True)
    def low_threshold(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("VISTORIA_RUN_CONFIRM_ABOVE", "100")

    def test_is_refused_without_a_terminal(self, table: str, vistoria: Vistoria) -> None:
        result = vistoria(*run(table, *self.service))
        assert (result.exit_code, result.stdout) == (2, "")
        assert f"{ROWS} observations would be sent to 'echo', more than the 100" in result.stderr
        assert "hint: --yes" in result.stderr
        assert status(vistoria)["pending"] == ROWS

    def test_yes_skips_it(
        self, table: str, vistoria: Vistoria, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert vistoria(*run(table, *self.service, "--yes")).exit_code == 0
        monkeypatch.setenv("VISTORIA_YES", "1")
        assert vistoria(*run(table, *self.service, "--fresh")).exit_code == 0

    def test_few_are_not_worth_a_question(self, table: str, vistoria: Vistoria) -> None:
        assert vistoria(*run(table, *self.service, "--limit", "100")).exit_code == 0

    def test_a_local_model_costs_nothing(self, table: str, vistoria: Vistoria) -> None:
        assert vistoria(*run(table)).exit_code == 0
