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

from vistoria.engine.lessons import Lessons
from vistoria.engine.pace import Spacing
from vistoria.engine.slot import Slot
from vistoria.errors import ObservationError, QuotaExhausted, RateLimited, TransientError
from vistoria.events import LimitChanged, Sink

_LOOKS = 8  # calls at once, at most, that look whether an outage is over
_SPENT = 60.0  # seconds for which a spent quota is believed when nobody says how long
_TELL = 0.5  # seconds between two events


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What a person allows: at most `most` calls at once, beginning with `start`, and, if given,
    so many requests and tokens per minute."""

    start: int = 16
    most: int = 256
    requests_per_minute: float | None = None
    tokens_per_minute: float | None = None


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
        self.learned = Lessons(bounds.start, bounds.most, self.dice)
        self.callers = self.suspects = 0
        self._sinks: list[Sink] = []
        self._told: LimitChanged | None = None
        self._tell_at = 0.0
        self._spent: tuple[float, QuotaExhausted] | None = None
        self._number = 0
        self._stragglers = self._looking = 0
        self._held_back = False
        self._timer: asyncio.TimerHandle | None = None
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
            limit.learned.window.most = bounds.most
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
        return min(self.learned.window.size, self._bounds.most)

    @property
    def rate(self) -> float | None:
        """Calls per second, at present; None: as many as `concurrency` gives."""
        return self.learned.pace.rate

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
                self._held_back = at == self.learned.pace.due
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
        flying, bounds, learned = len(self._flying), self._bounds, self.learned
        if flying >= bounds.most:
            return math.inf
        if learned.outage.since is not None:
            most = max(1, min(_LOOKS, bounds.most // 4))
            return learned.outage.due if self._looking < most else math.inf
        if flying - self._stragglers >= learned.window.size:
            self._pass_by_stragglers(now)
            if flying - self._stragglers >= learned.window.size:
                return self._stalled(now)
        at = learned.pace.due
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
        if self.learned.outage.since is not None:
            slot.look = True
            self.learned.outage.look(now, self._looking)
            self._looking += 1
        self._flying[slot.number] = slot
        self.learned.sent(slot, now, held_back=held_back)
        for spacing, tokens in self._fixed.items():
            spacing.take(now, slot.tokens if tokens else 1)

    def _pass_by_stragglers(self, now: float) -> None:
        """The oldest calls in flight, if far slower than others or from before an outage."""
        before = max(now - self.learned.straggling_after, self.learned.outage.began)
        for slot in self._flying.values():
            if slot.sent >= before:
                return
            if not slot.straggler:
                slot.straggler = True
                self._stragglers += 1

    def _stalled(self, now: float) -> float:
        """When to suspect an outage because nothing comes back; begins it if that is now."""
        oldest = next(iter(self._flying.values())).sent
        at = max(self._heard, oldest) + self.learned.stalled_after
        if at > now:
            return at
        self.learned.outage.begin(now, stalled=True)
        self._tell(now)
        return self.learned.outage.due

    # What came of it

    def succeeded(self, slot: Slot, tokens: int | None) -> None:
        """See `Slot`."""
        full = len(self._flying) - self._stragglers >= self.learned.window.size
        now = self._end(slot)
        if now is None:
            return
        self.learned.answered(slot, now, full=full and bool(self._again or self._fresh))
        if tokens is not None and tokens != slot.tokens:
            for spacing, of_tokens in self._fixed.items():
                if of_tokens:
                    spacing.settle(tokens - slot.tokens)
        self._go_on(now)

    def refused(self, slot: Slot, error: RateLimited) -> None:
        """See `Slot`."""
        if (now := self._end(slot)) is not None:
            self.learned.refused(slot, error, now)
            self._go_on(now)

    def failed(self, slot: Slot, error: TransientError) -> None:
        """See `Slot`."""
        if (now := self._end(slot)) is not None:
            self.learned.failed(error, now)
            self._go_on(now)

    def abandoned(self, slot: Slot) -> None:
        """See `Slot`."""
        if (now := self._end(slot)) is not None:
            self._go_on(now)

    def _end(self, slot: Slot) -> float | None:
        """The time, unless the slot is not under way."""
        if self._flying.pop(slot.number, None) is None:
            return None
        self._stragglers -= slot.straggler
        self._looking -= slot.look
        assert self._loop is not None
        self._heard = self._loop.time()
        return self._heard

    def _go_on(self, now: float) -> None:
        if self._again or self._fresh:
            self._pump()
        if now >= self._tell_at:
            self._tell(now)

    def _tell(self, now: float) -> None:
        self._tell_at = now + _TELL
        rate, outage = self.rate, self.learned.outage
        event = LimitChanged(
            service=self.service,
            concurrency=self.concurrency,
            rate=None if rate is None else round(rate, 1 if rate < 100 else None),
            outage=outage.said if outage.since is not None else None,
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
        self._timer = None
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
