"""Whether refusals are for calls too fast, or for too many at once."""

from collections import deque
from typing import Protocol

_SAMPLE = 0.02  # seconds between two calls that are remembered
_SPACED = 0.25  # seconds between two refusals that both speak for the number at once
_SURE, _DOUBTFUL = 0.85, 0.4


class _Sent(Protocol):
    others: int
    turned_away: bool


class Suspicion:
    """Of one service. `many`: it's the number at once; at first, and in doubt, it's the rate.

    If the number matters, refusals come when more are in flight than usual; if the rate does, they
    come whatever is in flight, which varies by itself because answers take longer or shorter.
    """

    def __init__(self) -> None:
        self.many = False
        self._degree = 0.5
        self._latest: deque[_Sent] = deque(maxlen=100)
        self._sampled = self._weighed = 0.0

    def sent(self, slot: _Sent, now: float) -> None:
        """A call goes out; the slot says how many others were in flight, and later whether it was
        turned away."""
        if now - self._sampled > _SAMPLE:
            self._sampled = now
            self._latest.append(slot)

    def weigh(self, others: int, now: float, *, usual: bool) -> bool:
        """Takes in the refusal of a call sent while `others` were in flight, which is `usual`, so
        that it speaks against the number; returns `many`."""
        evidence = 0.0 if usual else self._crowded(others)
        if evidence < self._degree or now - self._weighed > _SPACED:
            self._degree += 0.25 * (evidence - self._degree)
            self._weighed = now
        self.many = self._degree > (_DOUBTFUL if self.many else _SURE)
        return self.many

    def _crowded(self, others: int) -> float:
        """The share of calls of late that were let through with fewer in flight; those with as
        many count half."""
        taken = [slot.others for slot in self._latest if not slot.turned_away]
        if not taken:
            return 0.5
        below, same = sum(number < others for number in taken), taken.count(others)
        return (below + same / 2) / len(taken)
