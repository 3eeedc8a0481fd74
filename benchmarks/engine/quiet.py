"""Tells the time in which a benchmark's processes had a core when they wanted one from the time in
which others had it: what a limiter makes of a starved machine says nothing about the limiter."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_MOST_WAITED = 1.0  # seconds of waiting for a core, per second on one
_WINDOW = 3.0  # seconds


class Cores:
    """How long the threads of some processes were on a core, and waited for one.

    From /proc/PID/task/TID/schedstat (Linux, sched-stats.rst); where that is missing nobody ever
    waits.
    """

    def __init__(self, *pids: int) -> None:
        self._pids = pids
        self._known: dict[Path, tuple[int, int]] = {}
        self.quiet()

    def quiet(self) -> bool:
        """Whether they hardly waited since the last look."""
        ran = waited = 0
        for pid in self._pids:
            for path in Path(f"/proc/{pid}/task").glob("*/schedstat"):
                try:
                    on, off = (int(word) for word in path.read_text().split()[:2])
                except (OSError, ValueError):
                    continue  # the thread has ended
                before = self._known.get(path, (0, 0))
                self._known[path] = (on, off)
                ran, waited = ran + on - before[0], waited + off - before[1]
        return waited <= _MOST_WAITED * ran


@dataclass(frozen=True)
class Window:
    """Some seconds of a run: a service's bill at their begin and end."""

    first: dict[str, Any]
    last: dict[str, Any]
    quiet: bool

    @property
    def seconds(self) -> float:
        """By the service's clock."""
        return float(self.last["at"] - self.first["at"])

    @property
    def rate(self) -> float:
        """Answers per second."""
        return float(self.last["answered"] - self.first["answered"]) / self.seconds


def windows(bill: Callable[[], dict[str, Any]], cores: Cores, until: float) -> Iterator[Window]:
    """One after the other, up to that time of `time.monotonic`; `bill`: of the service."""
    first = bill()
    cores.quiet()
    while (left := until - time.monotonic()) > _WINDOW / 2:
        time.sleep(min(left, _WINDOW))
        last = bill()
        yield Window(first, last, cores.quiet())
        first = last
