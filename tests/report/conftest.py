"""A made-up street of assets in two snapshots: labelled with errors, reviewed, and reported on."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.labelled import POLE, add_run, truth_of
from vistoria.certificate import Claim, issue
from vistoria.ledger import Ledger, Run, Sample
from vistoria.records import Attempt
from vistoria.report import Report, read_report, render
from vistoria.review import Domain, Wish, draw_sample, record, simulate

OLD, NEW = "snapshot-of-2024", "snapshot-of-2025"
ASSETS = 400


def street() -> list[dict[str, Any]]:
    """Each asset before and after, with two photos after; every 20th began to lean between."""
    rows = []
    for at in range(ASSETS):
        pole = at % 4 != 3
        for photo, snapshot in enumerate((OLD, NEW, NEW)):
            rows.append(
                {
                    "id": f"a{at:03d}-{photo}", "asset_id": f"asset-{at:03d}",
                    "snapshot_id": snapshot, "asset": "pole" if pole else "sign",
                    "material": ("wood" if at % 3 else "steel") if pole else None,
                    "leaning": (at % 20 == 0 and snapshot == NEW) if pole else None,
                    "latitude": 41.70 + at % 20 * 0.001, "longitude": -6.60 + at // 20 * 0.001,
                    "captured_at": datetime(2024 + (snapshot == NEW), 5, 1 + photo, tzinfo=UTC),
                }
            )  # fmt: skip
    return rows


def misread(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """As a machine that takes every fourth wooden pole for a steel one, and sees leaning where
    there is none; differently on each photo."""
    chance = random.Random(4)
    found = []
    for row in rows:
        seen = dict(row)
        if row["material"] == "wood" and chance.random() < 0.25:
            seen["material"] = "steel"
        if row["leaning"] is False and chance.random() < 0.03:
            seen["leaning"] = True
        found.append(seen)
    return found


@dataclass
class Street:
    """A run over the street, and what is true of it."""

    ledger: Ledger
    run: Run
    truth: dict[str, dict[str, Any]]

    def review(self, size: int = 200, **wish: Any) -> Sample:
        """A sample that a simulated reviewer answers from the truth."""
        sample = draw_sample(self.ledger, self.run, POLE, Wish(size=size, **wish))
        record(self.ledger, simulate(self.ledger, sample, self.truth, error_rate=0))
        return sample

    def report(self, **more: Any) -> Report:
        """The report, which knows the truth."""
        return read_report(self.ledger, self.run, truth=self.truth, **more)


def make_street(folder: Path, **more: Any) -> Iterator[Street]:
    """The street in a ledger of its own; three photos could not be read."""
    rows = street()
    with Ledger(folder / "ledger.sqlite") as ledger:
        run = add_run(ledger, [*misread(rows), *({"id": f"x{n}"} for n in range(3))], **more)
        broken = [
            Attempt(ordinal=int(ordinal), run_id=run.run_id, question_id=run.question_id,
                    status="failed", reason="image_truncated", started_at=1.7e9)
            for ordinal in ledger.scope(run).ordinals[-3:]
        ]  # fmt: skip
        ledger.record(broken)
        ledger.flush()
        yield Street(ledger, run, truth_of(rows))


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Street]:
    """Labelled, and nobody has looked yet."""
    yield from make_street(tmp_path)


@pytest.fixture(scope="session")
def reviewed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Street]:
    """Labelled, reviewed, compared and certified; not to be changed."""
    for made in make_street(tmp_path_factory.mktemp("street")):
        sample = made.review(unit="asset", domain=Domain(snapshot=NEW))
        made.review(unit="pair", domain=Domain(between=(OLD, NEW)), by_field="leaning")
        issue(made.ledger, sample, Claim(field="material", simulated=True))
        yield made


@pytest.fixture(scope="session")
def report(reviewed: Street) -> Report:
    """The report on it."""
    return reviewed.report()


@pytest.fixture(scope="session")
def page(report: Report, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its page."""
    file = tmp_path_factory.mktemp("page") / "report.html"
    file.write_text(render(report), encoding="utf-8")
    return file
