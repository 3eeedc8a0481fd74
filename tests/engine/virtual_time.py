"""Runs asyncio code in virtual time: when all is idle, the clock jumps to the next timer."""

import asyncio
import selectors
from collections.abc import Coroutine
from functools import partial
from random import Random
from typing import Any, TypeVar

_T = TypeVar("_T")


class _Jump(selectors.DefaultSelector):
    """Waits by moving the loop's clock."""

    def __init__(self, late: float) -> None:
        super().__init__()
        self.now = 0.0
        self._late, self._dice = late, Random(1)

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready and timeout is None:
            raise RuntimeError("nothing will ever happen: a deadlock")
        if not ready and timeout is not None and timeout > 0:
            self.now += timeout
            if self._late:
                self.now += self._dice.expovariate(1.0 / self._late)
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose time passes only while it waits."""

    def __init__(self, late: float = 0.0) -> None:
        """`late`: seconds by which timers fire too late on average, as on a busy machine."""
        self._jump = _Jump(late)
        super().__init__(self._jump)

    def time(self) -> float:
        """Seconds since the loop was made."""
        return self._jump.now


def run(work: Coroutine[Any, Any, _T], *, late: float = 0.0) -> _T:
    """What `work` returns, at once; `late`: see VirtualLoop."""
    with asyncio.Runner(loop_factory=partial(VirtualLoop, late)) as runner:
        return runner.run(work)
