"""A service through the whole product: faults, kills, a ceiling, a task that changes.

The short form of `benchmarks/engine`, where the numbers are large.
"""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.servers._model import Behaviour
from tests.servers.gemini import KEY, GeminiServer
from vistoria.engine import Choice
from vistoria.job import Done, run_project
from vistoria.project import load_project

ROWS = 60
TASK = """
instructions = "Look at the pole in the middle."

[[fields]]
name = "material"
kind = "choice"
help = "Of what it is made."
choices = ["wood", "metal"]
"""
LEANING = """
[[fields]]
name = "leaning"
kind = "boolean"
help = "Whether it stands off vertical."
"""


@pytest.fixture
def server() -> Iterator[GeminiServer]:
    """Answers after some milliseconds."""
    with GeminiServer(Behaviour(latency=0.01, spread=0.5)) as running:
        yield running


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Holds a table of addresses and a task."""
    names = [f"photo-{i:02d}" for i in range(ROWS)]
    table = pa.table({"id": names, "uri": [address(i) for i in range(ROWS)]})
    pq.write_table(table, tmp_path / "photos.parquet")
    (tmp_path / "pole.toml").write_text(TASK)
    return tmp_path


def address(number: int) -> str:
    """Of one row."""
    return f"gs://bucket/{number}.jpg"


def flags(server: GeminiServer, folder: Path, **run: object) -> dict[str, object]:
    """A project that asks the server, images by reference."""
    return {
        "source.address": str(folder / "photos.parquet"),
        "task.name": str(folder / "pole.toml"),
        "model.name": "gemini:gemini-3.5-flash-lite",
        "model.vertex": True,
        "model.api_key": KEY,
        "model.base_url": server.url,
        "run.ledger": str(folder / "ledger.sqlite"),
        "run.concurrency": 8,
        **{f"run.{name}": value for name, value in run.items()},
    }


def ask(server: GeminiServer, folder: Path, **run: object) -> Done:
    """One session."""
    return run_project(load_project(env={}, flags=flags(server, folder, **run)), Choice())


def begin(server: GeminiServer, folder: Path, **run: object) -> "subprocess.Popen[bytes]":
    """The same in a process of its own."""
    given = {
        f"VISTORIA_{key.replace('.', '_').upper()}": str(value)
        for key, value in flags(server, folder, **run).items()
    }
    return subprocess.Popen(
        [sys.executable, "-m", "vistoria", "run"], cwd=folder, env={**os.environ, **given},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip


def query(folder: Path, sql: str) -> list[tuple[object, ...]]:
    """What the ledger says."""
    db = sqlite3.connect(folder / "ledger.sqlite")
    try:
        return db.execute(sql).fetchall()
    finally:
        db.close()


def test_what_can_be_cured_is_answered_and_the_rest_has_its_reason(
    server: GeminiServer, folder: Path
) -> None:
    curable = ("internal", "overloaded", "reset", "not_json", "no_candidates")
    lasting = {"safety": "image_refused", "max_tokens": "answer_truncated"}
    chosen = Random(1).sample(range(ROWS), 14)
    reasons = {}
    for place, number in enumerate(chosen):
        kind = (*curable, *lasting)[place % 7]
        server.fault(kind, address(number), times=None if kind in lasting else 1)
        if kind in lasting:
            reasons[address(number)] = lasting[kind]
    done = ask(server, folder)
    assert done.report.answered == ROWS - len(reasons)
    failures = query(folder, "SELECT uri, reason FROM failures")
    assert {uri: reason for uri, reason in failures} == reasons  # noqa: C416 - typed so
    once = [n for n in range(ROWS) if n not in chosen]
    assert {server.billed[address(n)] for n in once} == {1}


def test_a_killed_run_asks_only_what_was_in_flight_again(
    server: GeminiServer, folder: Path
) -> None:
    server.behaviour = Behaviour(latency=0.05, spread=0.5)
    ambiguous: set[object] = set()
    for point in (5, 20, 45):
        child = begin(server, folder)
        while len(server.sent) < point and child.poll() is None:
            time.sleep(0.002)
        child.send_signal(signal.SIGKILL)
        assert child.wait() == -signal.SIGKILL
        in_flight = query(
            folder,
            "SELECT ordinal FROM calls WHERE state = 'open' OR (state = 'settled' "
            "AND requests > 0 AND ordinal NOT IN (SELECT ordinal FROM attempts))",
        )
        assert 0 < len(in_flight) <= 16, "asked, or answered and not yet on disk"
        ambiguous.update(ordinal for (ordinal,) in in_flight)
    answered = {ordinal for (ordinal,) in query(folder, "SELECT ordinal FROM answers")}
    done = ask(server, folder)
    assert done.plan.total - done.plan.pending == len(answered)
    assert done.report.lost == len(ambiguous - answered)
    assert done.report.answered == ROWS - len(answered)
    asked = {f"{sent.image}": 0 for sent in server.sent}
    for sent in server.sent:
        asked[sent.image] += 1
    assert {n for n in range(1, ROWS + 1) if asked[address(n - 1)] > 1} <= ambiguous


@pytest.mark.parametrize("seed", range(2))
def test_no_bill_passes_the_ceiling(server: GeminiServer, folder: Path, seed: int) -> None:
    """Two processes on one ledger, a third of the calls refused."""
    dice = Random(seed)
    for number in dice.sample(range(ROWS), ROWS // 3):
        server.fault("exhausted", address(number), times=1, retry_after="0.05")
    bound = dice.randint(12, 40)
    budget = f"{bound} requests" if seed % 2 else f"{bound * 300} tokens"
    other = begin(server, folder, budget=budget)
    while other.poll() is None and not server.sent:
        time.sleep(0.002)
    assert ask(server, folder, budget=budget).report.outcome == "stopped"
    assert other.wait() == 1
    assert 1 < server.billed.total() <= (bound if seed % 2 else ROWS)
    if seed % 2 == 0:
        assert server.tokens.total() <= bound * 300
    # What the other process had reserved and did not need is free now; then nothing is.
    assert ask(server, folder, budget=budget).report.outcome == "stopped"
    before = server.billed.total()
    assert ask(server, folder, budget=budget).report.outcome == "stopped"
    assert server.billed.total() == before <= (bound if seed % 2 else ROWS)
    if seed % 2 == 0:
        assert server.tokens.total() <= bound * 300


def test_a_new_field_asks_only_itself_and_a_new_name_nothing(
    server: GeminiServer, folder: Path
) -> None:
    ask(server, folder)
    (folder / "pole.toml").write_text(TASK + LEANING)
    ask(server, folder)
    asked = [
        set(sent.body["generationConfig"]["responseJsonSchema"]["properties"])
        for sent in server.sent
    ]
    assert asked == [{"material"}] * ROWS + [{"leaning"}] * ROWS
    (folder / "pole.toml").write_text((TASK + LEANING).replace('"material"', '"stuff"'))
    assert ask(server, folder).plan.pending == 0
    assert len(server.sent) == 2 * ROWS
