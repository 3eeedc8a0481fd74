"""Shows the events of a run while it works: on a terminal, in a log, in a notebook, or not.

    with show_progress("auto", sys.stderr) as emit:
        run_project(project, choice, emit=emit)

The engine knows none of this: it emits events, and a thread here draws what they add up to.
"""

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal, Protocol, TextIO, TypeAlias

from vistoria.events import Sink
from vistoria.progress._plain import PlainScreen
from vistoria.progress._tally import Tally
from vistoria.progress._words import duration, rate

__all__ = ["Display", "Tally", "duration", "in_notebook", "rate", "show_progress"]

Display: TypeAlias = Literal["auto", "rich", "plain", "notebook", "none"]


class _Screen(Protocol):
    def draw(self, tally: Tally) -> None: ...

    def close(self, tally: Tally) -> None: ...


@contextmanager
def show_progress(
    display: Display, stream: TextIO, *, every: float | None = None
) -> Iterator[Sink]:
    """Draws every `every` seconds (default: as suits the screen) what the yielded sink is told.

    "auto": in a notebook below the cell; on a terminal with rich; else plain lines in `stream`.
    """
    screen, pause = _screen(_chosen(display, stream), stream)
    tally, over = Tally(), threading.Event()
    if screen is None:
        yield tally.take
        return

    def draw() -> None:
        while not over.wait(every or pause):
            screen.draw(tally)

    thread = threading.Thread(target=draw, name="progress", daemon=True)
    thread.start()
    try:
        yield tally.take
    finally:
        over.set()
        thread.join()
        screen.close(tally)


def _chosen(display: Display, stream: TextIO) -> Display:
    if display != "auto":
        return display
    if in_notebook():
        return "notebook"
    dumb = os.environ.get("TERM") in ("dumb", "unknown")
    return "rich" if stream.isatty() and not dumb else "plain"


def in_notebook() -> bool:
    """Whether this process is a notebook's kernel."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return shell is not None and hasattr(shell, "kernel")


def _screen(display: Display, stream: TextIO) -> tuple[_Screen | None, float]:
    """A screen and the seconds between two drawings."""
    if display == "rich":
        from vistoria.progress._terminal import TerminalScreen  # noqa: PLC0415 - rich, 60 ms

        return TerminalScreen(stream), 0.1
    if display == "notebook":
        from IPython.display import display as show  # noqa: PLC0415 - there in notebooks only

        from vistoria.progress._notebook import NotebookScreen  # noqa: PLC0415

        return NotebookScreen(show), 0.5
    return (PlainScreen(stream), 5.0) if display == "plain" else (None, 0.0)
