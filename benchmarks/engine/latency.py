"""1. Latency-bound: what `vistoria run` makes of so many calls at once, against bare aiohttp."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.bars import Bar, at_least
from benchmarks.engine.photos import write_photos
from benchmarks.engine.runs import begin, command, settings
from benchmarks.service import Service

_FEEL = {"latency": 0.3, "spread": 0.5, "stragglers": 0.01, "trusting": True}


def latency(folder: Path, quick: bool) -> Iterator[Bar]:
    """Images per second between 20 % and 80 % of the answers, so without start and tail."""
    seconds = 6 if quick else 40
    counts = {64: 180 * seconds, 128: 360 * seconds}
    if quick:
        del counts[64]
    write_photos(folder / "photos", max(counts.values()))
    for at_once, count in counts.items():
        bare = _steady(count, lambda s: _floor(s, folder, count, at_once))  # noqa: B023
        ours = _steady(count, lambda s: _run(s, folder, count, at_once))  # noqa: B023
        yield Bar(f"{at_once} at once, bare aiohttp: images/s", "reported", f"{bare:.0f}", True)
        yield Bar(f"{at_once} at once, vistoria run: images/s", "reported", f"{ours:.0f}", True)
        yield at_least(f"{at_once} at once: run over bare aiohttp", ours / bare, 0.95)


def _steady(count: int, start: Callable[[Service], subprocess.Popen[bytes]]) -> float:
    """Answers per second by the server's own counter and clock."""
    with Service(**_FEEL) as service:
        child = start(service)
        marks = [(0.0, 0)]
        while marks[-1][1] < 0.8 * count and child.poll() is None:
            time.sleep(0.1)
            bill = service.bill()
            if bill["answered"] >= 0.2 * count:
                marks.append((bill["at"], bill["answered"]))
        child.wait()
    (first, few), (last, many) = marks[1], marks[-1]
    return (many - few) / (last - first)


def _floor(service: Service, folder: Path, count: int, at_once: int) -> subprocess.Popen[bytes]:
    module = [sys.executable, "-m", "benchmarks.engine.floor", service.url]
    words = [*module, str(folder / "photos"), str(count), str(at_once)]
    return begin(words, Path(__file__).parents[2], {})


def _run(service: Service, folder: Path, count: int, at_once: int) -> subprocess.Popen[bytes]:
    ledger = f"{at_once}.sqlite"
    words = command("photos", "--limit", str(count), "--ledger", ledger)
    return begin(words, folder, {**service.env, **settings(concurrency=at_once)})
