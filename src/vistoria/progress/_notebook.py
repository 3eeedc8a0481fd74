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
        self._handle = display(_Html("<span></span>"), display_id=True)

    def draw(self, tally: Tally) -> None:
        """Brings bar and line up to date."""
        self._handle.update(_Html(html(tally)))

    def close(self, tally: Tally) -> None:
        """The final state stays."""
        self.draw(tally)


class _Html:
    """What IPython shows as HTML, and as text where there is none."""

    def __init__(self, text: str) -> None:
        self._text = text

    def _repr_html_(self) -> str:
        return self._text


def html(tally: Tally) -> str:
    """A `<progress>` element and the line that a log would have."""
    if tally.pending is None:
        bar = "<progress></progress>"
    elif tally.pending == 0:
        return "<code>nothing to ask</code>"
    else:
        bar = f'<progress max="{tally.pending}" value="{tally.settled}"></progress>'
    return f"{bar} <code>{escape(line(tally))}</code>"
