"""`vistoria train` as a person calls it, and a cascade certified against people."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.student.conftest import World
from tests.student.shapes import TASK, TASK_FILE, review
from vistoria.cli import main
from vistoria.models._cascade_rule import read_rule


@pytest.fixture
def folder(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "shapes.toml").write_text(TASK_FILE)
    return world.folder


def test_train_writes_a_student_its_card_and_its_doubts(folder: Path, tmp_path: Path) -> None:
    given = ["train", "--task", "shapes.toml", "--ledger", str(folder / "ledger.sqlite")]
    done = CliRunner().invoke(main, [*given, "--fields", "colour,note", "--out", "s.onnx"])
    assert done.exit_code == 0, done.output
    assert "colour" in done.stdout
    assert "note: text stays with the teacher" in done.stderr
    assert {p.name for p in tmp_path.glob("s.*")} == {
        "s.onnx", "s.md", "s.json", "s.suspects.csv",
    }  # fmt: skip
    again = CliRunner().invoke(main, [*given, "--fields", "colour", "--json", "-q"])
    assert json.loads(again.stdout)["fields"]["colour"]["trained"]
    assert (folder / "student.onnx").exists() or (tmp_path / "student.onnx").exists()


def test_train_refuses_what_it_cannot_do(folder: Path) -> None:
    given = ["train", "--task", "shapes.toml", "--ledger", str(folder / "ledger.sqlite")]
    for more, said in (
        (["--out", "s.bin"], "written as an .onnx file"),
        (["--fields", "note"], "no field can be learned"),
        (["--backbone", "stret"], "did you mean 'street'"),
        (["--backbone", "street", "-b", "pooling=mean"], "has no options"),
        (["--device", "cpu"], "add --fine-tune"),
        (["-t", "epochs=3"], "add --fine-tune"),
        (["--fine-tune"], "'street' has no weights that could be fine-tuned"),
        (["--fine-tune", "-t", "epoch=3"], "did you mean 'epochs'"),
    ):
        done = CliRunner().invoke(main, [*given, *more])
        assert done.exit_code == 2
        assert said in " ".join(done.stderr.split())


def test_a_cascade_against_people(folder: Path, world: World, tmp_path: Path) -> None:
    with world.ledger() as ledger:
        ordinals = ledger.scope(world.run).ordinals[::4].tolist()
        uris = list(world.truth)
        truth = {ordinal: world.truth[uris[ordinal - 1]] for ordinal in ordinals}
        sample = review(ledger, world.run, TASK, ordinals, truth, "calibration")
    shared = ["--task", "shapes.toml", "--ledger", str(folder / "ledger.sqlite")]
    trained = CliRunner().invoke(main, ["train", *shared, "--fields", "colour,dark", "-q"])
    assert trained.exit_code == 0, trained.output
    source = tmp_path / "photos.csv"
    source.write_text("observation_id,uri\n")
    given = ["cascade", "student.onnx", str(source), "--teacher", "echo:", "--people", "1"]
    done = CliRunner().invoke(main, [*given, *shared, "--target", "0.9", "--json"])
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert told["against"] == "people"
    rule = read_rule(tmp_path / "student.cascade.json")
    assert rule.certificate["rows"] == len(ordinals)
    assert rule.certificate["against"] == "people"
    with world.ledger() as ledger:
        assert ledger.reviews.uses(sample) == ("cascade thresholds",)
