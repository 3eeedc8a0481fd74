"""Adds up the events of a run into the numbers that a screen shows."""

import time
from collections import Counter, deque
from collections.abc import Callable

from vistoria.events import (
    Event,
    JobChanged,
    LimitChanged,
    Rerouted,
    Retrying,
    Scanned,
    Settled,
    Spent,
    Started,
    Stopping,
)

_WINDOW = 30.0  # seconds over which the rate is taken
_UNDER_WAY = frozenset({"uploading", "queued", "running", "collecting"})
_STEP = 0.5  # seconds between two marks in that window


class Tally:
    """Where a run stands. One thread gives it events, any other may read.

    `rows`: read so far. `pending` is None until the source has been read. `retries` counts calls
    repeated for a passing reason; `at_once` is the number of calls at once that a service takes,
    and `outage` what it says while nothing gets through; `bill` is None until something was
    billed; `jobs` are batch jobs by name; `answering` names models that answered in place of the
    one asked; `stopping` says why no new work is taken.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock`: seconds."""
        self.rows = 0
        self.total = 0
        self.pending: int | None = None
        self.answered = 0
        self.failed: Counter[str] = Counter()
        self.retries: Counter[str] = Counter()
        self.tokens = 0
        self.at_once: int | None = None
        self.outage: str | None = None
        self.bill: Spent | None = None
        self.jobs: dict[str, JobChanged] = {}
        self.answering: list[str] = []
        self.stopping: str | None = None
        self._clock = clock
        self._marks: deque[tuple[float, int]] = deque([(clock(), 0)])

    def take(self, event: Event) -> None:
        """Counts an event in."""
        match event:
            case Scanned():
                self.rows = event.rows
            case Started():
                self.total, self.pending = event.total, event.pending
                self._marks = deque([(self._clock(), 0)])
            case Settled():
                self._settle(event)
            case Retrying():
                self.retries[event.reason] += 1
            case LimitChanged():
                self.at_once, self.outage = event.concurrency, event.outage
            case Spent():
                self.bill = event
            case JobChanged():
                self.jobs[event.name] = event
            case Rerouted():
                self.answering.append(event.answered)
            case Stopping():
                self.stopping = event.reason

    def _settle(self, event: Settled) -> None:
        for attempt in event.attempts:
            if attempt.status == "answered":
                self.answered += 1
            else:
                self.failed[attempt.reason or "unknown"] += 1
            usage = attempt.usage
            self.tokens += usage.input_tokens + usage.output_tokens + usage.thinking_tokens
        now = self._clock()
        if now - self._marks[-1][0] >= _STEP:
            self._marks.append((now, self.settled))
            while len(self._marks) > 2 and now - self._marks[0][0] > _WINDOW:
                self._marks.popleft()

    @property
    def under_way(self) -> list[JobChanged]:
        """The batch jobs that are not over."""
        return [job for job in self.jobs.values() if job.state in _UNDER_WAY]

    @property
    def settled(self) -> int:
        """Observations answered or failed in this session."""
        return self.answered + self.failed.total()

    @property
    def rate(self) -> float:
        """Observations per second of late."""
        began, before = self._marks[0]
        seconds = self._clock() - began
        return (self.settled - before) / seconds if seconds > 0 else 0.0

    @property
    def projected(self) -> int | None:
        """What the run will have cost if the rest costs as much each as this session's so far, in
        picodollars; None while nothing can be said."""
        bill, pending = self.bill, self.pending
        if bill is None or bill.now is None or not self.settled or pending is None:
            return None
        return bill.before + bill.now * max(pending, self.settled) // self.settled

    @property
    def left(self) -> float | None:
        """Seconds to go at this rate, or None while nothing can be said."""
        if self.pending is None or not self.rate:
            return None
        return max(0, self.pending - self.settled) / self.rate
