"""What calls teach about a service: how many at once, how fast, and whether it is out."""

import math
from random import Random

from vistoria.engine.outage import Outage
from vistoria.engine.pace import Pace
from vistoria.engine.slot import Slot
from vistoria.engine.suspicion import Suspicion
from vistoria.engine.window import Window
from vistoria.errors import RateLimited, TransientError

_RESTART = 4  # calls at once after an outage, doubling from there
_SLOW = 30.0  # seconds: what is in flight for longer, and far longer than others, is a straggler
_STALL, _FIRST_STALL = 10.0, 120.0  # seconds without any answer that may be an outage
_GENTLE = 100.0  # calls per second that may set out at once before anything is known


class Lessons:
    """Of one service. Times are of the loop's clock.

    `alive`: when the latest call that was answered was sent; `silent_since`: when, after the
    latest answer, a call failed or was refused.
    """

    def __init__(self, start: int, most: int, dice: Random) -> None:
        """`start`: calls at once to begin with, `most` at the most."""
        self.window = Window(start, most)
        self.pace = Pace(dice)
        self.outage = Outage(dice)
        self.alive = -math.inf
        self.silent_since: float | None = None
        self._suspicion = Suspicion()
        self._latest = 0  # call
        self._suspected_before = 0  # refusals of calls before this one were weighed
        self._cut_before = 0  # … and had their effect on the window

    @property
    def straggling_after(self) -> float:
        """Seconds after which a call in flight is a straggler: it doesn't keep others waiting."""
        return max(_SLOW, 10.0 * self.window.latencies.median)

    @property
    def stalled_after(self) -> float:
        """Seconds without any answer after which the service may be out."""
        slow = self.window.latencies.slow
        return max(_STALL, 5.0 * slow) if slow else _FIRST_STALL

    def sent(self, slot: Slot, now: float, *, held_back: bool) -> None:
        """A call goes out; `held_back`: it waited for the pace alone."""
        self._latest = slot.number
        self._suspicion.sent(slot, now)
        self.pace.sent(now, slot.number, held_back=held_back)

    def answered(self, slot: Slot, now: float, *, full: bool) -> None:
        """`full`: the window is used up and more calls wait for it."""
        self.alive = max(self.alive, slot.sent)
        self.silent_since = None
        if self.outage.answered(slot.sent):
            self.window.restart(_RESTART)
        self.window.answered(now - slot.sent, now, full=full)
        self.pace.answered(slot.number)
        if median := self.window.latencies.median:
            self.pace.at_most = max(_GENTLE, 3 * self.window.size / median)

    def refused(self, slot: Slot, error: RateLimited, now: float) -> None:
        """Too fast, or too many at once."""
        slot.turned_away = True
        self._unanswered(now)
        if error.too is None:
            self._suspect(slot, now)
        if not (self._suspicion.many if error.too is None else error.too == "many"):
            self.pace.refused(slot.number, slot.sent, now, error.retry_after)
        elif slot.number >= self._cut_before:
            self.window.cut(slot.others, now)
            self._cut_before = self._latest + 1

    def failed(self, error: TransientError, now: float) -> None:
        """In passing, as far as we know."""
        self._unanswered(now)
        self.outage.failed(now, str(error), error.retry_after)

    def _unanswered(self, now: float) -> None:
        if self.silent_since is None:
            self.silent_since = now

    def _suspect(self, slot: Slot, now: float) -> None:
        if slot.number < self._suspected_before:
            return  # those of one moment are one piece of evidence
        self._suspected_before = self._latest + 1
        before = self._suspicion.many
        usual = slot.others >= self.window.size - 1 and not self.window.trying
        if self._suspicion.weigh(slot.others, now, usual=usual) == before:
            return
        if before:
            self.window.forget()
        else:
            self.pace.forget()
