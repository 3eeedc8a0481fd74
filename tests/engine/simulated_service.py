"""A service with a hidden limit, and what a Limit makes of it, in virtual time.

`benchmarks/engine/simulated.py` asks it with many seeds.
"""

import asyncio
import math
from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from random import Random
from typing import Protocol, TypeAlias

from tests.engine.virtual_time import run
from vistoria.engine.caller import Caller
from vistoria.engine.limits import Bounds, Limit
from vistoria.errors import ObservationError, RateLimited, TransientError
from vistoria.events import Event, ignore

Steps: TypeAlias = Sequence[tuple[float, float]]
"""(from when, how much), in order; the first from 0."""


def at(steps: Steps, now: float) -> float:
    """How much at that time."""
    return steps[bisect_right(steps, (now, math.inf)) - 1][1]


def total(steps: Steps, begin: float, end: float) -> float:
    """How much times how long, between two times."""
    times = sorted({begin, end, *(t for t, _ in steps if begin < t < end)})
    return sum((b - a) * at(steps, a) for a, b in pairwise(times))


class Hidden(Protocol):
    """A limit of a service."""

    def admits(self, now: float) -> bool:
        """Takes a call, or refuses it."""

    def left(self) -> None:
        """A call that was taken has been answered."""

    def wait(self, now: float) -> float:
        """Seconds after which a refused call may come again."""


class TokenBucket:
    """`burst` is in seconds of the rate, or calls at least."""

    def __init__(self, steps: Steps, burst: float = 0.0, calls: float = 1.0) -> None:
        self._steps, self._burst, self._calls = steps, burst, calls
        self._tokens, self._at = self._most(0.0), 0.0

    def _most(self, now: float) -> float:
        return max(self._calls, self._burst * at(self._steps, now))

    def admits(self, now: float) -> bool:
        earned = total(self._steps, self._at, now) if now > self._at else 0.0
        self._tokens = min(self._most(now), self._tokens + earned)
        self._at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True

    def left(self) -> None:
        """Nothing is in flight here."""

    def wait(self, now: float) -> float:
        return (1 - self._tokens) / at(self._steps, now)


class FixedWindow:
    """So many calls per second, counted from each full `period`."""

    def __init__(self, steps: Steps, period: float = 1.0) -> None:
        self._steps, self._period = steps, period
        self._window, self._count = -1, 0

    def admits(self, now: float) -> bool:
        window = int(now / self._period)
        if window != self._window:
            self._window, self._count = window, 0
        if self._count >= at(self._steps, now) * self._period:
            return False
        self._count += 1
        return True

    def left(self) -> None:
        """Nothing is in flight here."""

    def wait(self, now: float) -> float:
        return (self._window + 1) * self._period - now


class SlidingWindow:
    """So many calls in the `period` before each."""

    def __init__(self, steps: Steps, period: float = 1.0) -> None:
        self._steps, self._period = steps, period
        self._taken: deque[float] = deque()

    def admits(self, now: float) -> bool:
        while self._taken and self._taken[0] <= now - self._period:
            self._taken.popleft()
        if len(self._taken) >= at(self._steps, now) * self._period:
            return False
        self._taken.append(now)
        return True

    def left(self) -> None:
        """Nothing is in flight here."""

    def wait(self, now: float) -> float:
        return self._taken[0] + self._period - now if self._taken else 0.0


KINDS: Mapping[str, Callable[[Steps], Hidden]] = {
    "bucket of 0.1 s": lambda steps: TokenBucket(steps, 0.1),
    "bucket of 1 s": lambda steps: TokenBucket(steps, 1.0),
    "fixed window": FixedWindow,
    "sliding window": SlidingWindow,
}
"""The ways in which services count calls per second."""


class InFlight:
    """So many calls at once."""

    def __init__(self, steps: Steps) -> None:
        self._steps, self._count = steps, 0

    def admits(self, now: float) -> bool:
        if self._count >= at(self._steps, now):
            return False
        self._count += 1
        return True

    def left(self) -> None:
        self._count -= 1

    def wait(self, now: float) -> float:
        return 0.5


class Unlimited:
    """Takes all."""

    def admits(self, now: float) -> bool:
        return True

    def left(self) -> None:
        """Nothing to count."""

    def wait(self, now: float) -> float:
        return 0.0


@dataclass(frozen=True, kw_only=True)
class Outage:
    """From `begin` to `end`, calls fail after `delay` seconds, those in flight too."""

    begin: float
    end: float
    delay: float = 0.01


@dataclass(frozen=True, kw_only=True)
class Behaviour:
    """How the service feels. Latencies are lognormal around `latency`, with sigma `spread`;
    `stragglers` take 8 times as long. A refusal takes `refusal` seconds. `noise`: share of calls
    refused for no reason; `faults`: share that fails in passing. `hints`: refusals say when to
    come again, at least in so many seconds. `network`: seconds each way, at most."""

    latency: float = 0.3
    spread: float = 0.5
    stragglers: float = 0.01
    refusal: float = 0.02
    network: float = 0.005
    noise: float = 0.0
    faults: float = 0.0
    hints: float | None = None
    outages: Sequence[Outage] = ()


