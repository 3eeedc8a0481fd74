"""`sample`, `decide`, `certify`, `compare`, `assets`: from a run to a sentence, by hand."""

import csv
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from tests.cli.running import Vistoria, words
from tests.labelled import add_run, poles, truth_of
from vistoria.ledger import Ledger

LEDGER = Path(".vistoria/ledger.sqlite")
TASK = """
instructions = "Look at the street."
[[fields]]
name = "asset"
kind = "choice"
help = "What is it?"
choices = ["pole", "sign", "none"]
[[fields]]
name = "material"
kind = "choice"
help = "Of what?"
choices = ["wood", "steel"]
only_if = { asset = "pole" }
[[fields]]
name = "leaning"
kind = "boolean"
help = "Does it lean?"
only_if = { asset = "pole" }
"""


@pytest.fixture
def town(tmp_path: Path) -> list[dict[str, Any]]:
    """A project whose run labelled 400 photos of 200 assets in two snapshots, all alike."""
    photo = tmp_path / "photo.jpg"
    Image.new("RGB", (1600, 900), (200, 30, 30)).save(photo)
    rows = []
    for i, row in enumerate(poles(380, signs=20)):
        snapshot = "s1" if i % 2 else "s2"
        rows.append(
            row | {"asset_id": f"a{i // 2}", "snapshot_id": snapshot, "uri": str(photo)}
        )  # fmt: skip
    Path("pole.toml").write_text(TASK)
    Path("vistoria.toml").write_text(
        '[source]\naddress = "photos"\n[task]\nname = "pole.toml"\n[model]\nname = "echo:"\n'
    )
    with Ledger(LEDGER) as ledger:
        add_run(ledger, rows)
    truth = [{"observation_id": i, **known} for i, known in truth_of(rows).items()]
    pq.write_table(pa.Table.from_pylist(truth), "truth.parquet")
    return rows


def document(vistoria: Vistoria, *args: str, code: int = 0) -> Any:
    """What a command with --json says."""
    result = vistoria(*args, "--json")
    assert result.exit_code == code, result.stderr
    return json.loads(result.stdout)


