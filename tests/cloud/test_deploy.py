"""`vistoria deploy --print`: files that a person can read and apply."""

import re
import runpy
import shutil
import subprocess
from pathlib import Path

import functions_framework
import pytest
from click.testing import CliRunner, Result

from vistoria.cli import main
from vistoria.functions import label

PROJECT = """
[source]
address = "gs://incoming/photos"
[task]
name = "utility_pole"
[model]
name = "gemini:gemini-3.5-flash-lite"
"""


def deploy(*more: str) -> Result:
    return CliRunner().invoke(main, ["deploy", "--print", *more], prog_name="vistoria")


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder with the files of a service `poles`."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "vistoria.toml").write_text(PROJECT)
    more = ("--service", "poles", "--run-region", "europe-west4", "--bucket-location", "eu")
    result = deploy("--google-project", "proj-1", *more)
    assert result.exit_code == 0, result.output
    return tmp_path / "deploy"


def test_every_name_is_filled_in_and_the_same_everywhere(written: Path) -> None:
    texts = {path.name: path.read_text() for path in written.iterdir()}
    assert set(texts) == {
        "Dockerfile", "README.md", "deploy.sh", "litestream.yml", "main.py", "main.tf",
        "service.yaml", "vistoria.toml",
    }  # fmt: skip
    assert texts.pop("vistoria.toml") == PROJECT
    account = "poles-run@proj-1.iam.gserviceaccount.com"
    assert f"serviceAccountName: {account}\n" in texts["service.yaml"]
    assert 'RUN="$SERVICE-run@$PROJECT.iam.gserviceaccount.com"' in texts["deploy.sh"]
    for name, text in texts.items():
        assert not re.findall(r"@(?!proj-1\.|\$PROJECT\.)", text), name
    for name in ("main.tf", "deploy.sh"):
        for role in (
            "storage.objectViewer", "aiplatform.user", "storage.objectUser", "pubsub.publisher",
            "run.invoker", "eventarc.eventReceiver",
        ):  # fmt: skip
            assert f"roles/{role}" in texts[name], (name, role)
        assert "google.cloud.storage.object.v1.finalized" in texts[name]
        assert "proj-1-poles-ledger" in texts[name]
    assert "projects/proj-1/topics/poles-unlabelled" in texts["service.yaml"]
    assert texts["main.tf"].count("{") == texts["main.tf"].count("}")
    assert 'location = "eu" # of the bucket' in texts["main.tf"]


def test_the_script_is_a_script_and_the_function_loads(written: Path) -> None:
    shell = shutil.which("sh")
    assert shell
    subprocess.run([shell, "-n", str(written / "deploy.sh")], check=True)
    source = str(written / "main.py")
    assert runpy.run_path(source)["label"] is label
    assert functions_framework.create_app("label", source, "http").test_client()  # type: ignore[no-untyped-call]


def test_nothing_is_written_over_unasked(written: Path) -> None:
    again = deploy("--google-project", "proj-1")
    assert (again.exit_code, "--overwrite" in again.output) == (2, True)
    assert deploy("--google-project", "proj-1", "--overwrite").exit_code == 0
    assert 'name     = "vistoria"' in (written / "main.tf").read_text()


def test_what_is_missing_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GOOGLE_CLOUD_PROJECT", raising=False)
    (tmp_path / "vistoria.toml").write_text(PROJECT.replace("gs://incoming/photos", "photos"))
    assert "google.project is not set" in deploy().output
    assert "gs://bucket" in deploy("--google-project", "p").output
    assert "names no service" in deploy("--google-project", "p", "--service", "A").output
    bare = CliRunner().invoke(main, ["deploy"], prog_name="vistoria")
    assert (bare.exit_code, "--print writes files" in bare.output) == (2, True)
