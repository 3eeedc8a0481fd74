"""Progress: events become numbers, numbers become lines, bars and notebook output."""

import io
import threading
import time

import pytest
from rich.console import Console

from vistoria.events import (
    Event,
    LimitChanged,
    Retrying,
    Scanned,
    Settled,
    Spent,
    Started,
    Stopping,
)
from vistoria.progress import Tally, duration, rate, show_progress
from vistoria.progress._notebook import NotebookScreen
from vistoria.progress._plain import line
from vistoria.progress._terminal import TerminalScreen
from vistoria.progress._words import percent, short
from vistoria.records import Attempt, Usage


class Clock:
    """Seconds that pass when told."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def settled(count: int, reason: str | None = None, tokens: int = 0) -> Settled:
    """So many attempts that ended alike."""
    attempt = Attempt(
        ordinal=1, run_id=1, question_id=1, status="failed" if reason else "answered",
        reason=reason, usage=Usage(input_tokens=tokens),
    )  # fmt: skip
    return Settled(attempts=(attempt,) * count)


def tally(*events: Event, clock: Clock | None = None) -> Tally:
    """Of these events."""
    found = Tally(clock or Clock())
    for event in events:
        found.take(event)
    return found


START = Started(run_id=1, total=1_500, pending=1_200)


def test_counts() -> None:
    found = tally(
        Scanned(rows=1_500), START, settled(3, tokens=10), settled(2, "image_missing"),
        Retrying(reason="rate_limited", wait=1.0), Stopping(reason="interrupted"),
    )  # fmt: skip
    assert (found.rows, found.total, found.pending) == (1_500, 1_500, 1_200)
    assert (found.answered, found.settled, found.tokens) == (3, 5, 30)
    assert found.failed == {"image_missing": 2}
    assert found.retries == {"rate_limited": 1}
    assert found.stopping == "interrupted"


def test_the_rate_is_that_of_late() -> None:
    clock = Clock()
    found = tally(START, clock=clock)
    assert found.left is None, "nothing can be said yet"
    for speed in (1, 10):
        for _ in range(60):
            clock.now += 1
            found.take(settled(speed))
    assert found.rate == pytest.approx(10, rel=0.1)
    assert found.left == pytest.approx((1_200 - 660) / 10, rel=0.1)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        (duration(9.4), "0:09"),
        (duration(750), "12:30"),
        (duration(3723), "1:02:03"),
        (duration(270_000), "3 d 3 h"),
        (rate(1234.5), "1,234/s"),
        (rate(4.24), "4.2/s"),
        (rate(0.2), "12/min"),
        (short(950), "950"),
        (short(12_430), "12.4k"),
        (short(999_960), "1.0M"),
        (percent(1_199, 1_200), "99 %"),
        (percent(0, 0), "100 %"),
    ],
)
def test_numbers_as_words(text: str, meant: str) -> None:
    assert text == meant


def test_lines() -> None:
    assert line(tally(Scanned(rows=1_234))) == "reading the source: 1,234 rows"
    assert line(tally(Started(run_id=1, total=9, pending=0))) == "nothing to ask"
    clock = Clock()
    found = tally(START, clock=clock)
    clock.now += 1
    found.take(settled(288))
    found.take(settled(12, "image_missing"))
    found.take(Retrying(reason="transient", wait=None))
    assert line(found) == "300 of 1,200 (25 %), 300/s, 0:03 left, 12 failed, 1 retries"
    found.take(LimitChanged(service="s", concurrency=16, outage="503"))
    assert line(found).endswith("1 retries, 16 at once, waiting: 503")
    found.take(Stopping(reason="interrupted"))
    assert line(found).endswith("stopping (interrupted)")


@pytest.mark.parametrize("width", [40, 80, 140])
def test_a_terminal_shows_two_lines_that_fit(width: int) -> None:
    stream = io.StringIO()
    screen = TerminalScreen(stream)
    clock = Clock()
    found = tally(START, clock=clock)
    clock.now += 2
    found.take(settled(400, tokens=100))
    console = Console(file=stream, width=width, force_terminal=False)
    console.print(screen.render(found))
    screen.close(found)
    first, second = stream.getvalue().splitlines()[-2:]
    assert max(len(first), len(second)) <= width
    assert "200/s" in first
    if width > 40:
        assert "400/1,200" in first
        assert "0:04 left" in first
        assert "40.0k tokens" in second


def test_plain_lines_come_while_it_works() -> None:
    stream = io.StringIO()
    with show_progress("plain", stream, every=0.01) as emit:
        emit(START)
        deadline = time.monotonic() + 10
        while "0 of 1,200" not in stream.getvalue() and time.monotonic() < deadline:
            time.sleep(0.01)
        emit(settled(1_200))
    lines = stream.getvalue().splitlines()
    assert lines[0].startswith("0 of 1,200 (0 %)")
    assert lines[-1].startswith("1,200 of 1,200 (100 %)")


def test_none_shows_nothing_and_leaves_no_thread() -> None:
    stream, before = io.StringIO(), threading.active_count()
    for display in ("none", "plain"):
        with show_progress(display, stream) as emit:
            emit(Scanned(rows=1))
    assert stream.getvalue() == ""
    assert threading.active_count() == before


def test_auto_is_plain_in_a_log() -> None:
    stream = io.StringIO()
    with show_progress("auto", stream) as emit:
        emit(START)
        emit(settled(3))
    assert stream.getvalue().startswith("3 of 1,200")


def test_a_notebook_gets_one_output_that_is_updated() -> None:
    shown: list[object] = []

    class Handle:
        def update(self, value: object) -> None:
            shown.append(value)

    def display(value: object, *, display_id: bool) -> Handle:
        assert display_id
        shown.append(value)
        return Handle()

    screen = NotebookScreen(display)
    screen.draw(tally(START, settled(300)))
    screen.close(tally(START, settled(1_200)))
    texts = [value._repr_html_() for value in shown]  # type: ignore[attr-defined]
    assert texts[0].startswith("<progress></progress>")
    assert '<progress max="1200" value="300"></progress> <code>300 of 1,200' in texts[1]
    assert repr(shown[-1]).startswith("1,200 of 1,200 (100 %)")


def test_money() -> None:
    dollar = 10**12
    found = tally(START, settled(300))
    assert "$" not in line(found), "nothing was billed"
    found.take(Spent(before=2 * dollar, now=dollar // 2))
    assert found.projected == 4 * dollar
    assert "$2.50 of about $4.00" in line(found)
    found.take(Spent(before=2 * dollar, now=dollar // 2, most=5 * dollar))
    assert "$2.50 of about $4.00, at most $5.00" in line(found)
    found.take(Spent(before=0, now=None))
    assert "price unknown" in line(found)
    assert found.projected is None
