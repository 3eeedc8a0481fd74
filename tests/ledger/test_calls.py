"""Calls: reserved before they are sent, settled after, within bounds that no process breaks."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.ledger.test_ledger import attempt, batch, begin, task
from vistoria.ledger import Call, Ledger, Refusal, Run
from vistoria.pricing import Ceiling, Spend

MOST = Spend(money=10, requests=1, tokens=100)


def call(run: Run, session: int, ordinal: int, ceiling: Ceiling = Ceiling()) -> Call:  # noqa: B008
    """A call of a run that may cost ten at most."""
    return Call(session, run.run_id, run.question_id, ordinal, MOST, ceiling, 1.7e9)


def start(path: Path) -> tuple[Ledger, Run, int]:
    """A ledger with a run over three observations, and a session."""
    ledger = Ledger(path)
    run = begin(ledger, task("rusty"))
    ledger.ordinals(batch(["a", "b", "c"]))
    return ledger, run, ledger.start_session(run)


def test_a_call_counts_at_its_most_until_it_is_settled(tmp_path: Path) -> None:
    ledger, run, session = start(tmp_path / "l.sqlite")

    async def work() -> None:
        number = await ledger.open_call(call(run, session, 1))
        assert isinstance(number, int)
        assert ledger.spending(run.run_id) == MOST
        ledger.settle_call(number, Spend(3, 1, 20))
        lost = await ledger.open_call(call(run, session, 2))
        assert isinstance(lost, int)
        ledger.settle_call(lost, None)
        ledger.flush()
        assert ledger.spending(run.run_id) == Spend(13, 2, 120)

    with ledger:
        asyncio.run(work())


@given(st.lists(st.integers(0, 10), min_size=1, max_size=30), st.integers(0, 120))
@settings(max_examples=25)
def test_spending_never_passes_the_bound(
    tmp_path_factory: pytest.TempPathFactory, bills: list[int], most: int
) -> None:
    ledger, run, session = start(tmp_path_factory.mktemp("l") / "l.sqlite")
    ceiling = Ceiling(money=most)

    async def one(ordinal: int, bill: int) -> int:
        number = await ledger.open_call(call(run, session, ordinal, ceiling))
        if not isinstance(number, int):
            assert number == "over"
            return 0
        assert (ledger.spending(run.run_id).money or 0) <= most
        await asyncio.sleep(0)
        ledger.settle_call(number, Spend(bill, 1, 0))
        return bill

    async def work() -> int:
        return sum(await asyncio.gather(*(one(i + 1, bill) for i, bill in enumerate(bills))))

    with ledger:
        paid = asyncio.run(work())
        ledger.flush()
        assert ledger.spending(run.run_id).money == paid <= most


def test_a_call_that_is_paid_but_whose_answer_was_not_written_is_lost(tmp_path: Path) -> None:
    """The process ends between two commits."""
    path = tmp_path / "l.sqlite"
    ledger, run, session = start(path)

    async def work() -> None:
        for ordinal, bill in ((1, Spend(3, 1, 20)), (2, Spend(4, 1, 20)), (3, Spend(0, 0, 0))):
            number = await ledger.open_call(call(run, session, ordinal))
            assert isinstance(number, int)
            ledger.settle_call(number, bill)

    with ledger:
        asyncio.run(work())
        ledger.record([attempt(run, 1, answer={"rusty": True})])
        ledger.flush()
        assert ledger.lost(run).tolist() == []
        ledger.end_session(session, "killed")  # type: ignore[arg-type]
        assert ledger.lost(run).tolist() == [2], "the first is answered, the third was refused"
        costs = ledger.costs(run)
        assert (costs.lost_calls, costs.lost, costs.paid) == (1, Spend(4, 1, 20), Spend(3, 1, 20))
        assert ledger.spending(run.run_id) == costs.spent
        assert ledger.costs_of_all() == {run.run_id: costs}


def test_a_call_is_open_once_and_not_sent_for_what_is_answered(tmp_path: Path) -> None:
    path = tmp_path / "l.sqlite"
    ledger, run, session = start(path)
    with ledger, Ledger(path) as other:
        theirs = other.start_session(run)

        async def work() -> list[int | Refusal]:
            first = await ledger.open_call(call(run, session, 1))
            second = await other.open_call(call(run, theirs, 1))
            ledger.record([attempt(run, 2, answer={"rusty": True})])
            ledger.flush()
            return [first, second, await other.open_call(call(run, theirs, 2))]

        first, *rest = asyncio.run(work())
        assert isinstance(first, int)
        assert rest == ["taken", "answered"]


def test_what_a_killed_process_left_open_is_told(tmp_path: Path) -> None:
    path = tmp_path / "l.sqlite"
    ledger, run, _ = start(path)
    script = f"""
import asyncio, os
from pathlib import Path
from tests.ledger.test_calls import call
from vistoria.ledger import Ledger
ledger = Ledger(Path({str(path)!r}))
run = ledger.run(1)
session = ledger.start_session(run)
async def work():
    await ledger.open_call(call(run, session, 1))
    await ledger.open_call(call(run, session, 3))
    print("open", flush=True)
    input()
    os.kill(os.getpid(), 9)
asyncio.run(work())
"""
    child = subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert child.stdin is not None
    assert child.stdout is not None
    assert child.stdout.readline() == b"open\n"
    with ledger:
        assert ledger.state(run) == "running"
        assert ledger.bury_sessions(run) == (), "it lives"
        child.communicate(b"\n")
        assert ledger.bury_sessions(run) == (1, 3)
        assert ledger.bury_sessions(run) == ()
        assert ledger.spending(run.run_id) == MOST + MOST, "nobody knows what they cost"
        number = asyncio.run(ledger.open_call(call(run, 1, 1)))
        assert isinstance(number, int), "it may be asked again"
