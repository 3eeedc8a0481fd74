"""Progress in a notebook: one output that is brought up to date in place.

Done with IPython's own display handle, which every front end knows, rather than with ipywidgets:
nothing to install, and a saved notebook keeps the last state.
"""

from collections.abc import Callable
from html import escape
from typing import Any

from vistoria.progress._plain import line
from vistoria.progress._tally import Tally


class NotebookScreen:
    """A bar and a line of text below the cell."""

    def __init__(self, display: Callable[..., Any]) -> None:
        """`display`: that of IPython."""
        self._handle = display(_Shown(Tally()), display_id=True)

    def draw(self, tally: Tally) -> None:
        """Brings bar and line up to date."""
        self._handle.update(_Shown(tally))

    def close(self, tally: Tally) -> None:
        """The final state stays."""
        self.draw(tally)


class _Shown:
    """A tally as IPython shows it: HTML, or text where there is none."""

    def __init__(self, tally: Tally) -> None:
        self._text, self._bar = line(tally), _bar(tally)

    def __repr__(self) -> str:
        return self._text

    def _repr_html_(self) -> str:
        return f"{self._bar} <code>{escape(self._text)}</code>"


def _bar(tally: Tally) -> str:
    if tally.pending is None:
        return "<progress></progress>"
    done = tally.settled if tally.pending else 1
    return f'<progress max="{max(1, tally.pending)}" value="{done}"></progress>'
