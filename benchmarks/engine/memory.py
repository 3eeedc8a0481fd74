"""6. Memory does not grow with the number of images; deciding what is left takes seconds."""

import sys
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.bars import VISTORIA, Bar, Process, at_most, exactly, run
from benchmarks.engine.photos import write_rows
from benchmarks.engine.runs import command, finish, settings
from benchmarks.service import Service
from vistoria.engine import Choice
from vistoria.job import open_job
from vistoria.ledger import Ledger
from vistoria.project import load_project

_ROOT = Path(__file__).parents[2]


def memory(folder: Path, quick: bool) -> Iterator[Bar]:
    """Peak resident sets of whole commands; then a decision over a ledger with all answers."""
    few, many = (2_000, 20_000) if quick else (2_000, 200_000)
    peaks = [_echo(folder, count).peak for count in (few, many)]
    yield at_most(f"echo: peak memory of {many:,} images over {few:,}", peaks[1] / peaks[0], 1.2)
    yield _mib("echo: peak memory", peaks)
    with Service(trusting=True) as service:
        peaks = [_by_reference(folder, count, service).peak for count in (few, many)]
    name = f"a service, by reference: peak memory of {many:,} images over {few:,}"
    yield at_most(name, peaks[1] / peaks[0], 1.2)
    yield _mib("a service, by reference: peak memory", peaks)
    yield from _decision(folder, 100_000 if quick else 1_000_000)


def _mib(name: str, peaks: list[float]) -> Bar:
    return Bar(f"{name}, few and many: MiB", "reported",
               " and ".join(f"{peak:.0f}" for peak in peaks), True)  # fmt: skip


def _echo(folder: Path, count: int) -> Process:
    write_rows(folder / f"{count}.parquet", count)
    words = [VISTORIA, "run", f"{count}.parquet", "--task", "utility_pole", "--model", "echo:"]
    return finish([*words, "--ledger", f"{count}.sqlite", "--quiet"], folder, {})


def _by_reference(folder: Path, count: int, service: Service) -> Process:
    ledger = f"service-{count}.sqlite"
    words = command(f"{count}.parquet", "--ledger", ledger, options=service.vertex())
    return finish(words, folder, settings(concurrency=64))


def _decision(folder: Path, count: int) -> Iterator[Bar]:
    done = _echo(folder, count)
    yield Bar(f"echo, {count:,} images: images/s", "reported", f"{count / done.seconds:,.0f}", True)
    words = [sys.executable, "-m", "benchmarks.engine.memory", str(folder), str(count)]
    decided = [run(words, _ROOT) for _ in range(3)]
    assert not any(d.code for d in decided), decided[0].err
    seconds, left = min(d.out.split() for d in decided)
    yield exactly(f"resume over {count:,} done: images to ask", int(left), 0)
    yield at_most(f"resume over {count:,} done: seconds to decide", float(seconds), 3.0)


def decide(folder: Path, count: int) -> tuple[float, int]:
    """Seconds that it takes to read the source and compare it with the ledger, and what is left."""
    flags: dict[str, object] = {
        "source.address": str(folder / f"{count}.parquet"),
        "task.name": "utility_pole",
        "model.name": "echo:",
        "run.ledger": str(folder / f"{count}.sqlite"),
    }
    job = open_job(load_project(env={}, flags=flags))
    with Ledger(job.ledger) as ledger:
        started = time.perf_counter()
        plan = job.plan(ledger, Choice())
        return time.perf_counter() - started, plan.pending


if __name__ == "__main__":
    print(*decide(Path(sys.argv[1]), int(sys.argv[2])))
