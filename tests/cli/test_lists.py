"""`models`, `tasks`, `sources`, `config`: what there is."""

import json
from pathlib import Path

import pytest

from tests.cli.running import ROWS, Vistoria, words
from vistoria import registry
from vistoria.task import ready_tasks


def test_models(vistoria: Vistoria) -> None:
    listed = {row["model"] for row in json.loads(vistoria("models", "--json").stdout)}
    assert {"echo", "onnx:street"} <= listed
    known = {name for name in registry.names("models") if registry.load("models", name).listing()}
    assert {name.partition(":")[0] for name in listed} == known
    lines = vistoria("models").stdout.splitlines()
    assert lines[0] == "model\tabout"
    assert listed == {line.partition("\t")[0] for line in lines[1:]}


def test_a_model(vistoria: Vistoria) -> None:
    shown = words(vistoria("models", "show", "echo").stdout)
    assert "runs in this process" in shown
    assert "-o latency 0" in shown
    assert "task describe all fields" in shown
    document = json.loads(vistoria("models", "show", "echo", "--json").stdout)
    assert document["capabilities"]["local"] is True
    assert document["options"]["seed"] == 0


def test_a_model_that_is_not_ready_says_why(
    vistoria: Vistoria, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("GEMINI_API_KEY", "GOOGLE_API_KEY", "GOOGLE_CLOUD_PROJECT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
    result = vistoria("models", "show", "gemini")
    assert result.exit_code == 0
    assert "GEMINI_API_KEY" in result.stdout.partition("not ready")[2]
    assert "-o media_resolution" in result.stdout


def test_tasks(vistoria: Vistoria) -> None:
    listed = {row["task"] for row in json.loads(vistoria("tasks", "--json").stdout)}
    assert listed == set(ready_tasks())


@pytest.mark.parametrize("name", ready_tasks())
def test_a_task(vistoria: Vistoria, name: str) -> None:
    shown = vistoria("tasks", "show", name)
    assert shown.exit_code == 0
    document = json.loads(vistoria("tasks", "show", name, "--json").stdout)
    assert all(field["name"] in shown.stdout for field in document["fields"])
    assert vistoria("tasks", "show", name, "--prompt").stdout.strip() == document["prompt"].strip()
    assert json.loads(vistoria("tasks", "show", name, "--schema").stdout) == document["schema"]


def test_sources(vistoria: Vistoria) -> None:
    document = json.loads(vistoria("sources", "--json").stdout)
    assert [row["source"] for row in document["sources"]] == list(registry.names("sources"))
    assert "svi_cropped" in document["profiles"]
    assert "parquet\tparquet://\t.parquet" in vistoria("sources").stdout


def test_a_source(table: str, vistoria: Vistoria) -> None:
    command = ("sources", table, "--column", "uri=photo")
    document = json.loads(vistoria(*command, "--json").stdout)
    assert (document["source"], document["profile"]) == ("parquet", "generic")
    assert document["columns"] == {"observation_id": "id", "uri": "photo"}
    assert document["rows"] == ROWS
    assert document["first"][0]["uri"] == "gs://bucket/photo-0000.jpg"
    shown = words(vistoria(*command, "--limit", "3").stdout)
    assert "rows 3" in shown
    assert "uri photo" in shown
    assert "photo-0002" in shown


def test_config(vistoria: Vistoria, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "vistoria.toml").write_text('[model]\nname = "echo:"\napi_key = "s3cret"\n')
    monkeypatch.setenv("VISTORIA_SOURCE_LIMIT", "9")
    result = vistoria("config", "show", "--json")
    rows = {row["key"]: row for row in json.loads(result.stdout)}
    assert rows["model.name"]["value"] == "echo:"
    assert rows["model.name"]["origin"] == "vistoria.toml line 2"
    assert rows["source.limit"]["origin"] == "VISTORIA_SOURCE_LIMIT"
    assert rows["run.retries"]["environment"] == "VISTORIA_RUN_RETRIES"
    assert "s3cret" not in result.stdout
    assert vistoria("config").stdout == vistoria("config", "show").stdout
    assert vistoria("config", "path").stdout == f"{tmp_path / 'vistoria.toml'}\n"
    (tmp_path / "below").mkdir()
    monkeypatch.chdir(tmp_path / "below")
    assert vistoria("config", "path").stdout == f"{tmp_path / 'vistoria.toml'}\n"
