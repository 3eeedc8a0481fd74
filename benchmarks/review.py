"""`python -m benchmarks.review [--quick]`: corrected figures on made-up towns.

By the way that the commands go: labels in a ledger, a sample drawn from it, a reviewer who answers,
estimates read back. In a town of 200 assets raw counts are within their own wide intervals in spite
of their errors; in a city of 3,000 they are not, and corrected ones still are.

The towns are those of the demo, without drawing them: what stands there, how many photos of it
there are, and what became of it come from `vistoria.street`. The machine errs as often as
`onnx:street` does on good and on bad views (`make demo` prints that), and photos of an asset err
together. The reviewer makes no error.
"""

import argparse
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from benchmarks.bars import Bar, at_least, at_most, conclude
from tests.labelled import add_run
from vistoria.labels import named
from vistoria.ledger import Ledger, Run
from vistoria.review import (
    Domain,
    Wish,
    change_estimate,
    class_estimates,
    draw_sample,
    record,
    simulate,
)
from vistoria.street.chance import Rng
from vistoria.street.render import attributes
from vistoria.street.site import Site, Thing, settle_town
from vistoria.street.town import BAD, PHOTOS
from vistoria.task import Task, load_task
from vistoria.truth import binomial

FIRST_SEED = 9_000  # no seed that was looked at while this was written is above
TOWN, CITY = 200, 3_000  # assets
REVIEWS, PAIRS = 200, 100
GOOD_ERROR, BAD_ERROR = 0.03, 0.30
GOOD_MISS, BAD_MISS = 0.005, 0.40  # nothing seen at all
STUBBORN = 0.02  # assets on which every photo is misread alike
SNAPSHOTS = ("before", "after")

Rows = list[dict[str, Any]]


@dataclass
class Found:
    """What all towns came to: intervals that hold the truth, of how many."""

    corrected: int = 0
    raw: int = 0
    cells: int = 0
    changed: int = 0
    changes: int = 0
    zero: int = 0
    zeros: int = 0
    shown: int = 0
    real: int = 0


def town(rng: Rng, task: Task, assets: int, *, still: bool = False) -> tuple[Rows, Rows]:
    """What is true of each photo, and what the machine says. `still`: nothing changes."""
    truth: Rows = []
    said: Rows = []
    for site in settle_town(rng, assets):
        kept = replace(site, after=site.before) if still and site.before else site
        stubborn = {f.name for f in task.fields if rng.random() < STUBBORN}
        for photo, bad in _photos(rng, kept):
            truth.append(photo)
            said.append(photo | _misread(rng, task, photo, bad, stubborn))
    return truth, said


def _photos(rng: Rng, site: Site) -> Iterator[tuple[dict[str, Any], bool]]:
    for at, thing in enumerate((site.before, site.after)):
        if thing is None:
            continue
        count = int(rng.choice(list(PHOTOS[at]), p=list(PHOTOS[at].values())))
        for turn in range(count):
            name = f"{site.asset_id}-{at}-{turn}"
            row = {"id": name, "asset_id": site.asset_id, "snapshot_id": SNAPSHOTS[at]}
            yield row | _true(site, thing), bool(rng.random() < (BAD if turn else 0.04))


def _true(site: Site, thing: Thing) -> dict[str, Any]:
    known: Any = SimpleNamespace(thing=thing)
    return {"asset": site.asset} | attributes(known)


