"""Progress on a terminal: two lines that stay in place, drawn by rich."""

from typing import TextIO

from rich.console import Console, Group, RenderableType
from rich.constrain import Constrain
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from vistoria.progress._tally import Tally
from vistoria.progress._words import batch_jobs, duration, money, percent, rate, short

_WIDTH = 100  # a bar across a wide screen is no easier to read


class TerminalScreen:
    """Draws over itself, and leaves nothing behind when closed."""

    def __init__(self, stream: TextIO) -> None:
        """`stream`: a terminal."""
        console = Console(file=stream)
        self._spinner = Spinner("dots", style="cyan")
        # What goes to stdout is data and must not be led to this console.
        self._live = Live(
            console=console, transient=True, auto_refresh=False, redirect_stdout=False
        )
        self._live.start()

    def draw(self, tally: Tally) -> None:
        """Brings the lines up to date."""
        self._live.update(self.render(tally), refresh=True)

    def close(self, tally: Tally) -> None:
        """Takes the lines away: the summary that follows says the same."""
        del tally
        self._live.stop()

    def render(self, tally: Tally) -> RenderableType:
        """The bar with rate and time left, and the counts below it."""
        if tally.pending is None:
            self._spinner.update(text=f"reading the source: {tally.rows:,} rows")
            return self._spinner
        bar = ProgressBar(tally.pending, tally.settled, complete_style="cyan")
        row = Table.grid(padding=(0, 1), expand=True)
        row.add_column(ratio=1)
        for _ in range(4):
            row.add_column(justify="right", no_wrap=True)
        whole = f"{tally.pending:,}"
        left = f"{duration(tally.left)} left" if tally.left is not None else ""
        row.add_row(
            bar,
            f"{tally.settled:>{len(whole)},}/{whole}",
            f"{percent(tally.settled, tally.pending):>5}",
            rate(tally.rate),
            left,
        )
        return Group(Constrain(row, _WIDTH), self._counts(tally))

    def _counts(self, tally: Tally) -> Text:
        parts = [Text(f"{tally.answered:,} answered", "green")]
        if tally.failed:
            parts.append(Text(f"{tally.failed.total():,} failed", "red"))
        for reason, count in tally.retries.most_common():
            parts.append(Text(f"{count:,} × {reason.replace('_', ' ')}, tried again", "yellow"))
        if tally.tokens:
            parts.append(Text(f"{short(tally.tokens)} tokens", "dim"))
        if tally.bill:
            parts.append(Text(money(tally.bill, tally.projected)))
        if tally.under_way:
            parts.append(Text(batch_jobs(tally.under_way), "cyan"))
        if tally.answering:
            parts.append(Text(f"answered by {', '.join(tally.answering)} instead", "yellow"))
        if tally.at_once:
            parts.append(Text(f"{tally.at_once:,} at once", "dim"))
        if tally.outage:
            parts.append(Text(f"waiting: {tally.outage}", "yellow"))
        if tally.stopping:
            parts.append(Text("stopping; Ctrl-C again ends at once", "yellow"))
        return Text(" · ").join(parts)
