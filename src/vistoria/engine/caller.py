"""Calls a service until it answers: refusals and outages cost time, never an image."""

import asyncio
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from typing import Generic, TypeVar

from vistoria.engine.limits import Limit
from vistoria.engine.slot import Slot
from vistoria.errors import (
    ObservationError,
    QuotaExhausted,
    RateLimited,
    ServiceDown,
    TransientError,
    Unreachable,
)
from vistoria.events import Retrying, Sink
from vistoria.records import Usage

_T = TypeVar("_T")

_FIRST, _LONGEST = 0.5, 30.0  # seconds before a call that failed goes out again
_REFUSED = 0.1  # the same for one that was refused, where the service doesn't say
_REFUSALS = 100  # of one call, each while others were answered, that end its tries


@dataclass(frozen=True, slots=True)
class Called(Generic[_T]):
    """What a call came to, how often it was made, and what was billed for the tries that failed."""

    result: _T
    tries: int
    usage: Usage


class GaveUp(Unreachable):
    """No try worked, while others were answered. `tries` counts all, `usage` sums their bills."""

    def __init__(self, last: TransientError, tries: int, usage: Usage) -> None:
        """`last`: what the service said at the end."""
        self.tries, self.usage = tries, usage
        super().__init__(f"gave up after {tries} tries: {last}")


class Caller:
    """Makes the calls of one run under a service's limit.

    A failed try counts against what is asked about only if the service answered another call that
    was sent after it, with no outage between: else the service failed, not the image.
    """

    def __init__(self, limit: Limit, *, retries: int, patience: float, emit: Sink) -> None:
        """`retries`: tries that may count after the first. `patience`: seconds for which a
        service that answers nothing is waited for; a twelfth of that if it never has answered."""
        self._limit, self._retries, self._patience = limit, retries, patience
        self.service, self.emit = limit.service, emit

    async def call(
        self,
        make: Callable[[], Awaitable[_T]],
        *,
        tokens: int = 0,
        used: Callable[[_T], int] | None = None,
    ) -> Called[_T]:
        """What `make` returns. `tokens`: what a call may take; `used`: what it took.

        Raises GaveUp, ServiceDown, QuotaExhausted, or what else `make` raises.
        """
        limit, tries = self._limit, _Tries()
        if not limit.callers:
            limit.learned.silent_since = None  # what happened long ago doesn't count
        limit.callers += 1
        try:
            while True:
                slot = await limit.acquire(tokens, again=tries.made > 0)
                tries.made += 1
                try:
                    result = await make()
                except TransientError as error:
                    tries.bill(error)
                    await self._wait(slot, error, tries)
                except ObservationError:
                    slot.succeeded()
                    raise
                except QuotaExhausted as error:
                    limit.exhausted(error)
                    raise
                else:
                    slot.succeeded(used(result) if used else None)
                    return Called(result, tries.made, tries.usage)
                finally:
                    slot.abandoned()  # unless told what came of it
        finally:
            limit.callers -= 1
            limit.suspects -= tries.counted > 0

    async def _wait(self, slot: Slot, error: TransientError, tries: "_Tries") -> None:
        """Until the call may go out again; raises when it should not."""
        limit, longest, asked = self._limit, _LONGEST, error.retry_after or 0.0
        if isinstance(error, RateLimited):
            slot.refused(error)
            reason, first, before = "rate_limited", _REFUSED, tries.refused
        else:
            slot.failed(error)
            reason, first, before = "transient", _FIRST, tries.counted
        self._check_patience(error, asked)
        self.emit(Retrying(reason=reason, wait=error.retry_after))
        pause = min(longest, first * 2.0**before) * limit.dice.uniform(0.5, 1.0)
        await asyncio.sleep(max(asked, pause))
        self._count(slot, error, tries)

    def _count(self, slot: Slot, error: TransientError, tries: "_Tries") -> None:
        limit, learned = self._limit, self._limit.learned
        alive = learned.alive > slot.sent and learned.outage.began <= slot.sent
        fine = alive and not slot.look
        if isinstance(error, RateLimited):
            tries.refused += fine
        elif fine or (tries.counted and limit.suspects == limit.callers):
            # The latter: nobody is left to prove that the service is well but calls like this.
            limit.suspects += tries.counted == 0
            tries.counted += 1
        if tries.counted > self._retries or tries.refused > _REFUSALS:
            raise GaveUp(error, tries.made, tries.usage) from error

    def _check_patience(self, error: TransientError, asked: float) -> None:
        limit, learned = self._limit, self._limit.learned
        now = asyncio.get_running_loop().time()
        if isinstance(error, RateLimited) and asked > self._patience:
            resets_at = datetime.now(UTC) + timedelta(seconds=asked)
            spent = QuotaExhausted(
                f"{limit.service} refuses for long: {error}", resets_at=resets_at
            )
            limit.exhausted(spent)
            raise spent from error
        patience = self._patience if learned.alive > -math.inf else self._patience / 12
        if learned.silent_since is not None and now - learned.silent_since > patience:
            raise ServiceDown(
                f"{limit.service} has not answered for {patience / 60:.0f} minutes: {error}\n"
                "  The same command goes on where this one stopped."
            ) from error


@dataclass(slots=True)
class _Tries:
    """Of one call. `counted`: failures that speak against it; `refused`: refusals of it alone."""

    made: int = 0
    counted: int = 0
    refused: int = 0
    usage: Usage = Usage()  # noqa: RUF009 - frozen

    def bill(self, error: TransientError) -> None:
        """Adds what a failed try was billed for."""
        if error.usage is not None:
            names = (field.name for field in fields(Usage))
            self.usage = Usage(
                **{n: getattr(self.usage, n) + getattr(error.usage, n) for n in names}
            )
