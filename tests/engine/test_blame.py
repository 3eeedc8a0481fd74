"""Whether a call that fails counts against its image, or the service is to blame."""

import asyncio
from itertools import count

import pytest

from tests.engine.calling import a_caller, a_limit, failing, keep_busy, now
from tests.engine.virtual_time import run
from vistoria.engine.caller import GaveUp
from vistoria.engine.limits import Limit
from vistoria.errors import ImageRefused, QuotaExhausted, RateLimited, ServiceDown, TransientError
from vistoria.records import Usage


def test_a_call_that_fails_while_others_work_gives_up() -> None:
    async def main() -> GaveUp:
        limit = a_limit()
        bill = TransientError("HTTP 500")
        bill.usage = Usage(input_tokens=100)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(keep_busy(a_caller(limit), 60.0))
            with pytest.raises(GaveUp, match="4 tries: HTTP 500") as caught:
                await a_caller(limit, retries=3).call(failing(*[bill] * 100))
        return caught.value

    gave_up = run(main())
    assert (gave_up.tries, gave_up.usage) == (4, Usage(input_tokens=400))


def test_the_last_ones_give_up_too_if_they_failed_while_others_worked() -> None:
    async def main() -> float:
        limit = a_limit(most=16)
        calls = [
            a_caller(limit).call(failing(*[TransientError("HTTP 500")] * 100)) for _ in range(3)
        ]
        errors = await asyncio.gather(
            keep_busy(a_caller(limit), 2.0), *calls, return_exceptions=True
        )
        assert [type(e) for e in errors[1:]] == [GaveUp] * 3
        return now()

    assert run(main()) < 120.0


def test_a_call_that_fails_now_and_then_does_not() -> None:
    async def main() -> int:
        limit = a_limit()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(keep_busy(a_caller(limit), 60.0))
            made = await a_caller(limit).call(failing(*[TransientError("HTTP 500")] * 3))
        return made.tries

    assert run(main()) == 4


def test_refusals_do_not_count() -> None:
    async def main() -> int:
        limit = a_limit()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(keep_busy(a_caller(limit), 600.0))
            made = await a_caller(limit).call(failing(*[RateLimited("no")] * 20))
        return made.tries

    assert run(main()) == 21


def test_a_service_that_never_comes_back_ends_the_run_and_no_image() -> None:
    async def main(works: int) -> float:
        made = count()

        async def call() -> None:
            await asyncio.sleep(0.1)
            if next(made) >= works:
                raise TransientError("connection refused")

        caller = a_caller(a_limit(), patience=3600.0)
        many = [caller.call(call) for _ in range(50)]
        with pytest.raises(ServiceDown, match=r"a service has not answered .* connection refused"):
            await asyncio.gather(*many)
        return now()

    assert 3600.0 < run(main(works=10)) < 3700.0
    assert 300.0 < run(main(works=0)) < 400.0, "sooner where it never worked"


def test_an_answer_that_is_an_error_is_an_answer() -> None:
    async def main() -> float:
        limit = a_limit()
        with pytest.raises(ImageRefused):
            await a_caller(limit).call(failing(ImageRefused("unsafe")))
        with pytest.raises(ImageRefused):
            async with limit.slot():
                raise ImageRefused("unsafe")
        return limit.learned.alive

    assert run(main()) > 0


def test_a_slot_learns_from_what_its_block_raises() -> None:
    async def main() -> Limit:
        limit = a_limit()
        for _ in range(2):  # one alone may be for no reason
            assert limit.rate is None
            await asyncio.sleep(0.1)
            with pytest.raises(RateLimited):
                async with limit.slot():
                    raise RateLimited("no", too="fast")
        with pytest.raises(TransientError):
            async with limit.slot():
                raise TransientError("no")
        with pytest.raises(QuotaExhausted):
            async with limit.slot():
                raise QuotaExhausted("none left")
        return limit

    limit = run(main())
    assert limit.rate is not None
    assert limit.in_flight == 0
