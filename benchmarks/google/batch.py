"""Batch jobs, issue "Google Cloud": a quarter of a million rows, crashes, kills, a ceiling.

`python -m benchmarks.google --only batch`. The servers speak Vertex AI's and Cloud Storage's
protocols; their own bill is what the ledger is compared with.
"""

import os
import random
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.context import ForkServerContext
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from benchmarks.bars import VISTORIA, Bar, at_most, exactly, run
from benchmarks.engine.session import warm, work
from tests.engine.batch_runs import Cloud, cloud_in
from tests.servers.gemini_batch import BatchServer, MaximalServer, Script
from vistoria.pricing import Ceiling

_MOST = 200_000  # rows of a job, as Google documents


def batch(folder: Path, quick: bool) -> Iterator[Bar]:
    """Every bar."""
    yield from many(folder, 5_000 if quick else 250_000)
    yield from crashes(folder, 3 if quick else 20)
    yield from kills(folder, *((300, 6) if quick else (2_000, 60)))
    yield from ceilings(folder, 8 if quick else 200)


@contextmanager
def _cloud(folder: Path, rows: int, kind: type[BatchServer] = BatchServer) -> Iterator[Cloud]:
    place = Path(tempfile.mkdtemp(dir=folder))
    with cloud_in(place, rows, kind) as cloud:
        os.environ.update(cloud.env)
        yield cloud


