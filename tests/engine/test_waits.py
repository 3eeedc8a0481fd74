"""Waits that a service asks for, quotas, and limits per minute that a person sets."""

import asyncio
from bisect import bisect_left
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest

from tests.engine.calling import a_caller, a_limit, answer, failing, keep_busy, now
from tests.engine.simulated_service import Service, Unlimited, work
from tests.engine.virtual_time import run
from vistoria.engine.limits import Bounds, Limit
from vistoria.errors import QuotaExhausted, RateLimited
from vistoria.events import Event, Retrying


def test_a_refused_call_waits_as_long_as_it_is_asked_to() -> None:
    times: list[float] = []
    events: list[Event] = []

    async def main() -> int:
        limit = a_limit()
        call = failing(RateLimited("no", retry_after=7.0), times=times)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(keep_busy(a_caller(limit), 20.0))
            made = tasks.create_task(a_caller(limit, events=events).call(call))
        return (await made).tries

    assert run(main()) == 2
    assert times[1] - times[0] >= 7.1
    assert events == [Retrying(reason="rate_limited", wait=7.0)]


def test_nobody_is_sent_while_all_are_refused_and_told_to_wait() -> None:
    times: list[float] = []

    async def call() -> None:
        times.append(now())
        await asyncio.sleep(0.02)
        if now() < 40.0:
            raise RateLimited("no", retry_after=40.0 - now())

    async def main() -> None:
        caller = a_caller(Limit("a service", Bounds(most=64), seed=1))
        await asyncio.gather(*(caller.call(call) for _ in range(300)))

    run(main())
    assert sum(t < 40.0 for t in times) < 40
    assert sum(1.0 < t < 39.9 for t in times) == 0


def test_a_spent_quota_stops_all_at_once_and_says_when_it_resets() -> None:
    resets_at = datetime.now(UTC) + timedelta(hours=5)
    made = count()

    async def call() -> None:
        await asyncio.sleep(0.1)
        if next(made) > 3:
            raise QuotaExhausted("1,500 requests a day are used up", resets_at=resets_at)

    async def main() -> float:
        limit = a_limit()
        many = [a_caller(limit).call(call) for _ in range(100)]
        errors = await asyncio.gather(*many, return_exceptions=True)
        spent = [e for e in errors if isinstance(e, QuotaExhausted)]
        assert len(spent) == 96
        assert all("resets at" in str(e) and e.resets_at == resets_at for e in spent)
        stopped = now()
        with pytest.raises(QuotaExhausted):
            await limit.acquire()
        await asyncio.sleep(5 * 3600.0 + 1.0)
        (await limit.acquire()).succeeded()
        return stopped

    assert run(main()) < 0.5


def test_a_wait_beyond_patience_is_a_spent_quota() -> None:
    async def main() -> None:
        refusal = RateLimited("come back tomorrow", retry_after=8 * 3600.0)
        await a_caller(a_limit()).call(failing(refusal))

    with pytest.raises(QuotaExhausted, match=r"come back tomorrow.* It resets at 20"):
        run(main())


def test_requests_per_minute_are_kept_and_used() -> None:
    seen = work(Service(Unlimited()), 180.0, Bounds(most=16, requests_per_minute=600))
    times = seen.service.taken
    for index, first in enumerate(times):
        assert bisect_left(times, first + 60.0 - 0.005) - index <= 600  # 5 ms of network
    assert len(times) >= 0.98 * 1800


def test_tokens_per_minute_are_kept_though_calls_take_other_than_thought() -> None:
    async def main() -> int:
        limit = a_limit(tokens_per_minute=60_000, start=8, most=8)
        caller, taken = a_caller(limit), 0

        async def one() -> None:
            nonlocal taken
            while now() < 120.0:
                await caller.call(answer, tokens=1000, used=lambda _: 500)
                taken += 500 if now() < 120.0 else 0

        await asyncio.gather(*(one() for _ in range(20)))
        return taken

    assert 0.97 * 120_000 <= run(main()) <= 120_000
