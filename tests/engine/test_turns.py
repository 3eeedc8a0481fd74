"""Who goes when: turns, cancelling, stragglers, and one limit for all who share a service."""

import asyncio
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.engine.calling import a_caller, a_limit, answer, now
from tests.engine.simulated_service import Behaviour, Service, TokenBucket, Unlimited
from tests.engine.virtual_time import run
from vistoria.engine.limits import Bounds, Limit
from vistoria.errors import ImageRefused, RateLimited, TransientError


def test_first_come_first_served_but_those_who_come_again_before_all() -> None:
    async def main() -> list[str]:
        limit, order = a_limit(start=1, most=1), []

        async def one(name: str, again: bool) -> None:
            slot = await limit.acquire(again=again)
            order.append(name)
            await asyncio.sleep(0.1)
            slot.succeeded()

        names = [("a", False), ("b", False), ("c", False), ("d", True), ("e", True)]
        async with asyncio.TaskGroup() as tasks:
            for name, again in names:
                tasks.create_task(one(name, again))
        return order

    assert run(main()) == ["a", "d", "e", "b", "c"]


def test_a_cancelled_call_leaves_no_trace() -> None:
    async def main() -> float:
        limit = a_limit(start=2, most=2)
        tasks = [asyncio.create_task(a_caller(limit).call(lambda: answer(60.0))) for _ in range(6)]
        await asyncio.sleep(1.0)
        assert (limit.in_flight, limit.waiting) == (2, 4)
        for task in (tasks[0], tasks[2], tasks[3]):  # one under way, two waiting
            task.cancel()
        await asyncio.sleep(0)
        assert (limit.in_flight, limit.waiting) == (2, 1), "the next one took the place at once"
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        began = now()
        await a_caller(limit).call(answer)
        assert (limit.in_flight, limit.waiting) == (0, 0)
        return now() - began

    assert run(main()) == pytest.approx(0.1)


def test_a_call_cancelled_when_its_turn_has_just_come_gives_it_back() -> None:
    async def main() -> int:
        limit = a_limit(start=1, most=1)
        first = await limit.acquire()
        second = asyncio.create_task(limit.acquire())
        third = asyncio.create_task(limit.acquire())
        await asyncio.sleep(0)
        first.succeeded()  # the second's turn has come, but it has not run yet
        second.cancel()
        slot = await asyncio.wait_for(third, 1.0)
        assert limit.in_flight == 1
        slot.abandoned()
        return limit.in_flight

    assert run(main()) == 0


@settings(max_examples=25)
@given(st.integers(0, 2**32), st.integers(1, 20), st.integers(1, 60))
def test_never_more_than_most_and_no_slot_is_lost(seed: int, most: int, calls: int) -> None:
    dice = Random(seed)
    flying = [0, 0]

    async def call() -> None:
        flying[0] += 1
        flying[1] = max(flying)
        try:
            await asyncio.sleep(dice.expovariate(2.0))
            match dice.random():
                case x if x < 0.15:
                    raise RateLimited("no", retry_after=dice.choice([None, 0.5]))
                case x if x < 0.3:
                    raise TransientError("no")
                case x if x < 0.35:
                    raise ImageRefused("no")
                case x if x < 0.4:
                    raise ZeroDivisionError
        finally:
            flying[0] -= 1

    async def main() -> Limit:
        limit = Limit("a service", Bounds(start=3, most=most), seed=seed)
        caller = a_caller(limit, retries=50)
        tasks = [asyncio.create_task(caller.call(call)) for _ in range(calls)]
        for task in dice.sample(tasks, calls // 3):
            await asyncio.sleep(dice.random())
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await caller.call(lambda: answer(0.1))
        return limit

    limit = run(main())
    assert flying == [0, flying[1]]
    assert flying[1] <= most
    assert (limit.in_flight, limit.waiting) == (0, 0)
    assert (limit.callers, limit.suspects) == (0, 0)


def test_two_runs_get_their_share() -> None:
    service = Service(TokenBucket([(0, 100)], 0.1))

    async def main() -> list[int]:
        limit, got = Limit("a service", Bounds(most=64), seed=1), [0, 0]

        async def one(run: int) -> None:
            caller = a_caller(limit)
            while now() < 30.0:
                await caller.call(service.ask)
                got[run] += 1

        await asyncio.gather(*(one(n % 2) for n in range(200)))
        return got

    first, second = run(main())
    assert first == pytest.approx(second, rel=0.1)


def test_a_straggler_does_not_keep_others_waiting() -> None:
    async def main() -> float:
        limit = a_limit(start=4, most=8)
        caller = a_caller(limit)
        for _ in range(20):
            await caller.call(answer)
        slots = [await limit.acquire() for _ in range(4)]
        slots.pop().refused(RateLimited("no", too="many"))  # so the window is 3 from here on
        assert limit.concurrency == 3
        await asyncio.sleep(0)
        began = now()
        await caller.call(answer)  # looks like an outage before the three look like stragglers
        for slot in slots:
            slot.abandoned()
        return now() - began

    assert run(main()) < 31.0


def test_a_process_has_one_limit_per_service() -> None:
    one = Limit.shared("test: a", Bounds(most=8))
    assert Limit.shared("test: b", Bounds()) is not one
    again = Limit.shared("test: a", Bounds(most=2))
    assert again is one

    async def most() -> int:
        service = Service(Unlimited(), Behaviour(latency=0.001, network=0.0))
        caller = a_caller(again)
        await asyncio.gather(*(caller.call(service.ask) for _ in range(20)))
        return service.most_at_once

    assert asyncio.run(most()) == 2, "the latest bounds hold"
    assert asyncio.run(most()) == 2, "on another loop too"


def test_two_loops_at_once_have_a_limit_each() -> None:
    async def main() -> None:
        one = Limit.shared("test: c", Bounds())
        slot = await one.acquire()
        assert Limit.shared("test: c", Bounds()) is one
        other = await asyncio.to_thread(Limit.shared, "test: c", Bounds())
        assert other is not one
        slot.abandoned()

    asyncio.run(main())
