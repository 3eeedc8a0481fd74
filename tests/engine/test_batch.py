"""Batch jobs through the whole product, against servers that speak Google's protocols.

The short form of `benchmarks/google/batch.py`, where the numbers are large.
"""

import random
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.engine.batch_runs import Cloud, address, cloud_in
from tests.servers.gemini_batch import MaximalServer, Script
from vistoria.engine import Choice
from vistoria.errors import AccessDenied, UserError
from vistoria.events import JobChanged, Rerouted, Settled
from vistoria.ledger import Ledger
from vistoria.result import version_facts

ROWS = 60


@pytest.fixture
def cloud(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    with cloud_in(tmp_path, ROWS) as running:
        for name, value in running.env.items():
            monkeypatch.setenv(name, value)
        yield running


def until(condition: object, seconds: float = 100.0) -> None:
    """Waits for it."""
    assert callable(condition)
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.005)


def test_a_run_in_jobs_comes_to_what_the_server_billed(cloud: Cloud) -> None:
    done, told = cloud.listen(model_batch_rows=25)
    assert (done.report.outcome, done.report.answered) == ("finished", ROWS)
    assert [job.rows for job in cloud.server.jobs] == [25, 25, 10]
    assert set(cloud.server.billed.values()) == {1}
    assert cloud.paid == done.report.spent.money == cloud.billed > 0
    assert cloud.query("SELECT DISTINCT state FROM calls") == [("settled",)]
    assert {e.state for e in told if isinstance(e, JobChanged)} >= {"uploading", "succeeded"}
    settled = [a.ordinal for e in told if isinstance(e, Settled) for a in e.attempts]
    assert sorted(settled) == list(range(1, ROWS + 1))
    assert cloud.bucket.names() == [], "the files of jobs that are done are removed"
    assert not Path(f"{done.ledger}.jobs").exists()
    again = cloud.ask(model_batch_rows=25)
    assert (again.plan.pending, len(cloud.server.jobs)) == (0, 3)


def test_online_and_batch_share_one_ledger(cloud: Cloud) -> None:
    first = cloud.ask(run_batch=False, source_limit=20)
    assert first.report.answered == 20
    second = cloud.ask()
    assert second.plan.pending == second.report.answered == ROWS - 20
    assert cloud.server.billed.total() == ROWS
    assert cloud.server.jobs[0].rows == ROWS - 20


def test_disorder_gaps_nonsense_and_an_expired_job(cloud: Cloud) -> None:
    """Acceptance 3, small."""
    usual = Script(disorder=0.5, missing=0.1, invalid=0.1)
    expired = Script(disorder=0.5, stop_at=0.6, state="EXPIRED")
    cloud.server.scripts.extend([usual, expired])
    done = cloud.ask(model_batch_rows=30)
    assert done.report.answered + done.report.failed.total() == ROWS
    assert done.report.answered == ROWS
    rows = cloud.query("SELECT ordinal, count(*) FROM answers GROUP BY ordinal")
    assert (len(rows), {count for _, count in rows}) == (ROWS, {1})
    assert cloud.paid == cloud.billed
    assert sum(job.answered for job in cloud.server.jobs) == cloud.server.billed.total()
    reasons = cloud.query("SELECT reason, retryable FROM attempts WHERE status = 'failed'")
    assert set(reasons) == {("answer_invalid", 1), ("unreachable", 1)}


def test_an_answer_that_does_not_fit_is_asked_for_once_more(cloud: Cloud) -> None:
    cloud.server.fault("not_json", address(1))
    cloud.server.fault("not_json", address(2), times=1)
    done = cloud.ask()
    assert [job.rows for job in cloud.server.jobs] == [ROWS, 2]
    assert dict(done.report.failed) == {"answer_invalid": 1}
    assert done.report.answered == ROWS - 1
    assert cloud.ask().plan.pending == 0, "it has been asked twice: that is final"
    assert cloud.paid == cloud.billed


def test_each_row_has_its_own_reason(cloud: Cloud) -> None:
    faults = {
        "safety": "image_refused",
        "max_tokens": "answer_truncated",
        "store_missing": "image_missing",
        "store_permission": "image_forbidden",
        "bad_image": "request_rejected",
        "internal": "unreachable",
        "missing": "unreachable",
    }
    for number, kind in enumerate(faults):
        cloud.server.fault(kind, address(number))
    done = cloud.ask()
    found = dict(cloud.query("SELECT uri, reason FROM failures"))
    assert found == {address(n): reason for n, reason in enumerate(faults.values())}
    assert [job.rows for job in cloud.server.jobs] == [ROWS, 2, 2]
    assert done.report.answered == ROWS - len(faults)
    assert cloud.paid == cloud.billed
    assert cloud.ask(run_retries=0).plan.pending == 2, "only what may pass is asked again"