def fill(path: Path, **answers: str) -> None:
    """Every row of a sheet answered alike."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = [row | answers for row in csv.DictReader(file)]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


@pytest.mark.usefixtures("town")
def test_from_a_sample_to_a_sentence(vistoria: Vistoria) -> None:
    drawn = vistoria("sample", "review", "--fields", "asset", "--size", "60")
    assert drawn.exit_code == 0, drawn.stderr
    assert "simple random sample of 400 observations" in drawn.stderr
    assert "vistoria decide review/sheet.csv --reviewer NAME" in words(drawn.stderr)
    page = Path("review/page.html").read_text()
    assert page.count("data:image/jpeg;base64,") == 60
    assert len(page) < 60 * 20_000, "photos are shrunk"
    assert "Photos: photos" in page, "whose they are"

    fill(Path("review/sheet.csv"), asset="pole")
    done = vistoria("decide", "review/sheet.csv", "--reviewer", "ana")
    assert done.exit_code == 0, done.stderr
    assert "60 decisions recorded" in done.stderr
    said = vistoria("certify", "--field", "asset", "--at-least", "80")
    assert said.exit_code == 0, said.stderr
    assert said.stdout.startswith("At least 8")
    assert "by ana" in said.stdout
    missed = vistoria("certify", "--at-least", "99.9")
    assert (missed.exit_code, "target was not reached" in missed.stderr) == (1, True)
    listed = document(vistoria, "certify", "--list")
    assert [one["certificate"] for one in listed] == [1, 2]
    assert listed[0]["sentence"] in said.stdout


@pytest.mark.usefixtures("town")
def test_mistakes_are_named_and_nothing_is_taken(vistoria: Vistoria) -> None:
    vistoria("sample", "review", "--size", "20")
    fill(Path("review/sheet.csv"), asset="tree")
    result = vistoria("decide", "review/sheet.csv", "--reviewer", "ana")
    assert result.exit_code == 2
    assert "line 2, asset: got 'tree'" in result.stderr
    assert "nothing of it is recorded" in result.stderr
    [sample] = document(vistoria, "decide")
    assert (sample["settled"], sample["open"], sample["reviewers"]) == (0, 60, [])
    refused = vistoria("certify", "--field", "asset")
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert "not certified (incomplete)" in refused.stderr
    every = document(vistoria, "certify", code=2)
    assert {(one["field"], one["certified"], one["reason"]) for one in every} == {
        (name, False, "incomplete") for name in ("asset", "material", "leaning")
    }


@pytest.mark.usefixtures("town")
def test_a_simulated_reviewer_is_named_wherever_it_counts(vistoria: Vistoria) -> None:
    vistoria("sample", "review", "--size", "120")
    simulated = vistoria("decide", "--simulate", "truth.parquet", "--error-rate", "0.02")
    assert "by a SIMULATED reviewer, not a person" in simulated.stderr
    assert "simulated (simulated)" in vistoria("sample").stdout
    assert vistoria("certify", "--field", "asset").exit_code == 2
    [one] = document(vistoria, "certify", "--field", "asset", "--simulated")
    assert one["simulated"] is True
    assert one["sentence"].startswith("SIMULATED REVIEW, NOT BY A PERSON.")
    assert one["reviewed"] == 120


@pytest.mark.usefixtures("town")
def test_a_second_reader_conflicts_and_undo(vistoria: Vistoria) -> None:
    vistoria("sample", "one", "--size", "10", "--fields", "asset")
    vistoria("sample", "two", "--of", "1")
    fill(Path("one/sheet.csv"), asset="pole")
    fill(Path("two/sheet.csv"), asset="none")
    vistoria("decide", "one/sheet.csv", "--reviewer", "ana")
    second = vistoria("decide", "two/sheet.csv", "--reviewer", "bia")
    assert "10 answers on which reviewers disagree" in words(second.stderr)
    written = document(vistoria, "sample", "three", "--conflicts", "1")
    assert written["rows"] == 10
    assert "ana: pole, bia: none" in Path("three/sheet.csv").read_text(encoding="utf-8-sig")
    undone = document(vistoria, "decide", "--undo", "1", "--reviewer", "bia")
    assert undone == {"sample": 1, "retracted": 10}
    assert document(vistoria, "sample")[0]["conflicts"] == 0
    assert vistoria("decide", "--undo", "1").exit_code == 2


@pytest.mark.usefixtures("town")
def test_plans(vistoria: Vistoria) -> None:
    plan = document(vistoria, "sample", "--plan", "--margin", "2", "--expected", "95")
    assert plan["for_margin"] == pytest.approx(500, abs=60)
    assert plan["for_margin_at_worst"] > plan["for_margin"]
    assert plan["for_certificate"] is None, "95 % right cannot be certified as 95 %"
    assert plan["without_any_error"] == 59
    assert "a guess" in vistoria("sample", "--plan").stdout
    vistoria("sample", "dev", "--size", "30", "--purpose", "development")
    vistoria("decide", "--simulate", "truth.parquet")
    known = document(vistoria, "sample", "--plan")
    assert known["expected_from"] == "90 of 90 reviewed earlier"


def test_pairs_assets_and_snapshots(vistoria: Vistoria, town: list[dict[str, Any]]) -> None:
    drawn = document(
        vistoria, "sample", "pairs", "--unit", "pair", "--between", "s1,s2", "--size", "40",
        "--fields", "material",
    )  # fmt: skip
    assert (drawn["rows"], drawn["population"]) == (80, 200)
    assert "before" in Path("pairs/sheet.csv").read_text(encoding="utf-8-sig")
    vistoria("decide", "--simulate", "truth.parquet")
    found = document(vistoria, "compare", "1", "--between", "s1,s2")
    by_field = {one["field"]: one for one in found["fields"]}
    assert by_field["material"]["real"]["low"] == 0
    assert by_field["material"]["change_shown"] is False
    assert by_field["asset"]["real"] is None
    shown = vistoria("compare", "1", "--between", "s1,s2")
    assert "no change shown" in shown.stdout
    assert "not reviewed" in shown.stdout

    vistoria("assets", "assets.parquet")
    table = pq.read_table("assets.parquet").to_pylist()
    assert len(table) == len(town)
    assert {row["material_conflict"] for row in table} == {False}
    assert vistoria("assets", "--conflicts").stdout.count("\n") == 1


def test_a_certified_list_of_changes(vistoria: Vistoria, town: list[dict[str, Any]]) -> None:
    del town
    with Ledger(LEDGER) as ledger:
        truth = []
        for i in range(300):
            for snapshot, material in (("s1", "wood"), ("s2", "steel" if i < 200 else "wood")):
                seen = {"id": f"{snapshot}{i}", "asset_id": f"b{i}", "snapshot_id": snapshot}
                truth.append(poles(1)[0] | seen | {"material": material})
        said = [
            row | {"material": "steel"} if i > 580 and i % 2 else row for i, row in enumerate(truth)
        ]
        add_run(ledger, said, model="n")
    known = [{"observation_id": i, **answers} for i, answers in truth_of(truth).items()]
    pq.write_table(pa.Table.from_pylist(known), "truth.parquet")
    asked = ("compare", "2", "--between", "s1,s2", "--changes", "changes.csv", "--field")
    none = document(vistoria, *asked, "material", code=2)
    assert (none["certified"], none["reason"]) == (False, "nothing_reviewed")
    pairs = ("--unit", "pair", "--between", "s1,s2", "--changed", "material", "--images", "link")
    drawn = document(vistoria, "sample", "pairs", *pairs, "--size", "100")
    assert (drawn["population"], drawn["fields"]) == (210, ["material"])
    assert "whose 'material' labels differ" in drawn["design"]
    done = vistoria("decide", "--simulate", "truth.parquet")
    assert "--between s1,s2 --changes changes.csv --field material" in words(done.stderr)
    refused = vistoria(*asked, "material")
    assert (refused.exit_code, "(simulated)" in refused.stderr) == (2, True)
    assert not Path("changes.csv").exists()
    listed = vistoria(*asked, "material", "--precision", "85", "--simulated")
    assert listed.exit_code == 0, listed.stderr
    with Path("changes.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert f"At least 85 % of these {len(rows)} changes of 'material'" in listed.stdout
    assert listed.stdout.startswith("SIMULATED REVIEW")
    assert sum(int(row["asset_id"][1:]) < 200 for row in rows) >= 0.85 * len(rows) > 150
    assert vistoria("compare", "2", "--field", "material").exit_code == 2
    assert vistoria(*asked, "material", "--precision", "85", "--json").exit_code == 2
    assert [one["certified"] for one in document(vistoria, "certify", "--list")] == [True]


@pytest.mark.usefixtures("town")
def test_compare_two_runs_and_a_golden_set(vistoria: Vistoria) -> None:
    rows = poles(380, signs=20)
    worse = [
        row | ({"material": "steel"} if row["material"] and i % 5 == 0 else {})
        for i, row in enumerate(rows)
    ]
    keys = [f"a{i // 2}" for i in range(400)]
    with Ledger(LEDGER) as ledger:
        photo = ledger.observations([1])[0].image.uri
        again = [
            row | {"asset_id": key, "snapshot_id": "s1" if i % 2 else "s2", "uri": photo}
            for i, (row, key) in enumerate(zip(worse, keys, strict=True))
        ]
        add_run(ledger, again, model="n")
    found = document(vistoria, "compare", "1", "2")
    assert (found["what"], found["paired"]) == ("model", 400)
    material = next(one for one in found["fields"] if one["field"] == "material")
    assert material["moves"] == [{"from": "wood", "to": "steel", "count": 38}]
    assert found["cost"]["upgrade_usd"] == 0
    shown = vistoria("compare", "1", "2")
    assert "unknown; ask some photos again" in words(shown.stdout)
    golden = vistoria("compare", "1", "2", "--golden", "truth.parquet")
    assert (golden.exit_code, "WORSE" in golden.stdout) == (1, True)
    assert vistoria("compare", "2", "1", "--golden", "truth.parquet").exit_code == 0
    assert vistoria("compare", "1").exit_code == 2


def test_a_list_of_doubts_becomes_a_sample_for_development(
    town: list[dict[str, Any]], vistoria: Vistoria
) -> None:
    ids = list(truth_of(town))
    Path("doubts.csv").write_text(
        "observation_id,margin\n" + "".join(f"{i},1\n" for i in ids[:100])
    )
    done = vistoria("sample", "doubts", "--listed", "doubts.csv", "--size", "8", "--json")
    document = json.loads(done.stdout)
    assert (document["rows"], document["purpose"], document["method"]) == (
        8,
        "development",
        "chosen",
    )
    passed = int(words(done.stderr).split("left out ")[1].split()[0])
    assert 60 < passed < 95, "a fifth of all photos is for development"
    with Ledger(LEDGER) as ledger:
        units = ledger.reviews.units(ledger.reviews.sample(document["sample"]))
    listed = [unit.unit.rpartition("/")[2] for unit in units]
    assert [i for i in ids if i in listed] == listed, "in the order of the list"
    with Path("doubts/sheet.csv").open(newline="") as file:
        assert len(list(csv.DictReader(file))) == 8


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name\nx\n", "neither a column"),
        ("ordinal\n9999\n", "none of 1 listed photos was answered"),
    ],
)
def test_a_list_of_nothing_is_refused(
    town: list[dict[str, Any]], vistoria: Vistoria, text: str, said: str
) -> None:
    Path("list.csv").write_text(text)
    done = vistoria("sample", "doubts", "--listed", "list.csv")
    assert done.exit_code == 2
    assert said in words(done.stderr)
