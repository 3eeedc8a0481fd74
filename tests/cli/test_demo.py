"""`vistoria demo`: a town, its labels, how right they are; `echo:` is enough for most of it."""

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from PIL import Image

from tests.cli.running import Vistoria, words
from vistoria.cli._accuracy import score, wrong_fields

SMALL = ("demo", "town", "--assets", "8")


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A town of eight assets, drawn once."""
    from vistoria.street.town import build_town

    folder = tmp_path_factory.mktemp("demo") / "town"
    build_town(folder, assets=8, workers=1)
    return folder


def test_from_nothing_to_a_contact_sheet(
    vistoria: Vistoria, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VISTORIA_MODEL_NAME", "echo:")
    result = vistoria(*SMALL)
    said = words(result.stderr)
    assert result.exit_code == 0
    assert "photos of 8 assets in two snapshots, drawn in" in said
    assert "profile svi_cropped" in said
    assert "cd town vistoria status" in said
    assert "town/report.html: open it in a browser" in said
    page = Path("town/report.html").read_text()
    assert "Vila Serena, a made-up town" in page
    assert "Drawn by Vistoria" in page
    for name in ("labels.parquet", "labels.csv", "town.duckdb", "truth.parquet", "vistoria.toml"):
        assert (Path("town") / name).stat().st_size > 0
    with Image.open("town/contact-sheet.png") as sheet:
        assert sheet.width > 1_000
    rows = [line.split() for line in result.stdout.splitlines()]
    photos = pq.read_table("town/truth.parquet").num_rows
    assert ["asset", str(photos)] in [row[:2] for row in rows]
    assert "utility_pole" in result.stdout


def test_again_nothing_is_drawn_or_asked(drawn: Path, vistoria: Vistoria) -> None:
    command = ("demo", str(drawn), "--model", "echo:")
    first = vistoria(*command, "--json")
    again = vistoria(*command, "--json")
    assert "drawn already" in again.stderr
    assert ": 0 to ask" in again.stderr
    documents = [json.loads(result.stdout) for result in (first, again)]
    assert documents[0]["accuracy"] == documents[1]["accuracy"]
    assert documents[1]["session"]["answered"] == 0
    taught = [document["report"]["taught"] for document in documents]
    assert taught[0] == taught[1], "reviewed once"
    assert taught[0]["counts"] > 0
    assert documents[0]["report"]["simulated"]
    assert "learn" in documents[0]["student"]["why"], "a town too small to learn from"


def test_failures_are_not_errors(drawn: Path, vistoria: Vistoria) -> None:
    result = vistoria("demo", str(drawn), "--model", "echo:", "-o", "refused=0.5", "--json")
    document = json.loads(result.stdout)
    assert result.exit_code == 1
    asset = next(one for one in document["accuracy"] if one["field"] == "asset")
    assert asset["n"] == document["answered"] < document["total"]


def test_a_project_file_that_was_edited_stays(drawn: Path, vistoria: Vistoria) -> None:
    vistoria("demo", str(drawn), "--model", "echo:")
    file = drawn / "vistoria.toml"
    file.write_text(file.read_text() + "# mine\n")
    vistoria("demo", str(drawn), "--model", "echo:")
    assert file.read_text().endswith("# mine\n")


def test_scores() -> None:
    truth: dict[str, dict[str, Any]] = {
        "a": {"asset": "pole", "leaning": True, "speed": None, "bad_view": False},
        "b": {"asset": "sign", "leaning": None, "speed": 50, "bad_view": True},
        "c": {"asset": "pole", "leaning": False, "speed": None, "bad_view": False},
        "d": {"asset": "sign", "leaning": None, "speed": 80, "bad_view": False},
    }
    said = [("a", "pole", True, None), ("b", "sign", None, 60.0), ("c", "sign", None, 5.0)]
    labels = [
        {"observation_id": i, "status": "answered", "asset": a, "leaning": b, "speed": c}
        for i, a, b, c in said
    ]
    failed = {"observation_id": "d", "status": "failed", "asset": None, "leaning": None}
    fields = ("asset", "leaning", "speed")
    scores = {s.field: s for s in score(fields, [*labels, failed | {"speed": None}], truth)}
    assert (scores["asset"].total, scores["asset"].right) == (3, 2)
    assert (scores["asset"].clear, scores["asset"].clear_right) == (2, 1)
    assert (scores["leaning"].total, scores["leaning"].right) == (2, 1)
    assert (scores["speed"].total, scores["speed"].right, scores["speed"].clear) == (1, 0, 0)
    assert wrong_fields(fields, labels[2], truth["c"]) == ("asset", "leaning")
