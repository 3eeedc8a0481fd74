"""Progress as a line now and then, for logs."""

from typing import TextIO

from vistoria.progress._tally import Tally
from vistoria.progress._words import batch_jobs, duration, money, percent, rate


class PlainScreen:
    """Writes a line whenever it is drawn and something has changed."""

    def __init__(self, stream: TextIO) -> None:
        """`stream`: where the lines go."""
        self._stream = stream
        self._last = ""

    def draw(self, tally: Tally) -> None:
        """One line."""
        text = line(tally)
        if text != self._last:
            self._last = text
            self._stream.write(text + "\n")
            self._stream.flush()

    def close(self, tally: Tally) -> None:
        """The last line, unless nothing was to do."""
        if tally.pending:
            self.draw(tally)


def line(tally: Tally) -> str:
    """E.g. `412 of 1,203 (34 %), 86/s, 0:09 left, 14 failed, 3 retries`."""
    if tally.pending is None:
        return f"reading the source: {tally.rows:,} rows"
    if not tally.pending:
        return "nothing to ask"
    parts = [
        f"{tally.settled:,} of {tally.pending:,} ({percent(tally.settled, tally.pending)})",
        rate(tally.rate),
    ]
    if tally.left and not tally.stopping:
        parts.append(f"{duration(tally.left)} left")
    if tally.bill:
        parts.append(money(tally.bill, tally.projected))
    if tally.failed:
        parts.append(f"{tally.failed.total():,} failed")
    if tally.retries:
        parts.append(f"{tally.retries.total():,} retries")
    parts += _service(tally)
    if tally.stopping:
        parts.append(f"stopping ({tally.stopping})")
    return ", ".join(parts)


def _service(tally: Tally) -> list[str]:
    """What the service is at."""
    parts = []
    if tally.under_way:
        parts.append(batch_jobs(tally.under_way))
    if tally.answering:
        parts.append(f"answered by {', '.join(tally.answering)} instead")
    if tally.at_once:
        parts.append(f"{tally.at_once:,} at once")
    if tally.outage:
        parts.append(f"waiting: {tally.outage}")
    return parts
