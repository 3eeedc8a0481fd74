"""5. The ceiling: whatever happens, the server's own bill never passes it."""

import random
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from multiprocessing.context import ForkServerContext
from pathlib import Path

from benchmarks.bars import Bar, exactly
from benchmarks.engine.photos import write_rows
from benchmarks.engine.runs import MODEL
from benchmarks.engine.session import start, warm
from benchmarks.service import Service
from vistoria.pricing import Ceiling, Price, load_prices

_ABREAST = 8  # cases at a time
_TOKENS = 5_000  # about the most that one call may take


@dataclass(frozen=True, kw_only=True)
class Case:
    """A small run: `processes` work on one ledger; in the first `kills` sessions, all of them or
    one are killed after some time."""

    number: int
    rows: int
    at_once: int
    processes: int
    kills: int
    budget: str

    @property
    def place(self) -> str:
        """What the server knows it by."""
        return f"case-{self.number}"


def draw(number: int) -> Case:
    """A case; budgets are for a part of the rows, or for somewhat more than all."""
    dice = random.Random(number)
    rows = dice.randint(3, 12)
    calls = dice.uniform(0.1, 1.2) * rows
    money = calls * _TOKENS * 1e-6
    budgets = (f"{max(money, 0.006):.6f} USD", f"{int(max(calls, 1))} requests",
               f"{int(max(calls, 1.2) * _TOKENS)} tokens")  # fmt: skip
    budget = dice.choice([*budgets, ", ".join(dice.sample(budgets, 2))])
    return Case(
        number=number,
        rows=rows,
        at_once=dice.randint(1, 12),
        processes=dice.choice([1, 1, 1, 2, 3, 8]),
        kills=dice.choice([0, 0, 1, 1, 2]),
        budget=budget,
    )


def ceiling(folder: Path, quick: bool) -> Iterator[Bar]:
    """A thousand cases against one server: 30 % refusals, the dearest bill that is allowed."""
    cases = [draw(number) for number in range(40 if quick else 1_000)]
    context = warm()
    with Service(latency=0.02, spread=0.8, refusals=0.3, maximal=True) as service:
        play_one = partial(play, context, service, folder)
        with ThreadPoolExecutor(_ABREAST) as threads:
            killed = sum(threads.map(play_one, cases))
        while service.bill()["in_flight"]:
            time.sleep(0.05)
        bills = service.places()
    tariff = load_prices().tariff(MODEL)
    assert tariff is not None
    price = tariff.at(datetime.now(UTC))
    assert price is not None
    over = [overshoot(case, bills.get(case.place, {}), price) for case in cases]
    used = [share(case, bills.get(case.place, {}), price) for case in cases]
    yield Bar(f"ceiling, {len(cases):,} runs: processes killed at work", "reported",
              f"{killed:,}", True)  # fmt: skip
    yield Bar("ceiling: runs that used more than half of it", "reported",
              f"{sum(u > 0.5 for u in used):,}", True)  # fmt: skip
    yield exactly("ceiling: runs that passed it", sum(o > 0 for o in over), 0)
    yield exactly("ceiling: overshoot of the server's own bill", f"{max(over):.0%}", "0%")


def play(context: ForkServerContext, service: Service, folder: Path, case: Case) -> int:
    """Plays a case to its end; returns how many processes were killed while they worked."""
    dice = random.Random(-case.number)
    place = folder / case.place
    place.mkdir()
    write_rows(place / "rows.parquet", case.rows, case.place)
    flags = {
        "source.address": str(place / "rows.parquet"),
        "task.name": "utility_pole",
        "model.name": MODEL,
        "run.ledger": str(place / "l.sqlite"),
        "run.concurrency": case.at_once,
        "run.budget": case.budget,
        **{f"model.{name}": value for name, value in service.vertex(case.place).items()},
    }
    killed = 0
    for session in range(case.kills + 1):
        workers = [start(context, flags) for _ in range(case.processes)]
        if session < case.kills:
            time.sleep(dice.uniform(0.05, 0.6))
            for worker in workers if dice.random() < 0.5 else workers[:1]:
                killed += worker.is_alive()
                worker.kill()
        for worker in workers:
            worker.join()
    return killed


def share(case: Case, bill: dict[str, int], price: Price) -> float:
    """Of its tightest bound, what the server billed."""
    bound = Ceiling.parse(case.budget)
    given, written = bill.get("input", 0), bill.get("output", 0)
    parts = [
        (given * price.input + written * price.output, bound.money),
        (bill.get("requests", 0), bound.requests),
        (given + written, bound.tokens),
    ]
    return max(spent / limit for spent, limit in parts if limit)


def overshoot(case: Case, bill: dict[str, int], price: Price) -> float:
    """By how much the server's bill passed a bound, as a share of it."""
    return max(0.0, share(case, bill, price) - 1.0)
