"""Whether a service is out: then one call at a time looks whether it is back."""

from random import Random

_ROW = 10  # failures in a row, with no answer between them, that make an outage
_FIRST, _LONGEST = 0.5, 5.0  # seconds between two looks


class Outage:
    """Of one service. `since`: when it went out, by the loop's clock, or None."""

    def __init__(self, dice: Random) -> None:
        """`dice` spreads the looks."""
        self.since: float | None = None
        self.began = -1.0
        """When the latest outage began."""
        self.said = ""
        """The latest failure."""
        self.due = 0.0
        """When the next look may be taken."""
        self._dice = dice
        self._row = 0
        self._stalled = False
        self._wait = _FIRST

    def failed(self, now: float, said: str, wait: float | None) -> None:
        """A call failed in passing; `wait`: seconds that the service asks for."""
        self.said = said
        self._row += 1
        if self.since is None and self._row >= _ROW:
            self.begin(now)
        if self.since is not None and wait is not None:
            self.due = max(self.due, now + wait)

    def begin(self, now: float, *, stalled: bool = False) -> None:
        """Nothing gets through; `stalled`: nothing comes back at all."""
        self.since = self.began = now
        self._stalled = stalled
        self._wait = _FIRST
        self.due = now + self._wait * self._dice.uniform(0.5, 1.0)

    def look(self, now: float, others: int) -> None:
        """A call goes out to see; so many that went to see have not come back."""
        self._wait = min(_LONGEST, 1.6 * self._wait)
        # Calls may hang until they time out: spread them, so that there is always another to send.
        self.due = now + self._wait * (1 + min(others, 3)) * self._dice.uniform(0.7, 1.0)

    def answered(self, sent: float) -> bool:
        """A call sent at that time was answered; whether this ends an outage."""
        self._row = 0
        if self.since is None or (sent < self.since and not self._stalled):
            return False
        self.since = None
        return True
