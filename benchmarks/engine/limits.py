"""2. Hidden limits: how much of them is used, what is refused; an outage is waited out."""

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.bars import Bar, at_least, at_most, exactly
from benchmarks.engine.photos import write_rows
from benchmarks.engine.runs import begin, command, rows, settings
from benchmarks.service import Service

_FEEL = {"latency": 0.05, "spread": 0.3, "trusting": True}
_WARM = 15.0  # seconds in which the limit is found


def limits(folder: Path, quick: bool) -> Iterator[Bar]:
    """Each limit in a run of its own; then one that moves; then an outage."""
    seconds = 30.0 if quick else 75.0
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
    used = allowed = 0.0
    with Service(limit=steps[0][1], **_FEEL) as service:
        child, ledger = _begin(folder, service, count, name)
        _wait(child, service, 1)
        for number, (seconds, limit) in enumerate(steps):
            service.behave(limit=limit)
            begun = time.monotonic()
            warm = _sleep(child, begun + _WARM) and service.bill()
            last = number == len(steps) - 1
            _sleep(child, begun + seconds - (3.0 if last else 0.0))
            now = service.bill()
            if warm:
                used += now["answered"] - warm["answered"]
                allowed += limit * (now["at"] - warm["at"])
        child.wait()
        bill = service.bill()
    yield at_least(f"{name}: used after {_WARM:.0f} s", used / max(allowed, 1.0), 0.95)
    yield at_most(f"{name}: refused, of all requests", bill["refused"] / bill["requests"], 0.02,
                  ".4f")  # fmt: skip
    yield exactly(f"{name}: images failed", _failed(ledger, count), 0)


def outage(folder: Path, quick: bool) -> Iterator[Bar]:
    """Every call fails for a while in the middle; nothing fails for good."""
    seconds, count = (10.0, 20_000) if quick else (60.0, 60_000)
    with Service(**_FEEL | {"latency": 0.2}) as service:
        child, ledger = _begin(folder, service, count, "outage", concurrency=64)
        _wait(child, service, 1)
        _sleep(child, time.monotonic() + 5.0)
        before = _rate(service, 6.0)
        service.behave(down="503")
        _sleep(child, time.monotonic() + seconds / 2)
        service.behave(down="reset")
        _sleep(child, time.monotonic() + seconds / 2)
        service.behave(down=None)
        back = time.monotonic()
        while _rate(service, 2.0) < 0.95 * before and time.monotonic() - back < 120.0:
            pass
        recovered = time.monotonic() - back - 2.0
        child.terminate()
        child.wait()
    failures = rows(ledger, "SELECT count(*) FROM attempts WHERE status = 'failed'")
    yield exactly(f"outage of {seconds:.0f} s: images failed", failures[0][0], 0)
    yield at_most("outage: seconds until full speed again", recovered, 30.0, ".1f")


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


def _sleep(child: subprocess.Popen[bytes], until: float) -> bool:
    """Whether the child is at work by then."""
    while child.poll() is None and time.monotonic() < until:
        time.sleep(0.05)
    return child.poll() is None


def _rate(service: Service, seconds: float) -> float:
    first: dict[str, Any] = service.bill()
    time.sleep(seconds)
    last = service.bill()
    return float((last["answered"] - first["answered"]) / (last["at"] - first["at"]))


def _failed(ledger: Path, count: int) -> int:
    """Images without an answer."""
    answered = "SELECT count(DISTINCT ordinal) FROM attempts WHERE status = 'answered'"
    return count - int(rows(ledger, answered)[0][0])
