"""`python -m benchmarks.demo [--only PART]`: the main job, from outside, command by command."""

import json
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.bars import VISTORIA, Bar, at_most, exactly, run
from benchmarks.parts import Part, run_parts
from benchmarks.street_speed import speed_bars
from tests.odd_photos import OK, write_odd_photos
from vistoria.street.load import write_load

ROOT = Path(__file__).parent.parent
KILLS, KILLED_IMAGES = 20, 2_000


def demo(folder: Path) -> Iterator[Bar]:
    """A fresh clone: `make demo` with installation, then again without."""
    clone = folder / "clone"
    run(["git", "clone", "-q", str(ROOT), str(clone)], folder)
    first = run(["make", "demo"], clone)
    yield exactly("make demo, fresh clone: exit code", first.code, 0)
    yield at_most("make demo, fresh clone, with installation: s", first.seconds, 300, ".0f")
    second = run([str(clone / ".venv/bin/vistoria"), "demo", "again"], clone)
    yield exactly("vistoria demo, installed: exit code", second.code, 0)
    yield at_most("vistoria demo, installed: s", second.seconds, 60, ".0f")


def odd_folder(folder: Path) -> Iterator[Bar]:
    """A folder of anything through `vistoria run`."""
    expected = write_odd_photos(folder / "photos")
    done = run([VISTORIA, "run", "photos", "--task", "road_sign", "--model", "onnx:street"], folder)
    ledger = folder / ".vistoria/ledger.sqlite"
    rows = dict(_query(ledger, "SELECT observation_id, reason FROM failures"))
    answered = {r[0] for r in _query(ledger, "SELECT DISTINCT observation_id FROM labels")}
    got = dict.fromkeys(answered, OK) | rows
    yield exactly("folder of anything: exit code", done.code, 1)
    yield exactly("folder of anything: rows as expected", got == dict(expected), True)
    yield exactly("folder of anything: tracebacks", done.err.count("Traceback"), 0)
    yield at_most("folder of anything: peak MiB", done.peak, 1024, ".0f")


def kills(folder: Path) -> Iterator[Bar]:
    """`kill -9` at a random point of 2,000 images, 20 times; each time, resume."""
    write_load(folder / "photos", count=KILLED_IMAGES, seed=1)
    command = [VISTORIA, "run", "photos", "--task", "street_asset", "--model", "onnx:street"]
    whole = run([*command, "--ledger", "whole.sqlite"], folder).seconds
    chance, once, killed, codes = random.Random(5), 0, 0, set()
    for number in range(3 * KILLS):  # some end before they can be killed
        if killed == KILLS:
            break
        ledger = f"{number}.sqlite"
        child = subprocess.Popen(
            [*command, "--ledger", ledger],
            cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        time.sleep(chance.uniform(0.1, 0.9) * whole)
        child.send_signal(signal.SIGKILL)
        if child.wait() != -signal.SIGKILL:
            continue
        killed += 1
        codes.add(run([*command, "--ledger", ledger], folder).code)
        labels = "SELECT count(*), count(DISTINCT ordinal) FROM labels WHERE field = 'asset'"
        once += _query(folder / ledger, labels) == [(KILLED_IMAGES, KILLED_IMAGES)]
    yield exactly("kill -9: runs killed before their end", killed, KILLS)
    yield exactly("kill -9: exit codes of the resumed runs", codes, {0})
    yield exactly("kill -9: runs with each of 2,000 images labelled exactly once", once, KILLS)
    attempts = "SELECT count(*) FROM attempts"
    before = _query(folder / "0.sqlite", attempts)
    run([*command, "--ledger", "0.sqlite"], folder)
    asked = _query(folder / "0.sqlite", attempts)[0][0] - before[0][0]
    yield exactly("same command again: images asked", asked, 0)


def memory(folder: Path) -> Iterator[Bar]:
    """100,000 rows of Parquet through `echo:` against 10,000."""
    peaks = {}
    for rows in (10_000, 100_000):
        place = folder / str(rows)
        place.mkdir()
        ids = [f"o{i:08d}" for i in range(rows)]
        table = pa.table({"id": ids, "uri": [f"gs://bucket/{i}.jpg" for i in ids]})
        pq.write_table(table, place / "rows.parquet")
        done = run(
            [VISTORIA, "run", "rows.parquet", "--task", "street_asset", "--model", "echo:"], place
        )
        yield exactly(f"echo, {rows:,} rows: exit code", done.code, 0)
        yield Bar(f"echo, {rows:,} rows: rows/s, start-up included", "reported",
                  f"{rows / done.seconds:,.0f}", True)  # fmt: skip
        peaks[rows] = done.peak
    ratio = peaks[100_000] / peaks[10_000]
    yield at_most("echo: peak memory of 100,000 rows over 10,000", ratio, 1.3)


def accuracy(_: Path) -> Iterator[Bar]:
    """`onnx:street` as shipped, on drawn scenes that it never saw."""
    done = run([sys.executable, "-m", "training.street", "evaluate", "--json"], ROOT)
    for score in json.loads(done.out)["scores"]:
        figure = (
            f"{score['accuracy']:.3f} ({score['low']:.3f} to {score['high']:.3f}, n {score['n']})"
        )
        bar = score["bar"]
        held = score["low"] > score["usual"] and score["accuracy"] >= (bar or 0)
        ece = (
            f"calibration error {score['ece']:.3f}" if score["ece"] is not None else "none answered"
        )
        promise = f">= {bar:.2f}" if bar else "better than guessing"
        yield Bar(f"onnx:street, {score['head']}", promise, f"{figure}, {ece}", held)


def start(folder: Path) -> Iterator[Bar]:
    """`vistoria --help`, best of nine: the machine is noisy and the question is what it costs."""
    best = min(run([VISTORIA, "--help"], folder).seconds for _ in range(9))
    yield at_most("vistoria --help: ms", best * 1000, 300, ".0f")


def _query(ledger: Path, sql: str) -> list[tuple[Any, ...]]:
    db = sqlite3.connect(ledger)
    try:
        return db.execute(sql).fetchall()
    finally:
        db.close()


def _whole(part: Callable[[Path], Iterator[Bar]]) -> Part:
    """A part of which there is no shorter form."""
    return lambda folder, _: part(folder)


if __name__ == "__main__":
    every = (start, odd_folder, memory, kills, speed_bars, accuracy, demo)
    sys.exit(run_parts({part.__name__: _whole(part) for part in every}, __doc__))
