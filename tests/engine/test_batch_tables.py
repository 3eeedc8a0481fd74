"""Batch jobs over a table of requests in BigQuery, through the official client."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine.batch_runs import Cloud, address, cloud_in
from tests.servers.bigquery import BigQueryServer
from tests.servers.gemini_batch import Script
from vistoria.errors import ConfigError

ROWS = 40


@pytest.fixture
def warehouse(monkeypatch: pytest.MonkeyPatch) -> Iterator[BigQueryServer]:
    with BigQueryServer() as running:
        monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", running.url)
        running.data.add_dataset("batch", "us-central1")
        running.data.add_dataset("linked", "US")
        yield running


@pytest.fixture
def cloud(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, warehouse: BigQueryServer
) -> Iterator[Cloud]:
    with cloud_in(tmp_path, ROWS, data=warehouse.data) as running:
        for name, value in running.env.items():
            monkeypatch.setenv(name, value)
        yield running


def test_rows_go_and_come_by_tables_with_a_key(cloud: Cloud, warehouse: BigQueryServer) -> None:
    usual = Script(disorder=0.5, missing=0.1, invalid=0.1)
    cloud.server.scripts.extend([usual, Script(stop_at=0.6, state="EXPIRED")])
    cloud.server.fault("safety", address(3))
    staging = "bq://proj-1.batch"
    done = cloud.ask(model_batch_rows=30, model_staging=staging, model_location="us-central1")
    assert done.report.answered == ROWS - 1
    assert dict(done.report.failed) == {"image_refused": 1}
    assert cloud.paid > 0
    assert cloud.bucket.names() == []
    assert warehouse.data.tables("proj-1", "batch") == [], (
        "tables of jobs that are done are removed"
    )
    source = cloud.server.jobs[0].document["inputConfig"]
    assert source["bigquerySource"]["inputUri"].startswith("bq://proj-1.batch.vistoria_1_1_")


@pytest.mark.parametrize(
    ("dataset", "location"), [("linked", "us-central1"), ("batch", "global")]
)  # fmt: skip
def test_a_data_set_elsewhere_is_refused_with_what_to_do(
    cloud: Cloud, dataset: str, location: str
) -> None:
    with pytest.raises(ConfigError, match="the same single region"):
        cloud.ask(model_staging=f"bq://proj-1.{dataset}", model_location=location)
    assert not cloud.server.jobs
