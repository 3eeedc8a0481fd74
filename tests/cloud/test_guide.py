"""The guide as a notebook, from subscribing to results: Google's clients against local servers."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest

from tests.cloud.conftest import EXCHANGE, Cloud
from tests.servers.bucket import BucketServer
from tests.servers.gemini_batch import BatchServer
from vistoria.cloud import check

NOTEBOOK = Path(__file__).parents[2] / "examples" / "street_view_insights.ipynb"
SETTINGS = {
    "PROJECT_ID": "proj-1",
    "REGION": "us-central1",
    "LOCATION": "us",
    "CUSTOMER_ID": "12-34",
    "STAGING": "gs://staging/vistoria",
}


@pytest.fixture
def batch(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> Iterator[BatchServer]:
    """Vertex AI with batch jobs, and a bucket for their files, in place of the plain ones."""
    places = {
        "analyticshub": cloud.hub.url,
        "serviceusage": cloud.usage.url,
        "storage": cloud.storage.url,
    }
    value = ",".join(f"{service}={url}" for service, url in places.items())
    monkeypatch.setenv("VISTORIA_GOOGLE_ENDPOINTS", value)
    monkeypatch.setenv("VISTORIA_RUN_POLL", "0.05")
    for name in ("PROJECT", "REGION", "LOCATION", "CUSTOMER"):
        monkeypatch.setenv(f"VISTORIA_GOOGLE_{name}", "")  # so that it is undone
    bucket = BucketServer(tokens=cloud.tokens)
    with bucket, BatchServer(bucket, tokens=cloud.tokens) as vertex:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", bucket.url)
        monkeypatch.setenv("GOOGLE_VERTEX_BASE_URL", vertex.url)
        yield vertex


def test_from_subscribing_to_results(cloud: Cloud, batch: BatchServer, tables: Path) -> None:
    cloud.hub.publish(EXCHANGE, "imagery_insights_12_34__us", tables)
    uris = {f"gs://photos/s-1/v0/o-{n}.jpg" for n in range(5)}
    cloud.storage.objects = dict.fromkeys(uris, "image/jpeg")
    names = _executed(NOTEBOOK)
    assert not [found for found in names["findings"] if found.status in ("fail", "warn")]
    assert names["subscribed"].dataset.products == ("cropped", "panoramas")
    assert set(names["rows"]["uri"]) == uris
    described = names["described"].to_pandas()
    assert set(described["uri"]) == uris
    assert set(described["status"]) == {"answered"}
    assert described["description"].str.startswith("seen").all()
    assert names["labels"]["material"].notna().any()
    assert set(names["batch"].to_pandas()["status"]) == {"answered"}
    (job,) = batch.jobs
    assert job.rows == 5
    assert len(cloud.hub.subscribed) == 1
    assert not [path for path in cloud.storage.asked if "/o/" not in path], "nothing downloaded"


def _executed(path: Path) -> dict[str, Any]:
    """The names that the cells leave, with our settings; without the one that installs."""
    names: dict[str, Any] = {}
    for cell in nbformat.read(path, as_version=4).cells:  # type: ignore[no-untyped-call]
        tags = cell.metadata.get("tags", ())
        if cell.cell_type != "code" or "install" in tags:
            continue
        exec(compile(cell.source, f"{path.name}: {cell.id}", "exec"), names)
        if "parameters" in tags:
            assert set(SETTINGS) <= set(names), "the guide's settings"
            names.update(SETTINGS)
    return names


def test_the_doctor_tries_what_batch_jobs_need(
    cloud: Cloud, batch: BatchServer, tables: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud.bigquery.data.add_database(tables, "imagery_insights___us")
    cloud.storage.objects = {f"gs://photos/s-1/v0/o-{n}.jpg": "image/jpeg" for n in range(5)}
    cloud.storage.buckets["staging"] = "US-CENTRAL1"
    settings = {
        "GOOGLE_PROJECT": "proj-1", "GOOGLE_REGION": "us-central1",
        "MODEL_STAGING": "gs://staging/vistoria", "MODEL_NAME": "gemini:", "TASK_NAME": "describe",
    }  # fmt: skip
    for name, value in settings.items():
        monkeypatch.setenv(f"VISTORIA_{name}", value)
    source = "bigquery://proj-1.imagery_insights___us.cropped_observations_latest"
    found = {finding.check: finding for finding in check(source)}
    assert found["batch"].status == "pass", found["batch"]
    assert "US-CENTRAL1" in found["batch"].said
    assert not batch.jobs, "asking costs nothing"
