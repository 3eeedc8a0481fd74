"""What the tests of limits and callers share: small limits, and calls that fail as told."""

import asyncio
from collections.abc import Awaitable, Callable

from vistoria.engine.caller import Caller
from vistoria.engine.limits import Bounds, Limit
from vistoria.events import Event, ignore


def now() -> float:
    """The loop's clock."""
    return asyncio.get_running_loop().time()


def a_limit(**bounds: float) -> Limit:
    """One at four calls at once, if not told otherwise."""
    return Limit("a service", Bounds(**{"start": 4, "most": 4, **bounds}), seed=1)  # type: ignore[arg-type]


def a_caller(
    limit: Limit, retries: int = 3, patience: float = 3600.0, events: list[Event] | None = None
) -> Caller:
    """One that notes its events."""
    emit = ignore if events is None else events.append
    return Caller(limit, retries=retries, patience=patience, emit=emit)


async def answer(after: float = 0.1) -> float:
    """A call that works; the time of the answer."""
    await asyncio.sleep(after)
    return now()


def failing(*errors: Exception, times: list[float] | None = None) -> Callable[[], Awaitable[str]]:
    """A call that raises these, one after the other, then works; notes when it was made."""
    left = list(errors)

    async def call() -> str:
        if times is not None:
            times.append(now())
        await asyncio.sleep(0.1)
        if left:
            raise left.pop(0)
        return "answer"

    return call


async def keep_busy(caller: Caller, seconds: float) -> None:
    """Other calls, which work."""
    end = now() + seconds
    while now() < end:
        await caller.call(answer)
