"""A cold start: from nothing to the first label, against functions-framework with nothing to do.

`python -m benchmarks.automate --only cold_start`. Processor time is compared, since the machine may
be busy; wall time is told beside it.
"""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from benchmarks.bars import Bar
from tests.functions.events import BUCKET, finalized, picture
from tests.functions.storm import Server, surroundings

_EMPTY = "import functions_framework\ndef label(request):\n    return 'done'\n"
_MOST = 8.0  # times the processor time of a function that does nothing


def cold_start(folder: Path, quick: bool) -> Iterator[Bar]:
    """The bar."""
    ours, empty = [], []
    for number in range(1 if quick else 5):
        place = folder / str(number)
        place.mkdir()
        ours.append(_first(place, number, empty=False))
        empty.append(_first(place, number, empty=True))
    cpu, wall = median(one[0] for one in ours), median(one[1] for one in ours)
    floor = median(one[0] for one in empty)
    figure = f"{cpu / floor:.1f} ({cpu:.1f} s of processor, {wall:.1f} s in all)"
    promise = f"<= {_MOST:.0f} times an empty function ({floor:.1f} s)"
    yield Bar("cold start to the first label", promise, figure, cpu / floor <= _MOST)


def _first(folder: Path, number: int, *, empty: bool) -> tuple[float, float]:
    """Processor seconds and seconds until the first event is answered."""
    with surroundings(folder, latency=0.0) as (storage, _, pubsub, env):
        name = f"cold-{number}.jpg"
        storage.data[f"gs://{BUCKET}/{name}"] = picture(number)
        began = time.monotonic()
        server = Server(folder, env, threads=8)
        if empty:
            server.kill()
            (folder / "main.py").write_text(_EMPTY)
            began = time.monotonic()
            server.start()
        server.wait_until_up()
        pubsub.send(server.url, *finalized(name, 1))
        while not pubsub.deliveries:
            time.sleep(0.01)
        assert pubsub.wait_until_taken(120)
        wall = time.monotonic() - began
        return _ended(server.process), wall


def _ended(process: "subprocess.Popen[bytes]") -> float:
    """Ends the server; the processor time of it and its workers."""
    os.kill(process.pid, signal.SIGTERM)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return usage.ru_utime + usage.ru_stime
