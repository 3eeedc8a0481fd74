"""2. Hidden limits: how much of them is used, what is refused; an outage is waited out.

In real time, against a server in a process of its own. Only time counts in which client and server
had a core when they wanted one (see `quiet`); a limit without enough of it counts as missed. The
same without a machine's noise is in `simulated`.
"""

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.bars import Bar, at_least, at_most, exactly
from benchmarks.engine.photos import write_rows
from benchmarks.engine.quiet import Cores, Window, windows
from benchmarks.engine.runs import begin, command, rows, settings
from benchmarks.service import Service

_FEEL = {"latency": 0.05, "spread": 0.3, "trusting": True}
_WARM = 15.0  # seconds in which the limit is found
_ENOUGH = 0.3  # share of the time measured that must have been quiet


def limits(folder: Path, quick: bool) -> Iterator[Bar]:
    """Each limit in a run of its own; then one that moves; then an outage."""
    seconds = 45.0 if quick else 75.0
    for limit in (200,) if quick else (50, 200, 500):
        steps = [(seconds, float(limit))]
        yield from _limited(folder, f"limit of {limit}/s", steps)
    if not quick:
        moving = [(30.0, 200.0), (30.0, 100.0), (30.0, 400.0), (30.0, 150.0)]
        yield from _limited(folder, "limit moving 200, 100, 400, 150/s", moving)
    yield from outage(folder, quick)


def _limited(folder: Path, name: str, steps: list[tuple[float, float]]) -> Iterator[Bar]:
    """`steps`: seconds, and the limit for so long."""
    count = int(sum(seconds * limit for seconds, limit in steps))
    seen: list[tuple[Window, float]] = []
    with Service(limit=steps[0][1], **_FEEL) as service:
        child, ledger = _begin(folder, service, count, name)
        _wait(child, service, 1)
        cores = Cores(child.pid, service.pid)
        for number, (seconds, limit) in enumerate(steps):
            service.behave(limit=limit)
            begun = time.monotonic()
            _sleep(child, begun + _WARM)
            last = number == len(steps) - 1
            until = begun + seconds - (3.0 if last else 0.0)
            found = windows(service.bill, cores, until)
            seen += [(window, limit) for window in found if child.poll() is None]
        child.wait()
        bill = service.bill()
    yield _used(name, seen)
    yield at_most(f"{name}: refused, of all requests", bill["refused"] / bill["requests"], 0.02,
                  ".4f")  # fmt: skip
    yield exactly(f"{name}: images failed", _failed(ledger, count), 0)


def _used(name: str, seen: list[tuple[Window, float]]) -> Bar:
    """Of the limit, in quiet windows."""
    quiet = [(window, limit) for window, limit in seen if window.quiet]
    of_all = sum(window.seconds for window, _ in seen)
    measured = sum(window.seconds for window, _ in quiet)
    name = f"{name}: used after {_WARM:.0f} s, in {measured:.0f} quiet of {of_all:.0f} s"
    if measured < _ENOUGH * of_all or not measured:
        return Bar(name, ">= 0.950", "the machine was too busy", False)
    allowed = sum(window.seconds * limit for window, limit in quiet)
    return at_least(name, sum(w.rate * w.seconds for w, _ in quiet) / allowed, 0.95)


def outage(folder: Path, quick: bool) -> Iterator[Bar]:
    """Every call fails for a while in the middle; nothing fails for good."""
    seconds, count = (10.0, 20_000) if quick else (60.0, 60_000)
    with Service(**_FEEL | {"latency": 0.2}) as service:
        child, ledger = _begin(folder, service, count, "outage", concurrency=64)
        _wait(child, service, 1)
        cores = Cores(child.pid, service.pid)
        _sleep(child, time.monotonic() + 5.0)
        before = _speed(service, cores)
        service.behave(down="503")
        _sleep(child, time.monotonic() + seconds / 2)
        service.behave(down="reset")
        _sleep(child, time.monotonic() + seconds / 2)
        service.behave(down=None)
        recovered = 0.0
        for window in windows(service.bill, cores, time.monotonic() + 120.0):
            recovered += window.seconds * window.quiet
            if window.quiet and window.rate >= 0.95 * before:
                break
        child.terminate()
        child.wait()
    failures = rows(ledger, "SELECT count(*) FROM attempts WHERE status = 'failed'")
    yield exactly(f"outage of {seconds:.0f} s: images failed", failures[0][0], 0)
    if not before or not window.quiet:
        name = "outage: quiet seconds until full speed again"
        yield Bar(name, "<= 30.0", "the machine was too busy", False)
    else:
        yield at_most("outage: quiet seconds until full speed again", recovered, 30.0, ".1f")


def _speed(service: Service, cores: Cores) -> float:
    """Answers per second in the first two quiet windows of at most half a minute; 0 without."""
    found: list[float] = []
    for window in windows(service.bill, cores, time.monotonic() + 30.0):
        found += [window.rate] * window.quiet
        if len(found) == 2:
            break
    return sum(found) / len(found) if found else 0.0


def _begin(
    folder: Path, service: Service, count: int, name: str, concurrency: int = 256
) -> tuple[subprocess.Popen[bytes], Path]:
    place = folder / name.replace("/", " ")
    place.mkdir()
    write_rows(place / "rows.parquet", count)
    words = command("rows.parquet", "--ledger", "l.sqlite", options=service.vertex())
    return begin(words, place, settings(concurrency=concurrency)), place / "l.sqlite"


def _wait(child: subprocess.Popen[bytes], service: Service, answered: int) -> None:
    while service.bill()["answered"] < answered:
        if child.poll() is not None:
            raise RuntimeError(f"vistoria run ended with {child.returncode}")
        time.sleep(0.05)


def _sleep(child: subprocess.Popen[bytes], until: float) -> None:
    while child.poll() is None and time.monotonic() < until:
        time.sleep(0.05)


def _failed(ledger: Path, count: int) -> int:
    """Images without an answer."""
    answered = "SELECT count(DISTINCT ordinal) FROM attempts WHERE status = 'answered'"
    return count - int(rows(ledger, answered)[0][0])