def test_equal_pictures_are_asked_about_once(cloud: Cloud) -> None:
    cloud.write(ROWS, [address(i % 20) for i in range(ROWS)])
    done = cloud.ask(model_batch_rows=8)
    assert (done.report.answered, done.report.copied) == (ROWS, ROWS - 20)
    assert cloud.server.billed.total() == 20
    fresh = cloud.ask(Choice(fresh=True), model_batch_rows=8)
    assert (fresh.report.answered, fresh.report.copied) == (ROWS, ROWS - 20)
    assert cloud.server.billed.total() == 40


def test_killed_between_submit_and_persist_leaves_exactly_one_job(cloud: Cloud) -> None:
    """Acceptance 1, its second half."""
    answer = threading.Event()
    cloud.server.creations.append(answer)
    child = cloud.begin()
    until(lambda: len(cloud.server.jobs) == 1)
    assert cloud.query("SELECT state, resource FROM jobs") == [("ready", None)]
    child.send_signal(signal.SIGKILL)
    assert child.wait() == -signal.SIGKILL
    answer.set()
    done = cloud.ask()
    assert len(cloud.server.jobs) == 1
    assert (done.report.answered, done.report.lost) == (ROWS, 0)
    assert set(cloud.server.billed.values()) == {1}
    assert cloud.paid == cloud.billed


def test_a_creation_whose_answer_is_lost_is_not_repeated(cloud: Cloud) -> None:
    cloud.server.creations.extend(["busy", "unheard"])
    cloud.bucket.refuse["PUT"] = [503] * 4
    done = cloud.ask()
    assert (len(cloud.server.jobs), done.report.answered) == (1, ROWS)


@pytest.mark.parametrize("seed", range(2))
def test_killed_anywhere_nothing_is_lost_or_submitted_twice(cloud: Cloud, seed: int) -> None:
    dice = random.Random(seed)
    script = Script(disorder=0.5, missing=0.05, invalid=0.05)
    cloud.server.scripts.extend([script] * 8)
    for _ in range(2):
        child = cloud.begin(model_batch_rows=9)
        before = cloud.server.looks + len(cloud.server.jobs)
        point = before + dice.randint(0, 14)
        while child.poll() is None and cloud.server.looks + len(cloud.server.jobs) < point:
            time.sleep(0.001)
        child.kill()
        child.wait()
    done = cloud.ask(model_batch_rows=9)
    answered = cloud.query("SELECT ordinal, count(*) FROM answers GROUP BY ordinal")
    assert (len(answered), {n for _, n in answered}) == (ROWS, {1})
    names = [job.document["displayName"] for job in cloud.server.jobs]
    assert len(names) == len(set(names))
    assert cloud.paid == cloud.billed
    assert done.report.lost == 0
    assert cloud.query("SELECT count(*) FROM calls WHERE state <> 'settled'") == [(0,)]


def test_stopping_leaves_jobs_going_and_the_same_command_collects(cloud: Cloud) -> None:
    begins = threading.Event()
    cloud.server.scripts.append(Script(begins=begins))
    child = cloud.begin(output=subprocess.PIPE)
    until(lambda: cloud.query_safely("SELECT 1 FROM jobs WHERE said = 'queued'"))
    child.send_signal(signal.SIGINT)
    said = b" ".join(child.communicate()[1].split())
    assert child.returncode == 130
    assert b"1 batch job goes on at the service" in said
    assert b"vistoria jobs --cancel" in said
    assert not cloud.server.jobs[0].cancel
    assert cloud.ask(run_wait=False).report.answered == 0
    begins.set()
    until(lambda: cloud.server.jobs[0].document["state"] == "JOB_STATE_SUCCEEDED")
    assert cloud.ask(run_wait=False).report.answered == ROWS
    assert len(cloud.server.jobs) == 1


@pytest.mark.parametrize("budget", ["0.03 USD", "37 requests", "90000 tokens"])
def test_no_job_passes_the_ceiling(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, budget: str
) -> None:
    with cloud_in(tmp_path, ROWS, MaximalServer) as cloud:
        for name, value in cloud.env.items():
            monkeypatch.setenv(name, value)
        done = cloud.ask(run_budget=budget, model_batch_rows=7)
        assert done.report.outcome == "stopped"
        assert "ceiling" in str(done.report.stopped_by)
        most, unit = budget.split()
        bound = float(most)
        spent = {
            "USD": cloud.billed / 1e12,
            "requests": cloud.server.billed.total(),
            "tokens": cloud.server.tokens.total(),
        }[unit]
        assert 0.5 * bound < spent <= bound
        assert cloud.paid == cloud.billed
        before = len(cloud.server.jobs)
        assert cloud.ask(run_budget=budget).report.outcome == "stopped"
        assert len(cloud.server.jobs) == before


