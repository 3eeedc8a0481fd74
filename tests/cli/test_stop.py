"""A run that is interrupted, killed, or whose reader leaves loses nothing and resumes."""

import json
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.cli.running import ROWS, Spawn, Vistoria, run, status

SLOW = ("-o", "latency=0.1", "--concurrency", "4", "--json")
UNTIL = 30.0  # seconds


def wait_for(vistoria: Vistoria, answered: int) -> None:
    """Returns when so many are in the ledger, as seen from outside."""
    deadline = time.monotonic() + UNTIL
    while time.monotonic() < deadline:
        if Path(".vistoria/ledger.sqlite").exists():
            shown = vistoria("status", "--json")
            if shown.exit_code == 0 and json.loads(shown.stdout)[-1]["answered"] >= answered:
                return
        time.sleep(0.05)
    raise AssertionError("nothing was answered in time")


def resume(table: str, vistoria: Vistoria) -> Mapping[str, Any]:
    """The same command again, to its end."""
    result = vistoria(*run(table, *SLOW))
    assert result.exit_code == 0
    document: dict[str, Any] = json.loads(result.stdout)
    assert (document["answered"], document["pending"]) == (ROWS, 0)
    session: dict[str, Any] = document["session"]
    assert session["done_before"] + session["answered"] == ROWS
    return session


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_ends_in_order_and_resumes(
    table: str, vistoria: Vistoria, spawn: Spawn, number: signal.Signals
) -> None:
    child = spawn(*run(table, *SLOW))
    wait_for(vistoria, 8)
    assert status(vistoria)["state"] == "running"
    child.send_signal(number)
    out, err = child.communicate(timeout=UNTIL)
    assert child.returncode == 130
    document = json.loads(out)
    assert document["session"]["outcome"] == "interrupted"
    assert 8 <= document["answered"] < ROWS
    assert document["answered"] + document["pending"] == ROWS, "calls in flight were finished"
    assert "the same command goes on" in err
    assert "Traceback" not in err
    assert status(vistoria)["state"] == "interrupted"
    assert resume(table, vistoria)["done_before"] == document["answered"]


def test_a_second_ctrl_c_ends_it_at_once(table: str, vistoria: Vistoria, spawn: Spawn) -> None:
    child = spawn(*run(table, "-o", "latency=3600"))
    deadline = time.monotonic() + UNTIL
    while not (Path(".vistoria/ledger.sqlite").exists() and _begun(vistoria)):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    time.sleep(0.3)
    for _ in range(2):
        child.send_signal(signal.SIGINT)
        time.sleep(0.3)
    _, err = child.communicate(timeout=UNTIL)
    assert child.returncode == 130
    assert "Traceback" not in err
    assert "interrupted" in err


def _begun(vistoria: Vistoria) -> bool:
    shown = vistoria("status", "--json")
    return shown.exit_code == 0 and json.loads(shown.stdout)[-1]["state"] == "running"


def test_a_killed_run_resumes(table: str, vistoria: Vistoria, spawn: Spawn) -> None:
    child = spawn(*run(table, *SLOW))
    wait_for(vistoria, 8)
    child.kill()
    child.communicate(timeout=UNTIL)
    before = status(vistoria)["answered"]
    assert before >= 8
    assert resume(table, vistoria)["done_before"] == before


def test_a_reader_that_leaves_is_no_error(table: str, spawn: Spawn) -> None:
    child = spawn(*run(table, "-o", "latency=0.01", "--ndjson", "--concurrency", "1"))
    assert child.stdout
    assert child.stderr
    child.stdout.readline()
    child.stdout.close()
    assert "Traceback" not in child.stderr.read()
    assert child.wait(timeout=UNTIL) == 1


def test_too_many_failures_stop_the_run(table: str, vistoria: Vistoria) -> None:
    command = run(
        table,
        "-o",
        "latency=0.001",
        "-o",
        "refused=0.9",
        "--max-failure-rate",
        "0.5",
        "--concurrency",
        "4",
    )
    result = vistoria(*command, "--json")
    document = json.loads(result.stdout)
    assert result.exit_code == 1
    assert document["session"]["outcome"] == "stopped"
    assert document["pending"] > 0
    assert "stopped by" in result.stderr


def test_stdout_has_data_only(table: str, spawn: Spawn) -> None:
    child = spawn(*run(table, "--json"), stderr=subprocess.DEVNULL)
    out, _ = child.communicate(timeout=UNTIL)
    assert json.loads(out)["answered"] == ROWS
