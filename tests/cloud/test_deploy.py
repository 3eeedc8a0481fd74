"""`vistoria deploy --print`: files that a person can read and apply."""

import re
import runpy
import shutil
import subprocess
from pathlib import Path

import functions_framework
import hcl2
import pytest
import yaml  # type: ignore[import-untyped]
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


# On what, which role, for whom: nothing wider than it must be.
_BINDINGS = {
    ("storage_bucket", "storage.objectViewer", "run"),
    ("storage_bucket", "storage.objectUser", "run"),
    ("project", "aiplatform.user", "run"),
    ("pubsub_topic", "pubsub.publisher", "run"),
    ("cloud_run_v2_service", "run.invoker", "trigger"),
    ("project", "eventarc.eventReceiver", "trigger"),
    ("project", "pubsub.publisher", "storage"),
}


def test_terraform_and_the_service_say_the_same(written: Path) -> None:
    module = hcl2.loads((written / "main.tf").read_text())
    found = [
        (kind.strip('"').removeprefix("google_"), body)
        for resource in module["resource"]
        for kind, named in resource.items()
        for body in named.values()
    ]
    bindings = [
        (
            kind.removesuffix("_iam_member"),
            body["role"].strip('"').removeprefix("roles/"),
            re.findall(r"account\.(\w+)\.", body["member"])[0],
        )
        for kind, body in found
        if kind.endswith("_iam_member")
    ]
    assert sorted(bindings) == sorted(_BINDINGS)
    (template,) = next(body for kind, body in found if kind == "cloud_run_v2_service")["template"]
    service = yaml.safe_load((written / "service.yaml").read_text())["spec"]["template"]
    most = service["metadata"]["annotations"]["autoscaling.knative.dev/maxScale"]
    assert (template["scaling"][0]["max_instance_count"], most) == (1, "1")
    assert template["max_instance_request_concurrency"] == service["spec"]["containerConcurrency"]
    assert template["timeout"].strip('"') == f"{service['spec']['timeoutSeconds']}s"
    (container,) = service["spec"]["containers"]
    assert template["containers"][0]["image"].strip('"') == container["image"]
    (database,) = yaml.safe_load((written / "litestream.yml").read_text())["dbs"]
    assert f"VISTORIA_RUN_LEDGER={database['path']}" in (written / "Dockerfile").read_text()


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
