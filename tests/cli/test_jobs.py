"""`vistoria jobs`: shown, collected, cancelled, from batch jobs of a local service."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.running import Vistoria, words
from tests.engine.batch_runs import Cloud, cloud_in
from tests.servers.gemini_batch import Script

ROWS = 30


@pytest.fixture
def cloud(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clean: None) -> Iterator[Cloud]:
    with cloud_in(tmp_path, ROWS) as running:
        for name, value in running.env.items():
            monkeypatch.setenv(name, value)
        for key, given in running.flags(model_batch_rows=20).items():
            monkeypatch.setenv(f"VISTORIA_{key.replace('.', '_').upper()}", str(given))
        yield running


def test_jobs_are_shown_and_cancelled_and_what_they_answered_is_kept(
    cloud: Cloud, vistoria: Vistoria
) -> None:
    cloud.server.scripts.extend([Script(), Script(begins=threading.Event())])
    first = vistoria("run", "--yes", "--no-wait")
    assert first.exit_code == 1, first.output
    assert "goes on at the service with 10 rows" in words(first.stderr)
    jobs = json.loads(vistoria("jobs", "--json").stdout)
    assert (jobs[1]["rows"], jobs[1]["state"]) == (10, "queued")
    (run,) = json.loads(vistoria("status", "--json").stdout)
    assert [job["name"] for job in run["jobs"]] == [job["name"] for job in jobs]
    assert "10 rows" in vistoria("status").stdout
    ended = vistoria("jobs", "--cancel")
    assert ended.exit_code == 0, ended.output
    states = [job.document["state"] for job in cloud.server.jobs]
    assert states == ["JOB_STATE_SUCCEEDED", "JOB_STATE_CANCELLED"]
    jobs = json.loads(vistoria("jobs", "--json").stdout)
    assert [(job["state"], job["collected"]) for job in jobs] == [
        ("succeeded", True), ("cancelled", True),
    ]  # fmt: skip
    assert cloud.query("SELECT count(*) FROM answers") == [(20,)]
    assert cloud.paid == cloud.billed
    assert len(cloud.server.jobs) == 2
    done = vistoria("run", "--yes", "--batch")
    assert done.exit_code == 0, done.output
    assert cloud.query("SELECT count(*) FROM answers") == [(ROWS,)]


def test_without_jobs_it_says_how_to_make_some(cloud: Cloud, vistoria: Vistoria) -> None:
    vistoria("run", "--yes", "--no-batch", "--limit", "1")
    assert "run --batch" in vistoria("jobs").stderr


def test_a_plan_is_at_the_price_of_batch_jobs(cloud: Cloud, vistoria: Vistoria) -> None:
    online = json.loads(vistoria("plan", "--no-batch", "--json").stdout)
    batch = json.loads(vistoria("plan", "--json").stdout)
    assert batch["usd"]["expected"] == pytest.approx(online["usd"]["expected"] / 2)
    assert "72 hours" in vistoria("plan").stdout