def test_under_a_ceiling_what_is_left_over_goes_into_further_jobs(cloud: Cloud) -> None:
    done = cloud.ask(run_budget="0.02 USD")
    assert done.report.answered == ROWS
    assert len(cloud.server.jobs) > 1
    assert cloud.paid == cloud.billed < 20_000_000_000


def test_jobs_that_fail_say_who_must_act(cloud: Cloud) -> None:
    cloud.server.scripts.append(Script(error=(7, "Permission denied on gs://staging.")))
    with pytest.raises(AccessDenied, match="service agent"):
        cloud.ask()
    assert cloud.query("SELECT DISTINCT state, money FROM calls") == [("settled", 0)]
    assert cloud.ask().report.answered == ROWS
    cloud.server.scripts.extend([Script(error=(13, "internal"))] * 3)
    again = cloud.ask(Choice(fresh=True))
    assert again.report.outcome == "stopped"
    assert "3 batch jobs in a row" in str(again.report.stopped_by)


def test_a_job_that_the_service_forgot_is_lost_at_its_most(cloud: Cloud) -> None:
    cloud.server.scripts.append(Script(begins=threading.Event()))
    cloud.ask(run_wait=False)
    cloud.server.jobs.clear()
    done = cloud.ask()
    assert (done.report.lost, done.report.answered) == (ROWS, ROWS)
    states = dict(cloud.query("SELECT state, count(*) FROM calls GROUP BY state"))
    assert states == {"lost": ROWS, "settled": ROWS}


def test_files_that_may_not_be_removed_stay_and_the_run_goes_on(cloud: Cloud) -> None:
    cloud.bucket.refuse["DELETE"] = [403] * 2
    assert cloud.ask().report.outcome == "finished"
    assert cloud.bucket.names() != []
    assert cloud.paid == cloud.billed


def test_another_selection_collects_jobs_that_ask_the_same(cloud: Cloud) -> None:
    begins = threading.Event()
    cloud.server.scripts.append(Script(begins=begins))
    cloud.ask(run_wait=False, source_limit=20)
    begins.set()
    assert cloud.ask().report.answered == ROWS
    assert [job.rows for job in cloud.server.jobs] == [20, ROWS - 20]


def test_a_changed_task_does_not_pay_twice_for_what_is_under_way(cloud: Cloud) -> None:
    begins = threading.Event()
    cloud.server.scripts.append(Script(begins=begins))
    task = cloud.folder / "pole.toml"
    task.write_text(task.read_text() + '\n[[fields]]\nname = "leaning"\nkind = "boolean"\n')
    cloud.ask(run_wait=False)
    task.write_text(task.read_text().partition('\n[[fields]]\nname = "leaning"')[0])
    with pytest.raises(UserError, match="some of the same"):
        cloud.ask()
    begins.set()
    assert len(cloud.server.jobs) == 1


@pytest.mark.parametrize("batch", [True, False])
def test_a_version_other_than_asked_is_told_once(cloud: Cloud, batch: bool) -> None:
    cloud.server.version = "gemini-3.8-flash"
    done, told = cloud.listen(model_name="gemini:gemini-2.5-flash", run_batch=batch)
    asked = "gemini:gemini-2.5-flash"
    assert [e for e in told if isinstance(e, Rerouted)] == [
        Rerouted(asked=asked, answered="gemini-3.8-flash")
    ]
    with Ledger(done.ledger) as ledger:
        said = dict(version_facts(ledger.summary(done.plan.run)))
    assert said == {"rerouted": f"gemini-3.8-flash answered in place of {asked}"}


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"model_name": "echo:", "model_vertex": None}, "takes no batch jobs"),
        ({"model_staging": None}, "set staging"),
        ({"model_staging": "gs://x y"}, "staging must be"),
    ],
)
def test_what_is_missing_is_said_before_anything_is_sent(
    cloud: Cloud, settings: dict[str, Any], said: str
) -> None:
    if settings.get("model_name"):
        settings |= {"model_base_url": None, "model_staging": None}
    with pytest.raises(UserError, match=said):
        cloud.ask(**settings)
    assert not cloud.server.jobs


def test_two_sessions_do_not_work_on_the_same_jobs(cloud: Cloud) -> None:
    cloud.server.scripts.append(Script(begins=threading.Event()))
    child = cloud.begin()
    until(lambda: cloud.query_safely("SELECT 1 FROM jobs WHERE said = 'queued'"))
    with pytest.raises(UserError, match="another process"):
        cloud.ask()
    child.kill()
    child.wait()
