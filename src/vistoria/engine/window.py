"""How many at once: finds the number of calls in flight that a service takes."""

import math
from collections import deque

_FASTEST = 0.7  # growth per second at most
_SWOLLEN = 3.0  # times the usual latency from which more at once would only queue
_REFRESH = 1.0  # seconds between two looks at the latencies


class Latencies:
    """Of the latest 256 answers, in seconds."""

    def __init__(self) -> None:
        self._latest: deque[float] = deque(maxlen=256)
        self._looked = -math.inf
        self._base = math.inf
        self.median = self.slow = 0.0
        """Half of them took at most `median`, 99 % at most `slow`; 0 while there are few."""

    def add(self, seconds: float, now: float) -> None:
        """Counts one in."""
        self._latest.append(seconds)
        if now - self._looked >= _REFRESH and len(self._latest) >= 16:
            ordered = sorted(self._latest)
            self.median = ordered[len(ordered) // 2]
            self.slow = ordered[len(ordered) * 99 // 100]
            # What is usual may change, so the base follows slowly.
            drift = 1.003 ** min(now - self._looked, 10.0)
            self._base = min(self._base * drift, self.median)
            self._looked = now

    @property
    def swollen(self) -> bool:
        """Calls take much longer than they used to: they queue somewhere."""
        return self.median > _SWOLLEN * self._base


class Window:
    """The number of calls at once of one service.

    It doubles per round trip until calls are refused for being too many or take much longer; then
    it stays at the number that was taken and tries one more now and then. Once that is taken, it
    grows quickly again. So TCP finds how much to have in flight (slow start, RFC 5681); latency as
    the sign of a queue is of TCP Vegas, and of Netflix's concurrency-limits for calls.
    """

    def __init__(self, start: int, most: int) -> None:
        """`start` at first, `most` at the most."""
        self.most = most
        self._value = float(min(start, most))
        self._known = math.inf  # was taken, so it's safe to double up to it
        self._above = 0.0
        self._grown = self._cut_at = -math.inf
        self._cuts = 0
        self.latencies = Latencies()

    @property
    def size(self) -> int:
        """Calls at once."""
        return int(self._value)

    def answered(self, seconds: float, now: float, *, full: bool) -> None:
        """An answer after `seconds`. `full`: the window is used up and more calls wait for it."""
        self.latencies.add(seconds, now)
        if not full or self._value >= self.most:
            return
        if self._value + 1 <= self._known:
            if not self.latencies.swollen:
                self._value += 1
        else:
            self._creep(min(now - self._grown, 0.5))
        self._grown = now
        self._value = min(self._value, float(self.most))

    def _creep(self, seconds: float) -> None:
        if not self.trying:  # one more each hundred calls or so
            self._value += min(0.01, 0.5 * seconds)
            return
        self._above += seconds  # and it was taken
        if self._above > 0.5:
            self._value *= 1 + _FASTEST * seconds

    def cut(self, size: int, now: float) -> None:
        """So many were taken, one more was not."""
        self._cuts = self._cuts + 1 if now - self._cut_at < 1.0 else 1
        self._cut_at = now
        if self.trying and self._cuts == 1:  # calls overtake each other, so `size` isn't exact
            size = max(size, int(self._known))
        size = min(size, self.size)
        if self._cuts > 2:  # the number fell by more than what seeps away by itself
            size = min(size, int(0.85 * self._value))
        self._value = self._known = float(max(1, size))
        self._above = 0.0

    @property
    def trying(self) -> bool:
        """Whether more are tried than were known to be taken."""
        return self._value >= self._known + 1

    def forget(self) -> None:
        """The number at once is not what matters."""
        self._known = math.inf

    def restart(self, start: int) -> None:
        """Begin small again, and double back up to what was known."""
        self._known = max(self._value, min(self._known, self.most))
        self._value = float(min(start, self.size))
        self._above = 0.0
