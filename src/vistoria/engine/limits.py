"""How hard a service is worked: one Limit per service, shared by everything in the process.

A call waits for a place in flight (`window`) and for its turn (`pace`, fixed limits): first come,
first served, but calls that go out again before new ones. What came of a call teaches the limit.
"""

import asyncio
import math
import time
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from copy import copy
from dataclasses import dataclass
from random import Random
from typing import ClassVar

from vistoria.engine.outage import Outage
from vistoria.engine.pace import Pace, Spacing
from vistoria.engine.window import Window
from vistoria.errors import ObservationError, QuotaExhausted, RateLimited, TransientError
from vistoria.events import LimitChanged, Sink

_RESTART = 4  # calls at once after an outage, doubling from there
_SLOW = 30.0  # seconds: what is in flight for longer, and far longer than others, is a straggler
_STALL = 10.0  # seconds without any answer that may be an outage
_LOOKS = 8  # calls at once, at most, that look whether an outage is over
_SPENT = 60.0  # seconds for which a spent quota is believed when nobody says how long
_SAMPLE = 0.02  # seconds between two calls that are remembered for how many were in flight
_TELL = 0.5  # seconds between two events


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What a person allows: at most `most` calls at once, beginning with `start`, and, if given,
    so many requests and tokens per minute."""

    start: int = 16
    most: int = 256
    requests_per_minute: float | None = None
    tokens_per_minute: float | None = None


class Slot:
    """Leave for one call. Say once what came of it; more is ignored."""

    __slots__ = (
        "_limit",
        "look",
        "number",
        "others",
        "sent",
        "straggler",
        "tokens",
        "turn",
        "turned_away",
    )

    def __init__(self, limit: "Limit", tokens: int) -> None:
        """`tokens`: how many the call may take."""
        self._limit = limit
        self.tokens = tokens
        self.turn: asyncio.Future[None] | None = None
        self.number = -1
        """Of the call, counting all of this service; -1 while it waits."""
        self.sent = 0.0
        """When it was let go, by the loop's clock."""
        self.others = 0
        """Calls in flight then."""
        self.look = self.straggler = self.turned_away = False

    def succeeded(self, tokens: int | None = None) -> None:
        """The service answered, whatever it said; `tokens`: what it took, if known."""
        self._limit._succeeded(self, tokens)

    def refused(self, error: RateLimited) -> None:
        """The service wants less."""
        self._limit._refused(self, error)

    def failed(self, error: TransientError) -> None:
        """It failed in passing."""
        self._limit._failed(self, error)

    def abandoned(self) -> None:
        """Nothing is known of it, because it was cancelled, or hit a bug of ours."""
        self._limit._abandoned(self)