@dataclass
class Service:
    """Counts what happens to it: the times at which calls were taken, refused, answered, and at
    which they failed."""

    hidden: Hidden
    behaviour: Behaviour = Behaviour()
    seed: int = 1
    taken: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)
    answered: list[float] = field(default_factory=list)
    failed: list[float] = field(default_factory=list)
    worked: float = 0.0
    at_once: int = 0
    most_at_once: int = 0

    def __post_init__(self) -> None:
        self._dice = Random(self.seed)
        self._clock: Callable[[], float] | None = None

    async def ask(self) -> float:
        """The time of the answer. Raises RateLimited or TransientError."""
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            return await self._serve()
        finally:
            self.at_once -= 1

    async def _serve(self) -> float:
        how, dice = self.behaviour, self._dice
        if self._clock is None:
            self._clock = asyncio.get_running_loop().time
        await asyncio.sleep(dice.random() * how.network)
        now = self._clock()
        await self._fail_if_out(now)
        if dice.random() < how.noise or not self.hidden.admits(now):
            self.refused.append(now)
            wait = max(how.hints, self.hidden.wait(now)) if how.hints is not None else None
            await asyncio.sleep(how.refusal * dice.uniform(0.5, 1.5))
            raise RateLimited("too much", retry_after=wait)
        self.taken.append(now)
        try:
            await self._work(now)
        finally:
            self.hidden.left()
            self.worked += self._clock() - now
        await asyncio.sleep(dice.random() * how.network)
        self.answered.append(self._clock())
        return self.answered[-1]

    async def _work(self, now: float) -> None:
        how, dice = self.behaviour, self._dice
        seconds = how.latency * dice.lognormvariate(0, how.spread)
        if dice.random() < how.stragglers:
            seconds *= 8
        for outage in how.outages:
            if now < outage.begin < now + seconds:
                await asyncio.sleep(outage.begin - now + outage.delay)
                raise TransientError("connection reset")
        await asyncio.sleep(seconds)
        if dice.random() < how.faults:
            raise TransientError("HTTP 500")

    async def _fail_if_out(self, now: float) -> None:
        for outage in self.behaviour.outages:
            if outage.begin <= now < outage.end:
                self.failed.append(now)
                await asyncio.sleep(outage.delay)
                raise TransientError("HTTP 503")


@dataclass(frozen=True, kw_only=True)
class Seen:
    """A run as the service saw it. `failed`: images that ended without an answer."""

    service: Service
    limit: Limit
    failed: int
    seconds: float

    def taken(self, begin: float, end: float) -> int:
        """Calls taken between two times."""
        times = self.service.taken
        return bisect_right(times, end) - bisect_right(times, begin)

    def use(self, steps: Steps, begin: float, end: float | None = None) -> float:
        """Calls taken, as a share of what the limit allowed."""
        end = end or self.seconds
        return self.taken(begin, end) / total(steps, begin, end)

    def warm_use(self, steps: Steps, warm: float) -> float:
        """The same, leaving out so many seconds from each change of the limit."""
        ends = [*(begin for begin, _ in steps[1:]), self.seconds]
        parts = [(begin + warm, end) for (begin, _), end in zip(steps, ends, strict=True)]
        allowed = sum(total(steps, begin, end) for begin, end in parts)
        return sum(self.taken(begin, end) for begin, end in parts) / allowed

    def refused(self) -> float:
        """Share of all calls that were refused."""
        refused = len(self.service.refused)
        return refused / max(1, refused + len(self.service.taken))


def work(
    service: Service,
    seconds: float,
    bounds: Bounds = Bounds(most=256),  # noqa: B008
    *,
    emit: Callable[[Event], None] = ignore,
    limit: Limit | None = None,
    retries: int = 8,
    late: float = 0.0,
) -> Seen:
    """Asks for that long, with as many images as can be asked; `late`: see VirtualLoop."""
    failed = 0
    limit = limit or Limit("simulated", bounds, seed=1)

    async def main() -> None:
        caller = Caller(limit, retries=retries, patience=3600.0, emit=emit)
        end = asyncio.get_running_loop().time() + seconds

        async def one() -> None:
            nonlocal failed
            while asyncio.get_running_loop().time() < end:
                try:
                    await caller.call(service.ask)
                except ObservationError:
                    failed += 1

        with limit.watched_by(emit):
            tasks = [asyncio.create_task(one()) for _ in range(2 * bounds.most)]
            await asyncio.sleep(seconds)
            for task in tasks:
                task.cancel()
            for result in await asyncio.gather(*tasks, return_exceptions=True):
                if isinstance(result, Exception):
                    raise result

    run(main(), late=late)
    return Seen(service=service, limit=limit, failed=failed, seconds=seconds)
