"""4. `kill -9` at random points of one run: nothing lost, nothing answered is asked again."""

import random
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import anyio

from benchmarks.bars import Bar, at_most, exactly
from benchmarks.engine.photos import write_rows
from benchmarks.engine.runs import MODEL, begin, command, finish, rows, settings, summary
from benchmarks.service import Service
from vistoria.engine import Choice, Report, work_through
from vistoria.events import ignore
from vistoria.job import open_job
from vistoria.ledger import Ledger
from vistoria.project import load_project

AT_ONCE = 64
_ANSWERED = "SELECT o.uri FROM answers JOIN observations AS o USING (ordinal)"
_CALLS = "SELECT o.uri FROM calls JOIN observations AS o USING (ordinal) WHERE state = "
_PAID = _CALLS + (  # the answer came, but not to disk
    "'settled' AND requests > 0 AND NOT EXISTS (SELECT 1 FROM attempts AS a "
    "WHERE a.question_id = calls.question_id AND a.ordinal = calls.ordinal)"
)


@dataclass
class _Tally:
    """What a look after each kill found. `asked`: image → requests that the server has seen;
    `ambiguous`: images in flight at this kill, or at an earlier one and not asked again since."""

    answered: set[str] = field(default_factory=set)
    ambiguous: set[str] = field(default_factory=set)
    asked: dict[str, int] = field(default_factory=dict)
    again: int = 0
    unexplained: int = 0
    reasked: int = 0
    open_in_all: int = 0
    most_open: int = 0
    killed: int = 0
    wrong: Counter[str] = field(default_factory=Counter)

    def look(self, ledger: Path, images: dict[str, list[int]]) -> None:
        """Compares what the server was asked since the last look with what the ledger knew."""
        asked = {image: seen for image, (seen, _) in images.items()}
        more = {i: n - self.asked.get(i, 0) for i, n in asked.items() if n > self.asked.get(i, 0)}
        self.again += sum(more.get(image, 0) for image in self.answered)
        known = {image for image in more if image in self.asked and image not in self.answered}
        self.reasked += len(known)
        self.unexplained += len(known - self.ambiguous)
        self.unexplained += sum(n - 1 for image, n in more.items() if image not in self.answered)
        self.asked = asked
        self.answered = {uri for (uri,) in rows(ledger, _ANSWERED)}
        still = {uri for (uri,) in rows(ledger, _CALLS + "'open'")}
        gone = (*rows(ledger, _CALLS + "'lost'"), *rows(ledger, _PAID))
        self.ambiguous = still | {uri for (uri,) in gone}
        self.ambiguous -= self.answered
        self.open_in_all += len(still)
        self.most_open = max(self.most_open, len(still))

    def check(self, report: Report, done: int, left: int) -> None:
        """Whether a report says what the ledger and the server know."""
        never = left - report.lost
        explained = self.answered | self.ambiguous
        self.wrong["done"] += done != len(self.answered)
        self.wrong["ambiguous"] += report.lost != len(self.ambiguous)
        sent = self.asked.keys() - explained
        self.wrong["never sent"] += bool(sent) or never != done + left - len(explained)


def kills(folder: Path, quick: bool) -> Iterator[Bar]:
    """The points are counted in requests, so some fall into start-up and some into the end."""
    count, number = (2_000, 8) if quick else (20_000, 100)
    write_rows(folder / "rows.parquet", count)
    points = sorted(random.Random(3).sample(range(1, count), number))
    ledger, tally = folder / "l.sqlite", _Tally()
    with Service(latency=0.05, spread=0.5, trusting=True) as service:
        source = str(folder / "rows.parquet")  # as in `_report`: the same words, the same run
        words = command(source, "--ledger", "l.sqlite", options=service.vertex())
        for point in points:
            child = begin(words, folder, settings(concurrency=AT_ONCE))
            tally.killed += _kill(child, service, point)
            tally.look(ledger, service.images())
            tally.check(*_report(folder, service))
        done = finish([*words, "--json"], folder, settings(concurrency=AT_ONCE))
        tally.look(ledger, service.images())
    yield exactly("kill -9: runs killed at work", tally.killed, number)
    yield exactly(f"kill -9: answered in the end, of {count:,}", len(tally.answered), count)
    yield exactly("kill -9: reported as answered", summary(done)["answered"], count)
    yield exactly("kill -9: answered images asked again", tally.again, 0)
    yield exactly("kill -9: asked again without being open at a kill", tally.unexplained, 0)
    name = f"kill -9: asked again, of {tally.open_in_all:,} in flight at {number} kills"
    yield at_most(name, tally.reasked, tally.open_in_all, ".0f")
    yield at_most("kill -9: in flight at one kill", tally.most_open, AT_ONCE, ".0f")
    for what in ("done", "never sent", "ambiguous"):
        yield exactly(f"kill -9: reports wrong about {what}", tally.wrong[what], 0)


def _kill(child: subprocess.Popen[bytes], service: Service, point: int) -> bool:
    """Kills it when the server has seen so many requests; waits until the server is at rest."""
    # An earlier session may have passed the point: then it strikes soon after the first request.
    point = max(point, int(service.bill()["requests"]) + 1)
    while child.poll() is None and service.bill()["requests"] < point:
        time.sleep(0.002)
    child.send_signal(signal.SIGKILL)
    killed = child.wait() == -signal.SIGKILL
    while service.bill()["in_flight"]:
        time.sleep(0.02)
    return killed


def _report(folder: Path, service: Service) -> tuple[Report, int, int]:
    """What a session that is stopped at once reports, what is done and what is left."""
    flags: dict[str, object] = {
        "source.address": str(folder / "rows.parquet"),
        "task.name": "utility_pole",
        "model.name": MODEL,
        "run.ledger": str(folder / "l.sqlite"),
        **{f"model.{name}": value for name, value in service.vertex().items()},
    }
    job = open_job(load_project(env={}, flags=flags))
    with Ledger(job.ledger) as ledger:
        plan = job.plan(ledger, Choice())

        async def stopped() -> Report:
            stop = anyio.Event()
            stop.set()
            model = job.ask.model
            report = await work_through(plan, ledger, model, job.load, job.limits, ignore, stop)
            await model.aclose()
            return report

        return anyio.run(stopped), plan.total - plan.pending, plan.pending