def _misread(
    rng: Rng, task: Task, photo: dict[str, Any], bad: bool, stubborn: set[str]
) -> dict[str, Any]:
    """The machine's answer to each field that applies, and how sure it is."""
    if rng.random() < (BAD_MISS if bad else GOOD_MISS):
        missed = {one.name: None for one in task.fields}
        return missed | {"asset": "none", "confidence": {"asset": 0.6}}
    answers: dict[str, Any] = {}
    sure: dict[str, float] = {}
    for one in task.fields:
        right = photo.get(one.name)
        wrong = one.name in stubborn or rng.random() < (BAD_ERROR if bad else GOOD_ERROR)
        answers[one.name] = right
        if right is None:
            continue
        if wrong and one.kind == "boolean":
            answers[one.name] = not right
        elif wrong and one.kind == "number":
            answers[one.name] = 30 if right != 30 else 80
        elif wrong and one.name != "asset":
            others = [choice for choice in one.choices if choice != right]
            answers[one.name] = others[len(others) // 2]
        sure[one.name] = float(np.clip(rng.normal(0.75 if wrong else 0.95, 0.1), 0.3, 0.999))
    return answers | {"confidence": sure}


def measure(folder: Path, task: Task, seed: int, found: Found) -> None:
    """One town in which things change, and the same kind of town in which nothing does."""
    for still in (False, True):
        rng = np.random.default_rng([seed, still])
        truth, said = town(rng, task, TOWN, still=still)
        with Ledger(folder / f"{seed}-{still}.sqlite") as ledger:
            run = add_run(ledger, said, task=task)
            known = _known(task, truth)
            if not still:
                _cells(ledger, run, task, known, truth, found)
            _changes(ledger, run, task, known, truth, found, still)


def measure_city(folder: Path, task: Task, seed: int, found: Found) -> None:
    """One city: so many photos that raw counts are sure of what is wrong."""
    truth, said = town(np.random.default_rng([seed, 2]), task, CITY)
    with Ledger(folder / f"city-{seed}.sqlite") as ledger:
        run = add_run(ledger, said, task=task)
        _cells(ledger, run, task, _known(task, truth), truth, found)


def _known(task: Task, truth: Rows) -> dict[str, dict[str, Any]]:
    return {row["id"]: {f.name: row.get(f.name) for f in task.fields} for row in truth}


def _cells(
    ledger: Ledger, run: Run, task: Task, known: dict[str, Any], truth: Rows, found: Found
) -> None:
    """Each answer of each field in each snapshot: corrected, and as the machine counts it."""
    sample = draw_sample(ledger, run, task, Wish(size=REVIEWS, by_field="asset"))
    record(ledger, simulate(ledger, sample, known, error_rate=0))
    for snapshot in SNAPSHOTS:
        rows = [row for row in truth if row["snapshot_id"] == snapshot]
        for one in task.fields:
            counts = Counter(named(row.get(one.name)) for row in rows)
            for cell in class_estimates(ledger, sample, one.name, Domain(snapshot=snapshot)):
                share = counts[cell.answer] / len(rows)
                naive = binomial(cell.raw, cell.units)
                found.cells += 1
                found.corrected += cell.share.low <= share <= cell.share.high
                found.raw += naive.low <= share <= naive.high


def _changes(
    ledger: Ledger,
    run: Run,
    task: Task,
    known: dict[str, Any],
    truth: Rows,
    found: Found,
    still: bool,
) -> None:
    """Each field's share of assets that changed, from reviewed pairs."""
    before, after = (
        {row["asset_id"]: row for row in truth if row["snapshot_id"] == name} for name in SNAPSHOTS
    )
    both = before.keys() & after.keys()
    wish = Wish(size=PAIRS, unit="pair", domain=Domain(between=SNAPSHOTS), choice="simple")
    sample = draw_sample(ledger, run, task, wish)
    record(ledger, simulate(ledger, sample, known, error_rate=0))
    for one in task.fields:
        change, _ = change_estimate(ledger, sample, one.name)
        real = sum(before[a].get(one.name) != after[a].get(one.name) for a in both) / len(both)
        held = change.interval.low <= real <= change.interval.high
        if still:
            found.zeros += 1
            found.zero += held
        else:
            found.changes += 1
            found.changed += held
            found.shown += change.shown
            found.real += change.shown and real > 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs all towns and prints the bars."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="10 towns instead of 200")
    given = parser.parse_args(arguments)
    task, small, large = load_task("street_asset"), Found(), Found()
    work = [(measure, small)] * (10 if given.quick else 200)
    work += [(measure_city, large)] * (1 if given.quick else 10)
    for at, (part, found) in enumerate(work):
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            part(Path(folder), task, FIRST_SEED + at, found)
        print(f"\r{at + 1} of {len(work)}", end="", file=sys.stderr, flush=True)
    print(f"\nraw counts' intervals in towns: {small.raw / small.cells:.3f}", file=sys.stderr)
    return conclude(list(_bars(small, large)))


def _bars(small: Found, large: Found) -> Iterator[Bar]:
    cells = "corrected intervals hold the truth (answer, field, snapshot)"
    yield at_least(f"towns: {cells}", small.corrected / small.cells, 0.93)
    yield at_least(f"cities: {cells}", large.corrected / large.cells, 0.93)
    yield at_most("cities, control: raw counts' intervals do", large.raw / large.cells, 0.8)
    yield at_least("towns: the share that changed is held", small.changed / small.changes, 0.93)
    yield at_least("zero-change towns: the interval holds 0", small.zero / small.zeros, 0.95)
    yield at_least("towns: shown changes are real", small.real / max(1, small.shown), 0.95)


if __name__ == "__main__":
    sys.exit(main())
