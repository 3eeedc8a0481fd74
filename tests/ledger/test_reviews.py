"""Review in the ledger: rows are only added, and older ledgers are completed."""

import sqlite3
from importlib.resources import files
from pathlib import Path

import pytest

from tests.labelled import POLE, add_run, poles
from vistoria.errors import UserError
from vistoria.ledger import Ledger
from vistoria.records import Decision
from vistoria.review import Wish, draw_sample


def decision(**changes: object) -> Decision:
    """Ana says wood about the first item of the first sample."""
    given = {
        "sample_id": 1, "item": 1, "part": 0, "field": "material", "verdict": "value",
        "value": "wood", "reviewer": "ana", "decided_at": "2026-11-22T12:00:00+00:00",
    }  # fmt: skip
    return Decision(**(given | changes))  # type: ignore[arg-type]


def test_a_ledger_of_an_older_version_is_completed(tmp_path: Path) -> None:
    path = tmp_path / "old.sqlite"
    old = sqlite3.connect(path)
    old.executescript((files("vistoria.ledger") / "schema.sql").read_text())
    old.execute("INSERT INTO questions VALUES (1, 'm', '{}', 't', 'f', '[]')")
    old.execute("PRAGMA user_version = 1")
    old.commit()
    old.close()
    with Ledger(path, create=False) as ledger:
        assert ledger.reviews.samples() == ()
        add_run(ledger, poles(3))
    with Ledger(path, create=False) as ledger:
        assert [run.task for run in ledger.runs()] == ["pole"]


def test_decisions_are_only_added(tmp_path: Path) -> None:
    path = tmp_path / "l.sqlite"
    with Ledger(path) as ledger:
        with pytest.raises(UserError, match="no sample was drawn yet"):
            ledger.reviews.sample()
        sample = draw_sample(ledger, add_run(ledger, poles(50)), POLE, Wish(size=5))
        for said in ("wood", "steel", None):
            ledger.reviews.append([decision(value=said)])
        ledger.reviews.append([decision(value="wood", reviewer="bia")])
        assert [one.value for one in ledger.reviews.standing(sample)] == [None, "wood"]
        ledger.reviews.append([decision(verdict="retracted", value=None)])
        [left] = ledger.reviews.standing(sample)
        assert left == decision(reviewer="bia")
        assert ledger.reviews.newest_decision(sample) == 5
        with pytest.raises(UserError, match="there is no sample 7; there are 1"):
            ledger.reviews.sample(7)
    with sqlite3.connect(path) as db:
        kept = db.execute("SELECT reviewer, verdict, value FROM decisions").fetchall()
        seen = db.execute("SELECT value, label, purpose FROM reviewed").fetchall()
    db.close()
    assert len(kept) == 5
    assert kept[-1] == ("ana", "retracted", None)
    assert seen[0][0] == '"wood"'
    assert seen[0][1] in ('"wood"', '"steel"')
    assert seen[0][2] == "certification"


def test_repeats_are_answers_of_one_version_to_one_question(tmp_path: Path) -> None:
    with Ledger(tmp_path / "l.sqlite") as ledger:
        rows = poles(4)
        run = add_run(ledger, rows)
        assert list(ledger.repeats(run.question_id)) == []
        add_run(ledger, rows[:2], fresh=True)
        add_run(ledger, rows[:1], fresh=True, version="m-2")
        found = list(ledger.repeats(run.question_id))
        assert [one.ordinal for one in found] == [1, 2]
        assert found[0].first == found[0].again