def many(folder: Path, rows: int) -> Iterator[Bar]:
    """3. Half of the rows out of order, 1 % missing, 1 % invalid, a job that expires at 60 %; and
    the session that collects is killed once."""
    usual = Script(disorder=0.5, missing=0.01, invalid=0.01)
    expired = Script(disorder=0.5, missing=0.01, invalid=0.01, stop_at=0.6, state="EXPIRED")
    most = min(_MOST, rows * 4 // 5)
    with _cloud(folder, rows) as cloud:
        cloud.server.scripts.extend([usual, expired, *[usual] * 50])
        settings: dict[str, Any] = {"run_poll": 1, "model_batch_rows": most}
        child = cloud.begin(**settings)
        _until(lambda: bool(cloud.query_safely("SELECT 1 FROM attempts LIMIT 1")))
        child.send_signal(signal.SIGKILL)
        child.wait()
        env = {
            f"VISTORIA_{key.replace('.', '_').upper()}": str(value)
            for key, value in cloud.flags(**settings).items()
        }
        done = run([VISTORIA, "run", "--yes", "--quiet"], cloud.folder, env)
        if done.code not in (0, 1):
            raise RuntimeError(f"exit code {done.code}: {done.err[-2000:]}")
        yield from _standing(cloud, rows, f"batch, {rows:,} rows")
        sizes = [job.rows for job in cloud.server.jobs]
        yield at_most(f"batch, {rows:,} rows: rows of the largest job", max(sizes), most, ".0f")
        text = f"{len(sizes)}: {', '.join(f'{size:,}' for size in sizes)}"
        yield Bar("batch: jobs", "reported", text, True)
        yield Bar("batch: seconds of the resumed session", "reported", f"{done.seconds:.0f}", True)
        yield Bar("batch: its memory, MiB", "reported", f"{done.peak:.0f}", True)


def _standing(cloud: Cloud, rows: int, what: str) -> Iterator[Bar]:
    known = "SELECT count(DISTINCT ordinal) FROM "
    answered = cloud.query(known + "answers")[0][0]
    failed = cloud.query(known + "failures")[0][0]
    twice = cloud.query(
        "SELECT count(*) FROM (SELECT 1 FROM attempts WHERE status = 'answered' "
        "GROUP BY ordinal HAVING count(*) > 1)"
    )[0][0]
    yield exactly(f"{what}: with an answer or a reason", answered + failed, rows)
    yield Bar(f"{what}: answered", "reported", f"{answered:,}", True)
    yield exactly(f"{what}: with two answers", twice, 0)
    names = [job.document["displayName"] for job in cloud.server.jobs]
    yield exactly(f"{what}: jobs submitted twice", len(names) - len(set(names)), 0)
    difference = cloud.paid - cloud.billed
    yield exactly(f"{what}: ledger less the server's bill, picodollars", difference, 0)
    still = cloud.query("SELECT count(*) FROM calls WHERE state <> 'settled'")[0][0]
    yield exactly(f"{what}: reservations left", still, 0)


def crashes(folder: Path, number: int) -> Iterator[Bar]:
    """1. Killed between submit and persist: exactly one job exists."""
    jobs, answered, context = [], [], warm()
    for _ in range(number):
        with _cloud(folder, 20) as cloud:
            answer = threading.Event()
            cloud.server.creations.append(answer)
            child = _start(context, cloud)
            _until(lambda cloud=cloud: bool(cloud.server.jobs))  # type: ignore[misc]
            child.kill()
            child.join()
            answer.set()
            answered.append(cloud.ask().report.answered)
            jobs.append(len(cloud.server.jobs))
    yield exactly(f"crash between submit and persist, {number} times: most jobs", max(jobs), 1)
    yield exactly("crash between submit and persist: fewest answers of 20", min(answered), 20)


def kills(folder: Path, rows: int, number: int) -> Iterator[Bar]:
    """`kill -9` at random points: nothing lost, nothing submitted or answered twice."""
    dice, killed, size = random.Random(5), 0, max(5, rows // 40)
    context = warm()
    with _cloud(folder, rows) as cloud:
        settings: dict[str, Any] = {"model_batch_rows": size, "run_poll": 0.05}
        for _ in range(number):
            child = _start(context, cloud, **settings)
            point = _seen(cloud) + dice.randint(0, 12)
            _until(lambda: _seen(cloud) >= point or not child.is_alive())  # noqa: B023
            killed += _kill(child)
        cloud.ask(**settings)
        yield Bar(f"kill -9, {rows:,} rows: sessions killed at work", "reported", f"{killed}", True)
        yield from _standing(cloud, rows, f"kill -9, {rows:,} rows")
        most = max(cloud.server.billed.values())
        yield exactly(f"kill -9, {rows:,} rows: most answers billed to one", most, 1)


def _start(context: ForkServerContext, cloud: Cloud, **settings: Any) -> BaseProcess:
    """A session in a process of its own. Where the servers are, it is told, since the process that
    it is forked from was started for earlier ones."""
    child = context.Process(target=_work, args=(cloud.env, cloud.flags(**settings)), daemon=True)
    child.start()
    return child


def _work(env: dict[str, str], flags: dict[str, Any]) -> None:
    os.environ.update(env)
    work(flags)


def _seen(cloud: Cloud) -> int:
    """Requests that the servers have seen."""
    return cloud.server.looks + len(cloud.server.jobs) + cloud.bucket.asked.total()


def _kill(child: BaseProcess) -> int:
    alive = child.is_alive()
    child.kill()
    child.join()
    return int(alive)


def ceilings(folder: Path, number: int) -> Iterator[Bar]:
    """A server that bills the most that is allowed never passes the ceiling."""
    over: list[float] = []
    used = []
    context = warm()
    for case in range(number):
        dice = random.Random(case)
        rows = dice.randint(5, 40)
        with _cloud(folder, rows, MaximalServer) as cloud:
            calls = dice.uniform(0.2, 1.2) * rows
            budget = dice.choice(
                [f"{calls * 0.0027:.6f} USD", f"{max(1, int(calls))} requests",
                 f"{int(calls * 2500) + 2500} tokens"]
            )  # fmt: skip
            settings: dict[str, Any] = {
                "run_budget": budget,
                "model_batch_rows": dice.randint(1, rows),
            }
            _session(context, cloud, settings, dice)
            cloud.ask(**settings)
            over.append(_share(cloud, Ceiling.parse(budget)))
            used.append(over[-1] > 0.5)
    yield Bar(f"ceiling, {number} runs: used more than half of it", "reported",
              f"{sum(used)}", True)  # fmt: skip
    yield exactly("ceiling: runs that passed it", sum(share > 1 for share in over), 0)


def _session(
    context: ForkServerContext, cloud: Cloud, settings: dict[str, Any], dice: random.Random
) -> None:
    """One session, killed at some point in half of the cases."""
    child = _start(context, cloud, **settings)
    if dice.random() < 0.5:
        child.join(dice.uniform(0.05, 1.0))
        _kill(child)
    child.join()


def _share(cloud: Cloud, ceiling: Ceiling) -> float:
    spent = [
        (cloud.billed, ceiling.money),
        (cloud.server.billed.total(), ceiling.requests),
        (cloud.server.tokens.total(), ceiling.tokens),
    ]
    return max(part / limit for part, limit in spent if limit)


def _until(condition: Callable[[], bool], seconds: float = 900.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError("it did not come to that")
        time.sleep(0.005)
