"""Any model on a reviewed sample: figures that can be checked by hand, and who may be judged."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from PIL import Image

from tests.labelled import POLE, add_run, poles, truth_of
from tests.student.conftest import World
from tests.student.shapes import TASK, TASK_FILE, review
from vistoria.cli import main
from vistoria.errors import UserError
from vistoria.ledger import Ledger, Sample
from vistoria.ledger._samples import Purpose
from vistoria.review import Wish, draw_sample, record, simulate
from vistoria.student.evaluation import compared, evaluate, unseen_units
from vistoria.student.picture import draw
from vistoria.student.student import Settings, Student, train_student
from vistoria.truth import binomial

FOUR = TASK.only(["colour", "dark", "marks", "level"])


def reviewed(
    world: World, ledger: Ledger, ordinals: Sequence[int], purpose: Purpose = "certification"
) -> Sample:
    refs = [one.image for one in ledger.observations(ordinals)]
    truth = {n: world.truth[ref.uri] for n, ref in zip(ordinals, refs, strict=True)}
    return review(ledger, world.run, TASK, ordinals, truth, purpose)


def test_a_models_figures_are_what_one_counts_by_hand(world: World) -> None:
    with world.ledger() as ledger:
        chosen = ledger.scope(world.run).ordinals[:240:3].tolist()
        sample = reviewed(world, ledger, chosen)
        refs = [one.image.uri for one in ledger.observations(chosen)]
        units, left_out = unseen_units(ledger, sample, world.run.model)
        found = evaluate(ledger, sample, FOUR, world.run, units)
    right = [world.truth[u]["colour"] == world.teacher.answers[u]["colour"] for u in refs]
    colour = found.fields["colour"]
    assert (found.units, found.answered, left_out) == (80, 80, 0)
    assert colour.accuracy is not None
    assert colour.accuracy.estimate == pytest.approx(sum(right) / 80)
    assert colour.accuracy.low < sum(right) / 80 < colour.accuracy.high
    reds = [u for u in refs if world.truth[u]["colour"] == "red"]
    found_reds = sum(world.teacher.answers[u]["colour"] == "red" for u in reds)
    assert colour.classes["red"][1].estimate == pytest.approx(found_reds / len(reds))
    assert sum(map(sum, (row.values() for row in colour.confusion.values()))) == 80
    assert found.cost == 0, "a simulated teacher is local"
    assert found.versions == ("teacher-1",)
    pair = compared(found, found, "colour")
    assert pair is not None
    assert pair.difference.estimate == 0


def test_a_student_is_judged_on_what_it_did_not_learn(
    world: World, student: Student, tmp_path: Path
) -> None:
    path = tmp_path / "old.onnx"
    student.write(path)
    with world.ledger() as ledger:
        sample = reviewed(world, ledger, ledger.scope(world.run).ordinals[:100].tolist())
        units, left_out = unseen_units(ledger, sample, f"onnx:{path}")
        assert len(units) + left_out == 100
        assert 5 < len(units) < 30, "about 15 % were left for testing"
        newer = train_student(ledger, world.run, TASK.only(["dark"]), world.vision, Settings())
        newer.write(tmp_path / "new.onnx")
        assert unseen_units(ledger, sample, f"onnx:{tmp_path / 'new.onnx'}")[1] == 0


def test_a_student_is_not_judged_on_its_own_sample(world: World, tmp_path: Path) -> None:
    with world.ledger() as ledger:
        ordinals = ledger.scope(world.run).ordinals[:60].tolist()
        sample = reviewed(world, ledger, ordinals, "development")
        student = train_student(ledger, world.run, TASK.only(["dark"]), world.vision, Settings())
        student.write(tmp_path / "own.onnx")
        with pytest.raises(UserError, match="was trained on sample 1"):
            unseen_units(ledger, sample, f"onnx:{tmp_path / 'own.onnx'}")


def test_the_command_asks_judges_and_draws(
    world: World, student: Student, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    student.write(tmp_path / "small.onnx")
    (tmp_path / "shapes.toml").write_text(TASK_FILE)
    with world.ledger() as ledger:
        reviewed(world, ledger, ledger.scope(world.run).ordinals.tolist())
    arguments = ["evaluate", world.run.model, "onnx:small.onnx", "--task", "shapes.toml"]
    ledger_file = str(world.folder / "ledger.sqlite")
    drawn = ["--fields", "colour,marks", "--picture", "models.svg", "--json"]
    done = CliRunner().invoke(main, [*arguments, "--ledger", ledger_file, *drawn])
    assert done.exit_code == 0, done.output
    teacher, own = json.loads(done.stdout)
    assert own["left_out"] > 400
    assert own["images_per_second"] > 0
    assert own["cost_per_1000_usd"] == 0
    assert own["fields"]["colour"]["accuracy"]["estimate"] > 0.95
    assert own["fields"]["colour"]["calibration_error"] < 0.1
    assert teacher["fields"]["colour"]["calibration_error"] is None
    svg = (tmp_path / "models.svg").read_text()
    assert svg.startswith("<svg")
    assert "onnx:small.onnx" in svg


def test_a_picture_has_a_point_per_model_and_a_panel_per_kind_of_price(
    world: World, tmp_path: Path
) -> None:
    with world.ledger() as ledger:
        sample = reviewed(world, ledger, ledger.scope(world.run).ordinals[:50].tolist())
        units, _ = unseen_units(ledger, sample, world.run.model)
        free = evaluate(ledger, sample, FOUR, world.run, units)
    models = [
        replace(free, model=f"some:{number}", cost=cost)
        for number, cost in enumerate((0, 10**11, 2 * 10**12, None))
    ]
    draw(models, "dark", tmp_path / "models.svg")
    svg = (tmp_path / "models.svg").read_text()
    assert svg.count('aria-roledescription="point"') == 4
    for said in ("free", "US$ per 1,000 images", "price unknown", "some:3", "dark: accuracy"):
        assert said in svg
    draw(models, "dark", tmp_path / "models.png")
    with Image.open(tmp_path / "models.png") as picture:
        assert picture.width > 1_000
    for field, name, said in (("dark", "x.bmp", "a picture ends in"), ("no", "x.svg", "no model")):
        with pytest.raises(UserError, match=said):
            draw(models, field, tmp_path / name)


def test_a_field_is_judged_where_it_applies(tmp_path: Path) -> None:
    """Half of the photos show signs, which have no material: they neither count nor widen."""
    rows = poles(500, signs=500)
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        run = add_run(ledger, rows)
        wish = Wish(size=120, choice="stratified", by_field="asset", fields=("asset", "material"))
        sample = draw_sample(ledger, run, POLE, wish)
        record(ledger, simulate(ledger, sample, truth_of(rows), error_rate=0))
        found = evaluate(ledger, sample, POLE, run, ledger.reviews.units(sample))
        left = evaluate(ledger, sample, POLE, run, ledger.reviews.units(sample), ["material"])
    material = found.fields["material"]
    assert 40 < material.units < 80
    assert material.accuracy is not None
    assert material.accuracy.low == pytest.approx(binomial(material.units, material.units).low)
    assert list(left.fields) == ["asset"]
    assert left.document()["unanswerable"] == ["material"]