class Limit:
    """Of one service, on one event loop at a time.

    `alive`: when the latest call that was answered was sent; `silent_since`: when, after that,
    the first one was not. Times are of the loop's clock.
    """

    _shared: ClassVar[dict[str, "Limit"]] = {}

    def __init__(self, service: str, bounds: Bounds, *, seed: int | None = None) -> None:
        """`service` names it in events; `seed`: of the dice that spread waits."""
        self.service = service
        self.dice = Random(seed)
        self.outage = Outage(self.dice)
        self.alive = -math.inf
        self.silent_since: float | None = None
        self.callers = self.suspects = 0
        self.window = Window(bounds.start, bounds.most)
        self.pace = Pace(self.dice)
        self._sinks: list[Sink] = []
        self._told: LimitChanged | None = None
        self._tell_at = 0.0
        self._blame = 0.5  # of the number at once, rather than the rate, for refusals of late
        self._many = False
        self._blamed_before, self._blamed_at = 0, 0.0
        self._cut_before = 0  # refusals of calls before this one had their effect on the window
        self._spent: tuple[float, QuotaExhausted] | None = None
        self._number = 0
        self._bind(bounds)
        self._settle_on(None)

    @classmethod
    def shared(cls, service: str, bounds: Bounds) -> "Limit":
        """The one of this process; the latest `bounds` hold for all who use it.

        `service` tells apart what is limited apart: model, account and endpoint. Two event loops
        that run at the same time, in two threads, have a limit each.
        """
        limit = cls._shared.get(service)
        if limit is None or limit._busy_elsewhere():
            limit = cls._shared[service] = cls(service, bounds)
        elif bounds != limit._bounds:
            limit.window.most = bounds.most
            limit._bind(bounds)
        return limit

    @property
    def in_flight(self) -> int:
        """Calls under way."""
        return len(self._flying)

    @property
    def waiting(self) -> int:
        """Calls that wait for leave."""
        return sum(not slot.turn.cancelled() for slot in (*self._again, *self._fresh) if slot.turn)

    @property
    def concurrency(self) -> int:
        """Calls at once, at present."""
        return min(self.window.size, self._bounds.most)

    @property
    def rate(self) -> float | None:
        """Calls per second, at present; None: as many as `concurrency` gives."""
        return self.pace.rate

    @property
    def straggling_after(self) -> float:
        """Seconds after which a call in flight is a straggler: it doesn't keep others waiting."""
        return max(_SLOW, 10.0 * self.window.latencies.median)

    @contextmanager
    def watched_by(self, sink: Sink) -> Iterator[None]:
        """Tells `sink` of changes meanwhile."""
        self._sinks.append(sink)
        try:
            yield
        finally:
            self._sinks.remove(sink)

    async def acquire(self, tokens: int = 0, *, again: bool = False) -> Slot:
        """Waits for leave; `again`: before those who wait for their first.

        Raises QuotaExhausted while the quota is known to be spent.
        """
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self._settle_on(loop)
        now = loop.time()
        self._check_quota(now)
        slot = Slot(self, tokens)
        if not (self._again or self._fresh) and self._opens(now) <= now:
            self._let_go(slot, now, held_back=False)
            return slot
        slot.turn = loop.create_future()
        (self._again if again else self._fresh).append(slot)
        self._pump()
        try:
            await slot.turn
        except asyncio.CancelledError:
            if slot.turn.done() and not slot.turn.cancelled():
                slot.turn.exception()  # so that it counts as seen
            slot.abandoned()
            raise
        return slot

    @asynccontextmanager
    async def slot(self, tokens: int = 0) -> AsyncIterator[Slot]:
        """Leave for the call made inside; what it raises says what came of it."""
        slot = await self.acquire(tokens)
        try:
            yield slot
        except RateLimited as error:
            slot.refused(error)
            raise
        except TransientError as error:
            slot.failed(error)
            raise
        except ObservationError:
            slot.succeeded()
            raise
        except QuotaExhausted as error:
            self.exhausted(error)
            raise
        else:
            slot.succeeded()
        finally:
            slot.abandoned()

    def exhausted(self, error: QuotaExhausted) -> None:
        """The quota is spent: all who wait hear it at once, and who asks until it resets."""
        assert self._loop is not None
        now = self._loop.time()
        until = now + _SPENT
        if error.resets_at is not None:
            until = now + error.resets_at.timestamp() - time.time()
        self._spent = (until, error)
        for queue in (self._again, self._fresh):
            while queue:
                turn = queue.popleft().turn
                if turn is not None and not turn.done():
                    turn.set_exception(copy(error))

    # Who goes when

    def _pump(self) -> None:
        """Lets go whom it may, and wakes up again when the next one's time comes."""
        assert self._loop is not None
        now, held_back = self._loop.time(), self._held_back
        self._held_back = False
        while (turn := self._next_turn()) is not None:
            at = self._opens(now)
            if at > now:
                self._held_back = at == self.pace.due
                self._wake_at(at)
                return
            slot = (self._again or self._fresh).popleft()
            self._let_go(slot, now, held_back=held_back)
            turn.set_result(None)

    def _next_turn(self) -> asyncio.Future[None] | None:
        for queue in (self._again, self._fresh):
            while queue:
                turn = queue[0].turn
                if turn is not None and not turn.done():
                    return turn
                queue.popleft()  # cancelled
        return None

    def _opens(self, now: float) -> float:
        """When the next call may go, if nothing else happens before."""
        flying, bounds = len(self._flying), self._bounds
        if flying >= bounds.most:
            return math.inf
        if self.outage.since is not None:
            most = max(1, min(_LOOKS, bounds.most // 4))
            return self.outage.due if self._looking < most else math.inf
        if flying - self._stragglers >= self.window.size:
            self._pass_by_stragglers(now)
            if flying - self._stragglers >= self.window.size:
                return self._stalled(now)
        at = self.pace.due
        for spacing in self._fixed:
            at = max(at, spacing.due)
        return at

    def _wake_at(self, at: float) -> None:
        timer = self._timer
        if timer is not None:
            if timer.when() <= at and not timer.cancelled():
                return
            timer.cancel()
        self._timer = None
        if at < math.inf:
            assert self._loop is not None
            self._timer = self._loop.call_at(at, self._ring)

    def _ring(self) -> None:
        self._timer = None
        self._pump()

    def _let_go(self, slot: Slot, now: float, *, held_back: bool) -> None:
        self._number += 1
        slot.number, slot.sent, slot.others = self._number, now, len(self._flying)
        if self.outage.since is not None:
            slot.look = True
            self.outage.look(now, self._looking)
            self._looking += 1
        self._flying[slot.number] = slot
        if now - self._latest_at > _SAMPLE:
            self._latest_at = now
            self._latest.append(slot)
        self.pace.sent(now, slot.number, held_back=held_back)
        for spacing, tokens in self._fixed.items():
            spacing.take(now, slot.tokens if tokens else 1)

    def _pass_by_stragglers(self, now: float) -> None:
        """The oldest calls in flight, if far slower than others or from before an outage."""
        before = max(now - self.straggling_after, self.outage.began)
        for slot in self._flying.values():
            if slot.sent >= before:
                return
            if not slot.straggler:
                slot.straggler = True
                self._stragglers += 1

    def _stalled(self, now: float) -> float:
        """When to suspect an outage because nothing comes back; begins it if that is now."""
        oldest = next(iter(self._flying.values())).sent
        patience = max(_STALL, 5.0 * self.window.latencies.slow)
        at = max(self._heard, oldest) + patience
        if at > now:
            return at
        self.outage.begin(now)
        self._tell(now)
        return self.outage.due

    # What came of it

    def _end(self, slot: Slot) -> float | None:
        """The time, unless the slot is not under way."""
        if self._flying.pop(slot.number, None) is None:
            return None
        slot.number = -1
        self._stragglers -= slot.straggler
        self._looking -= slot.look
        assert self._loop is not None
        self._heard = self._loop.time()
        return self._heard

    def _succeeded(self, slot: Slot, tokens: int | None) -> None:
        number = slot.number
        full = len(self._flying) - self._stragglers >= self.window.size
        now = self._end(slot)
        if now is None:
            return
        self.alive = max(self.alive, slot.sent)
        self.silent_since = None
        if self.outage.answered(slot.sent):
            self.window.restart(_RESTART)
        full = full and bool(self._again or self._fresh)
        self.window.answered(now - slot.sent, now, full=full)
        self.pace.answered(number)
        if self.window.latencies.median:
            self.pace.at_most = max(100.0, 3 * self.window.size / self.window.latencies.median)
        if tokens is not None and tokens != slot.tokens:
            for spacing, of_tokens in self._fixed.items():
                if of_tokens:
                    spacing.settle(tokens - slot.tokens)
        self._go_on(now)

    def _refused(self, slot: Slot, error: RateLimited) -> None:
        number = slot.number
        now = self._end(slot)
        if now is None:
            return
        slot.turned_away = True
        if self.silent_since is None:
            self.silent_since = now
        if not self._too_many(number, slot.others, error, now):
            self.pace.refused(number, slot.sent, now, error.retry_after)
        elif number >= self._cut_before:
            self.window.cut(slot.others, now)
            self._cut_before = self._number + 1
        self._go_on(now)

    def _too_many(self, number: int, others: int, error: RateLimited, now: float) -> bool:
        """Whether a refusal was for too many at once, rather than too fast."""
        if error.too is not None:
            return error.too == "many"
        if number >= self._blamed_before:  # those of one moment are one piece of evidence
            self._blamed_before = self._number + 1
            evidence = self._evidence(others)
            if evidence < self._blame or now - self._blamed_at > 0.3:
                self._blame += 0.2 * (evidence - self._blame)
                self._blamed_at = now
            if self._many and self._blame < 0.4:
                self._many = False
                self.window.forget()
            elif not self._many and self._blame > 0.85:
                self._many = True
                self.pace.forget()
        return self._many

    def _evidence(self, others: int) -> float:
        """That the number at once matters, 0 to 1."""
        if others >= self.window.size - 1:  # as always, so look whether it has just grown
            return 1.0 if self.window.trying else 0.0
        return self._crowded(others)

    def _crowded(self, others: int) -> float:
        """The share of calls of late that were let through with fewer in flight, 0 to 1;
        those with as many count half."""
        taken = [slot.others for slot in self._latest if not slot.turned_away]
        if not taken:
            return 0.5
        below, same = sum(n < others for n in taken), taken.count(others)
        return (below + same / 2) / len(taken)

    def _failed(self, slot: Slot, error: TransientError) -> None:
        now = self._end(slot)
        if now is None:
            return
        if self.silent_since is None:
            self.silent_since = now
        self.outage.failed(now, str(error), error.retry_after)
        self._go_on(now)

    def _abandoned(self, slot: Slot) -> None:
        now = self._end(slot)
        if now is not None:
            self._go_on(now)

    def _go_on(self, now: float) -> None:
        if self._again or self._fresh:
            self._pump()
        if now >= self._tell_at:
            self._tell(now)

    def _tell(self, now: float) -> None:
        self._tell_at = now + _TELL
        rate = self.rate
        event = LimitChanged(
            service=self.service,
            concurrency=self.concurrency,
            rate=None if rate is None else round(rate, 1 if rate < 100 else None),
            outage=self.outage.said if self.outage.since is not None else None,
        )
        if event != self._told:
            self._told = event
            for sink in self._sinks:
                sink(event)

    # What it stands on

    def _bind(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._fixed: dict[Spacing, bool] = {}  # whether it counts tokens
        if bounds.requests_per_minute is not None:
            self._fixed[Spacing(bounds.requests_per_minute)] = False
        if bounds.tokens_per_minute is not None:
            self._fixed[Spacing(bounds.tokens_per_minute)] = True

    def _settle_on(self, loop: asyncio.AbstractEventLoop | None) -> None:
        """What was learned stays; what belongs to a loop that has ended does not."""
        self._loop = loop
        self._flying: dict[int, Slot] = {}
        self._again: deque[Slot] = deque()
        self._fresh: deque[Slot] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._latest: deque[Slot] = deque(maxlen=100)
        self._latest_at = 0.0
        self._stragglers = self._looking = 0
        self._held_back = False
        self._heard = 0.0

    def _busy_elsewhere(self) -> bool:
        loop = self._loop
        if loop is None or loop.is_closed() or not self._flying:
            return False
        try:
            return asyncio.get_running_loop() is not loop
        except RuntimeError:
            return True

    def _check_quota(self, now: float) -> None:
        if self._spent is not None:
            until, error = self._spent
            if now < until:
                raise copy(error)
            self._spent = None
