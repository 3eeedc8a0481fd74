"""`vistoria doctor`: each failure names its cause and the next step, and nothing else is wrong."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from tests.cloud.conftest import Cloud
from vistoria.cli import main

DATASET = "imagery_insights___us"
SOURCE = f"bigquery://proj-1.{DATASET}.cropped_observations_latest"


def doctor(*args: str) -> Result:
    return CliRunner().invoke(main, ("doctor", *args), prog_name="vistoria")


def examined(*args: str) -> dict[str, dict[str, Any]]:
    """Check → its finding."""
    result = doctor("--json", *args)
    document = json.loads(result.stdout)
    found = {finding["check"]: finding for finding in document["findings"]}
    failures = [name for name, finding in found.items() if finding["status"] == "fail"]
    assert result.exit_code == (1 if failures else 0), result.output
    assert document["ok"] is not failures
    return found


def statuses(found: dict[str, dict[str, Any]], status: str) -> set[str]:
    return {name for name, finding in found.items() if finding["status"] == status}


@pytest.fixture
def project(cloud: Cloud, tables: Path) -> Cloud:
    """A project that works: subscribed, its images readable, Gemini by name."""
    cloud.bigquery.data.add_database(tables, DATASET)
    cloud.storage.objects = {f"gs://photos/s-1/v0/o-{n}.jpg": "image/jpeg" for n in range(5)}
    Path("vistoria.toml").write_text(
        f'[source]\naddress = "{SOURCE}"\n[task]\nname = "utility_pole"\n'
        '[model]\nname = "gemini:gemini-3.5-flash-lite"\n'
        '[google]\nproject = "proj-1"\nregion = "us-central1"\nlocation = "us"\n'
    )
    return cloud


def test_a_sound_project(project: Cloud) -> None:
    found = examined()
    assert statuses(found, "pass") == {
        "credentials", "project", "apis bigquery", "apis bigquerystorage", "apis aiplatform",
        "query", "imagery", "snapshot", "images photos", "model", "task", "answer", "quota",
        "region", "ledger",
    }  # fmt: skip
    assert statuses(found, "unneeded") == {"source", "batch"}
    assert found["credentials"]["said"].startswith("serviceAccount:inspector@proj-1")
    assert "cropped, panoramas" in found["imagery"]["said"]
    assert project.vertex.billed.total() == 1, "one tiny question"
    assert len(project.storage.asked) == 1, "one object of the bucket"
    assert any(job.get("dryRun") for job in project.bigquery.sent)
    text = doctor("--no-ask")
    assert "✓ snapshot" in text.stdout
    assert "not needed" in text.stdout
    assert project.vertex.billed.total() == 1


def _no_credentials(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS")


def _expired_token(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", lambda _: None)  # google-auth waits between its tries
    cloud.tokens.refusals.extend([400] * 50)


def _api_off(api: str) -> Callable[[Cloud, pytest.MonkeyPatch], None]:
    return lambda cloud, _: cloud.usage.off.add(api)


def _bigquery_off_unseen(cloud: Cloud, _: pytest.MonkeyPatch) -> None:
    cloud.usage.denied, cloud.bigquery.disabled = True, True


def _vertex_off_unseen(cloud: Cloud, _: pytest.MonkeyPatch) -> None:
    cloud.usage.denied = True
    cloud.vertex.fault("service_disabled")


def _no_query(cloud: Cloud, _: pytest.MonkeyPatch) -> None:
    cloud.bigquery.denied.add("bigquery.jobs.create")


def _no_object(cloud: Cloud, _: pytest.MonkeyPatch) -> None:
    cloud.storage.denied.add("storage.objects.get")


def _gone(cloud: Cloud, _: pytest.MonkeyPatch) -> None:
    cloud.storage.objects.clear()


def _fault(kind: str) -> Callable[[Cloud, pytest.MonkeyPatch], None]:
    return lambda cloud, _: cloud.vertex.fault(kind)


def _model(name: str) -> Callable[[Cloud, pytest.MonkeyPatch], None]:
    return lambda _, monkeypatch: monkeypatch.setenv("VISTORIA_MODEL_NAME", name)


def _retired(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VISTORIA_MODEL_NAME", "gemini:gemini-2.5-flash")
    cloud.vertex.fault("retired")


def _wrong_region(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VISTORIA_GOOGLE_REGION", "europe-west9")
    cloud.vertex.elsewhere.add("gemini-3.5-flash-lite")


def _wrong_location(_: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VISTORIA_GOOGLE_LOCATION", "eu")


def _wrong_project(_: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VISTORIA_GOOGLE_PROJECT", "proj-9")


def _snapshot_of(days: int) -> Callable[[Cloud, pytest.MonkeyPatch], None]:
    def arrange(cloud: Cloud, _: pytest.MonkeyPatch) -> None:
        cloud.bigquery.data.cursor().execute(
            f"CREATE OR REPLACE VIEW \"proj-1.{DATASET}\".snapshots AS SELECT 's-1' AS "
            f"snapshot_id, now() - INTERVAL {days} DAY AS creation_time"
        )

    return arrange


_ROWS = {"query", "imagery", "snapshot", "images", "region"}
_VERTEX = {"answer", "quota"}


@pytest.mark.parametrize(
    ("arrange", "failed", "said", "mend", "unchecked"),
    [
        (_no_credentials, "credentials", "no usable Google credentials",
         "gcloud auth application-default login", {"project", "apis"} | _ROWS | _VERTEX),
        (_expired_token, "credentials", "refused to renew", "gcloud auth application-default login",
         {"project", "apis"} | _ROWS | _VERTEX),
        (_api_off("bigquery.googleapis.com"), "apis bigquery", "bigquery.googleapis.com is off",
         "gcloud services enable bigquery.googleapis.com --project proj-1", _ROWS),
        (_api_off("aiplatform.googleapis.com"), "apis aiplatform", "is off in proj-1",
         "gcloud services enable aiplatform.googleapis.com --project proj-1", _VERTEX),
        (_bigquery_off_unseen, "query", "the API bigquery.googleapis.com is off",
         "gcloud services enable bigquery.googleapis.com", {"apis"} | _ROWS - {"query"}),
        (_vertex_off_unseen, "answer", "the API aiplatform.googleapis.com is off",
         "gcloud services enable aiplatform.googleapis.com", {"apis", "quota"}),
        (_no_query, "query", "bigquery.jobs.create",
         'projects add-iam-policy-binding proj-1 --member="serviceAccount:inspector@proj-1.iam.',
         _ROWS - {"query"}),
        (_no_object, "images photos", "may not read gs://photos",
         "gcloud storage buckets add-iam-policy-binding gs://photos", set()),
        (_gone, "images photos", "there is no object gs://photos/s-1/v0/", "_latest", set()),
        (_fault("iam_denied"), "answer", "aiplatform.endpoints.predict",
         "--role=roles/aiplatform.user", {"quota"}),
        (_fault("quota_zero"), "answer", "is 0 in us-central1", "iam-admin/quotas", {"quota"}),
        (_retired, "answer", "gemini-2.5-flash is retired", "gemini:gemini-3.5-flash-lite",
         {"quota"}),
        (_model("gemini:gemini-9"), "answer", "knows no model 'gemini-9'", "vistoria models",
         {"quota"}),
        (_model("gemnii:x"), "model", "did you mean 'gemini'?", "gemini", None),
        (_wrong_region, "answer", "is not served in europe-west9", 'region = "global"', {"quota"}),
        (_wrong_location, "region", "lies in US", 'set location = "us"', set()),
        (_wrong_project, "apis", "there is no projects/proj-9", "check `project`",
         _ROWS | _VERTEX),
        (_snapshot_of(36), "snapshot", "its images are gone", "ask your Google contact",
         {"images"}),
    ],
)  # fmt: skip
def test_each_failure_names_its_cause_and_the_next_step(
    project: Cloud, monkeypatch: pytest.MonkeyPatch,
    arrange: Callable[[Cloud, pytest.MonkeyPatch], None], failed: str, said: str, mend: str,
    unchecked: set[str] | None,
) -> None:  # fmt: skip
    arrange(project, monkeypatch)
    found = examined()
    assert statuses(found, "fail") == {failed}
    assert said in found[failed]["said"]
    assert mend in (found[failed]["mend"] or "")
    if unchecked is None:
        return
    assert statuses(found, "unchecked") == unchecked
    for name in unchecked - {"apis"}:
        assert found[name]["because"] == failed
        assert found[name]["said"] == f"not checked, because {failed} failed"


def test_without_a_subscription_it_says_how_to_get_one(project: Cloud) -> None:
    found = examined("bigquery://proj-1.imagery_insights___eu.cropped_observations_latest")
    assert statuses(found, "fail") == {"query"}
    assert "vistoria subscribe" in found["query"]["mend"]
    assert statuses(found, "unchecked") == _ROWS - {"query"}


def test_a_public_bucket_needs_no_account(cloud: Cloud, tmp_path: Path) -> None:
    Path("t.csv").write_text("id,uri\na,gs://photos/a.jpg\n")
    Path("vistoria.toml").write_text("[images]\nstore = { skip_signature = true }\n")
    Image.new("RGB", (64, 48)).save("a.jpg")
    cloud.storage.open = True
    cloud.storage.data["gs://photos/a.jpg"] = Path("a.jpg").read_bytes()
    found = examined("t.csv", "--task", "street_asset", "--model", "onnx:street")
    assert not statuses(found, "fail")
    assert statuses(found, "pass") >= {"source", "images"}
    assert found["credentials"]["status"] == "unneeded"


def test_a_snapshot_that_ends_soon_is_a_warning(project: Cloud) -> None:
    _snapshot_of(30)(project, pytest.MonkeyPatch())
    found = examined()
    assert statuses(found, "warn") == {"snapshot"}
    assert "finish the run within" in found["snapshot"]["mend"]


def test_a_model_that_answers_as_another_is_a_warning(project: Cloud) -> None:
    project.vertex.version = "gemini-3.6-flash"
    found = examined()
    assert "answers as gemini-3.6-flash" in found["answer"]["said"]
    assert found["answer"]["status"] == "warn"


def test_the_role_of_batch_jobs_is_tried(project: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VISTORIA_MODEL_STAGING", "gs://labels/batch")
    found = examined()
    assert "does not exist" in found["batch"]["said"]
    project.storage.buckets["labels"] = "US-CENTRAL1"
    project.storage.denied.add("storage.objects.create")
    found = examined()
    assert statuses(found, "fail") == {"batch"}
    assert "gs://labels" in found["batch"]["mend"]
    assert "--role=roles/storage.objectUser" in found["batch"]["mend"]


def test_a_local_project_needs_nothing_of_googles(tmp_path: Path) -> None:
    Path("photos").mkdir()
    Image.new("RGB", (64, 64)).save("photos/a.jpg")
    found = examined("photos", "--task", "street_asset", "--model", "onnx:street")
    assert statuses(found, "pass") == {"source", "model", "task", "ledger", "images"}
    assert not statuses(found, "unchecked")
    assert {"credentials", "project", "apis", "query", "answer"} < statuses(found, "unneeded")


def test_local_failures_are_named_one_by_one(tmp_path: Path) -> None:
    with duckdb.connect("t.duckdb") as database:
        database.execute("CREATE TABLE t AS SELECT 'gone.jpg' AS uri, 'a' AS id")
    found = examined("t.duckdb", "--task", "street_asset", "--model", "onnx:street")
    assert statuses(found, "fail") == {"images"}
    Path(".vistoria").write_text("a file where a folder is to be")
    found = examined("none.csv", "--task", "street_aset", "--model", "onnx:street")
    assert statuses(found, "fail") == {"source", "task", "ledger"}
    assert "did you mean 'street_asset'" in found["task"]["said"]
