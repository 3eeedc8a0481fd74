"""Sheets go out and come back: every cell is checked, decisions are only added."""

import csv
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.labelled import POLE, add_run, poles, truth_of
from vistoria.errors import ImageMissing, UserError
from vistoria.ledger import Ledger, Sample, Sheet
from vistoria.records import ImageRef, Picture
from vistoria.review import (
    Reading,
    Verdict,
    Wish,
    check_sheet,
    draw_sample,
    page,
    read_sheet,
    record,
    sheet_rows,
    simulate,
    undo,
    verdicts,
    write_sheet,
)

Change = Callable[[list[dict[str, str]]], None]


@pytest.fixture
def sample(ledger: Ledger) -> Sample:
    """Ten photos, of poles and signs."""
    run = add_run(ledger, poles(60, signs=60))
    return draw_sample(ledger, run, POLE, Wish(size=10))


def written(
    ledger: Ledger, sample: Sample, path: Path, *, shown: bool = False, conflicts: bool = False
) -> Sheet:
    """A sheet on disk."""
    sheet = ledger.reviews.add_sheet(sample, labels_shown=shown, conflicts_only=conflicts)
    write_sheet(path, sample, sheet, sheet_rows(ledger, sample, sheet))
    return sheet


def fill(path: Path, change: Change, delimiter: str = ",") -> None:
    """Opens a sheet as a spreadsheet would, and saves it."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        row |= {"asset": "pole", "material": "wood", "leaning": "no"}
    change(rows)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), delimiter=delimiter)
        writer.writeheader()
        writer.writerows(rows)


def nothing(rows: list[dict[str, str]]) -> None:
    """Leaves all as it is."""


def decided(
    ledger: Ledger, path: Path, reviewer: str = "ana", *, adjudicates: bool = False
) -> Reading:
    """Reads a sheet and records it."""
    reading = check_sheet(ledger, read_sheet(path), reviewer, adjudicates=adjudicates)
    record(ledger, reading)
    return reading


def states(found: tuple[Verdict, ...]) -> set[str]:
    """The states of verdicts."""
    return {one.state for one in found}


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_there_and_back(ledger: Ledger, sample: Sample, tmp_path: Path, delimiter: str) -> None:
    path = tmp_path / "sheet.csv"
    written(ledger, sample, path)

    def change(rows: list[dict[str, str]]) -> None:
        rows[0] |= {"asset": " Sign ", "material": "", "leaning": "-"}
        rows[1] |= {"asset": "?", "material": "STEEL", "leaning": "Yes"}
        rows[2] |= {"asset": "", "material": "", "leaning": ""}
        rows[3] |= {"asset": "?", "material": "", "leaning": ""}

    assert states(verdicts(ledger, sample)) == {"open"}
    fill(path, change, delimiter)
    reading = decided(ledger, path)
    assert (len(reading.decisions), reading.empty) == (27, 3)
    found = {(one.unit.item, one.field): one for one in verdicts(ledger, sample)}
    assert [found[1, name].value for name in ("asset", "material", "leaning")] == [
        "sign", None, None,
    ]  # fmt: skip
    assert found[2, "asset"].unclear
    assert found[2, "asset"].answer == "(cannot tell)"
    assert not found[2, "asset"].right
    assert (found[2, "material"].value, found[2, "leaning"].value) == ("steel", True)
    assert {found[3, name].state for name in ("asset", "material", "leaning")} == {"open"}
    assert all(found[4, name].unclear for name in ("asset", "material", "leaning"))
    again = decided(ledger, path)
    assert (again.decisions, again.same) == ((), 27)


def test_json_lines_from_the_page(ledger: Ledger, sample: Sample, tmp_path: Path) -> None:
    path = tmp_path / "sheet.jsonl"
    sheet = written(ledger, sample, path)
    first, *rest = [json.loads(line) for line in path.read_text().splitlines()]
    assert (first["sheet"], first["item"], len(rest)) == (sheet.token, "1", 9)
    lines = [
        {"sheet": sheet.token, "item": i, "part": "", "asset": "pole", "leaning": True}
        for i in range(1, 11)
    ]
    path.write_text("\n".join(map(json.dumps, lines)))
    assert len(decided(ledger, path).decisions) == 20


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda rows: rows[3].update(item="99"), "has no item '99'"),
        (lambda rows: rows[3].update(item="1"), "line 5: item 1 stands in line 2 too"),
        (lambda rows: rows[3].update(part="after"), "item 4 has no part 'after'"),
        (lambda rows: rows[3].update(asset="tree"), "line 5, asset: got 'tree'; allowed: one of"),
        (lambda rows: rows[3].update(leaning="maybe"), "leaning: got 'maybe'; allowed: true or"),
        (lambda rows: rows[3].update(asset="sign"), "applies only where asset is pole"),
        (lambda rows: rows[3].update(material="-"), "it applies here, so it needs an answer"),
        (lambda rows: rows[3].update(sheet="beef"), "rows of several sheets"),
        (lambda rows: [row.update(sheet="beef") for row in rows], "not written for this ledger"),
    ],
)  # fmt: skip
def test_a_sheet_with_a_mistake_is_not_taken(
    ledger: Ledger, sample: Sample, tmp_path: Path, change: Change, says: str
) -> None:
    path = tmp_path / "sheet.csv"
    written(ledger, sample, path)
    fill(path, change)
    with pytest.raises(UserError, match=says.replace("(", r"\(")):
        decided(ledger, path)
    assert states(verdicts(ledger, sample)) == {"open"}


def test_what_is_no_sheet(ledger: Ledger, sample: Sample, tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(UserError, match="no item and no sheet"):
        read_sheet(path)
    path.write_text("")
    with pytest.raises(UserError, match="is it a review sheet"):
        read_sheet(path)
    with pytest.raises(UserError, match="there is no sheet"):
        read_sheet(tmp_path / "y.csv")
    other = tmp_path / "z.jsonl"
    other.write_text("{")
    with pytest.raises(UserError, match="not JSON"):
        read_sheet(other)
    written(ledger, sample, path)
    with pytest.raises(UserError, match="name the reviewer"):
        check_sheet(ledger, read_sheet(path), " ")


def test_conflicts_are_adjudicated_and_decisions_undone(
    ledger: Ledger, sample: Sample, tmp_path: Path
) -> None:
    path = tmp_path / "sheet.csv"
    written(ledger, sample, path)
    fill(path, nothing)
    decided(ledger, path, "ana")
    fill(path, lambda rows: rows[4].update(material="steel"))
    decided(ledger, path, "bia")
    [dispute] = [one for one in verdicts(ledger, sample) if one.state == "conflict"]
    assert (dispute.unit.item, dispute.field) == (5, "material")
    assert dispute.said == (("ana", "wood"), ("bia", "steel"))

    judged = tmp_path / "conflicts.csv"
    written(ledger, sample, judged, conflicts=True)
    [line] = read_sheet(judged)
    assert (line.item, line.cells["said material"]) == ("5", "ana: wood, bia: steel")
    fill(judged, nothing)
    reading = decided(ledger, judged, "carla")
    assert all(one.adjudicates for one in reading.decisions)
    [settled] = [v for v in verdicts(ledger, sample, "material") if v.unit.item == 5]
    assert (settled.state, settled.value) == ("settled", "wood")

    assert undo(ledger, sample, "carla", item=5) == 3
    assert [one.state for one in verdicts(ledger, sample)].count("conflict") == 1
    assert undo(ledger, sample, "bia", item=5, field="material") == 1
    assert states(verdicts(ledger, sample)) == {"settled"}
    with pytest.raises(UserError, match="reviewers of sample 1: ana, bia"):
        undo(ledger, sample, "carla")
    assert len(ledger.reviews.standing(sample)) == 59
    assert len(decided(ledger, path, "bia").decisions) == 1, "bia may say it again"


def test_a_sheet_that_shows_labels_says_so_for_good(
    ledger: Ledger, sample: Sample, tmp_path: Path
) -> None:
    path = tmp_path / "sheet.csv"
    written(ledger, sample, path, shown=True)
    assert "machine asset" in read_sheet(path)[0].cells
    fill(path, nothing)
    decided(ledger, path)
    assert all(one.label_seen for one in verdicts(ledger, sample))


def test_the_page_is_one_file_that_shows_no_label(ledger: Ledger) -> None:
    rows = poles(40, map_url="javascript:alert(1)")
    for row in rows:
        row |= {"uri": "javascript:alert(1)", "id": f"<b>{row['id']}"}
    rows[0]["material"] = "steel"
    sample = draw_sample(ledger, add_run(ledger, rows), POLE, Wish(size=10))
    sheet = ledger.reviews.add_sheet(sample)

    def show(image: ImageRef) -> Picture:
        if show.calls:  # type: ignore[attr-defined]
            raise ImageMissing("it is gone")
        show.calls += 1  # type: ignore[attr-defined]
        return Picture(uri=image.uri, data=b"JPEG", mime_type="image/jpeg")

    show.calls = 0  # type: ignore[attr-defined]
    text = page(sample, sheet, sheet_rows(ledger, sample, sheet), show)
    assert text.count("<article") == 10
    assert text.count('src="data:image/jpeg;base64,') == 1
    assert text.count("cannot be shown: it is gone") == 9
    assert "<b>" not in text
    assert "javascript:" not in text
    assert "machine:" not in text
    assert "http" not in text.replace("https://storage", "")
    assert sheet.token in text
    seen = ledger.reviews.add_sheet(sample, labels_shown=True)
    assert "machine: pole" in page(sample, seen, sheet_rows(ledger, sample, seen), None)


def test_a_simulated_reviewer_errs_as_often_as_told_and_is_marked(ledger: Ledger) -> None:
    rows = poles(600, signs=100)
    sample = draw_sample(ledger, add_run(ledger, rows), POLE, Wish(size=300))
    reading = simulate(ledger, sample, truth_of(rows), error_rate=0.1)
    record(ledger, reading)
    found = verdicts(ledger, sample)
    assert states(found) == {"settled"}
    assert all(one.simulated for one in found)
    wrong = sum(not one.right for one in found if one.label is not None)
    assert 40 < wrong < 120  # of about 800
    assert simulate(ledger, sample, truth_of(rows), error_rate=0.1).decisions == ()
    with pytest.raises(UserError, match="says nothing about photo"):
        simulate(ledger, sample, {}, error_rate=0)
