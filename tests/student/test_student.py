"""Training: what is learned, what is never seen, what is written down."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest

from tests.student.conftest import World
from tests.student.shapes import COLOURS, MARKS, TASK, review
from vistoria.errors import ConfigError, UserError
from vistoria.models.onnx import open_model
from vistoria.records import Answer, ImageForm, Picture
from vistoria.student.backbones.backbone import Backbone
from vistoria.student.dataset import Shares, gather, locked_marks, mark
from vistoria.student.measure import answers_of
from vistoria.student.showcase import keep_the_model
from vistoria.student.student import Settings, Student, train_student
from vistoria.student.targets import fitting
from vistoria.task import Field, Task

PIXELS = ImageForm(kind="pixels", width=320, height=240)


@pytest.fixture(scope="session")
def written(student: Student, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("student") / "small.onnx"
    student.write(path)
    return path


def photos(world: World, count: int) -> tuple[list[Picture], list[Answer]]:
    """The first photos as the student takes them, and their truth."""
    chosen = list(world.truth)[:count]
    with world.ledger() as ledger:
        ordinals = ledger.scope(world.run).ordinals[:count].tolist()
        refs = [one.image for one in ledger.observations(ordinals)]
    assert [ref.uri for ref in refs] == chosen
    return [world.vision.load(ref, PIXELS) for ref in refs], [world.truth[uri] for uri in chosen]


def test_every_kind_of_field_is_learned_but_text(student: Student) -> None:
    fields = student.learned.fields
    assert {name: one.head.form for name, one in fields.items()} == {
        "colour": "classes", "dark": "classes", "marks": "set", "level": "value",
    }  # fmt: skip
    assert student.learned.left == {"note": "text stays with the teacher"}
    assert all(one.trained for one in fields.values())
    assert (fields["colour"].test.agreement.estimate or 0) > 0.85
    points = fields["marks"].curve
    assert points[-1].rows > 3 * points[0].rows
    assert points[-1].agreement > points[0].agreement


def test_the_student_is_righter_than_its_teacher(student: Student, labelled: World) -> None:
    head = student.learned.fields["colour"].head
    test = np.flatnonzero(student.rows.part == 2)
    said, _ = answers_of(head, head.outputs(student.embedded.vectors[test]))
    uris = [student.rows.images[i].uri for i in test.tolist()]
    right = np.mean([labelled.truth[u]["colour"] == s for u, s in zip(uris, said, strict=True)])
    taught = np.mean(
        [labelled.truth[u]["colour"] == labelled.teacher.answers[u]["colour"] for u in uris]
    )
    assert right > taught
    assert right > 0.97


def test_photos_of_an_asset_are_on_one_side_and_stay_there(world: World) -> None:
    with world.ledger() as ledger:
        rows = gather(ledger, world.run, TASK)
        again = gather(ledger, world.run, TASK)
        other = gather(ledger, world.run, TASK, Shares(seed=1))
    for group in np.unique(rows.group):
        assert len(set(rows.part[rows.group == group].tolist())) == 1
    assert (rows.part == again.part).all()
    assert (rows.part != other.part).any()
    assert set(rows.part.tolist()) == {0, 1, 2}


def test_a_copied_picture_is_never_on_both_sides(world: World) -> None:
    with world.ledger() as ledger:
        rows = gather(ledger, world.run, TASK)
    twin = {int(rows.group[0]), int(rows.group[-1])}
    picture = rows.picture.copy()
    picture[-1] = picture[0]
    from vistoria.student.dataset import _keep_copies_together

    part = np.where(np.arange(len(rows)) == 0, 0, 2).astype(np.int8)
    _keep_copies_together(part, picture)
    assert part[0] == part[-1] == 2
    assert len(twin) == 2


def test_certification_rows_cannot_be_trained_on(world: World) -> None:
    with world.ledger() as ledger:
        before = gather(ledger, world.run, TASK)
        chosen = before.ordinals[[0, 10, 20]].tolist()
        truth = {n: world.truth[i.uri] for n, i in zip(before.ordinals, before.images, strict=True)}
        review(ledger, world.run, TASK, chosen, truth)
        rows = gather(ledger, world.run, TASK)
        assert not set(chosen) & set(rows.ordinals.tolist())
        assert len(rows) == len(before) - 6, "the other photo of each asset goes too"
        locked = locked_marks(ledger)
        assert {mark(f"row {ordinal}") for ordinal in chosen} <= locked
        with pytest.raises(UserError, match="locked for certification"):
            replace(before, locked=locked)
        with pytest.raises(UserError, match="never train on that sample"):
            replace(rows, ordinals=before.ordinals[: len(rows)])
        trained = train_student(ledger, world.run, TASK.only(["colour"]), world.vision, Settings())
    seen = trained.rows.marks_touched(locked)
    assert not seen.any()


def test_people_outweigh_the_teacher_and_their_sample_is_used_up(world: World) -> None:
    with world.ledger() as ledger:
        ordinals = ledger.scope(world.run).ordinals.tolist()
        uris = {
            n: o.image.uri for n, o in zip(ordinals, ledger.observations(ordinals), strict=True)
        }
        chosen = ordinals[:40]
        truth = {ordinal: world.truth[uris[ordinal]] for ordinal in chosen}
        sample = review(ledger, world.run, TASK, chosen, truth, purpose="development")
        rows = gather(ledger, world.run, TASK)
        at = rows.ordinals.tolist().index(chosen[3])
        assert rows.labels["colour"][at] == truth[chosen[3]]["colour"]
        assert rows.weights["colour"][at] == 5.0
        assert rows.people("colour").sum() == 40
        train_student(ledger, world.run, TASK.only(["dark"]), world.vision, Settings())
        assert ledger.reviews.uses(sample) == ("training",)


def test_doubtful_labels_are_mostly_wrong_ones(student: Student, labelled: World) -> None:
    uris = dict(zip(student.rows.ordinals.tolist(), student.rows.images, strict=True))
    colours = [one for one in student.learned.suspects if one.field == "colour"]
    wrong = [labelled.truth[uris[one.ordinal].uri]["colour"] != one.label for one in colours[:10]]
    assert len(wrong) == 10
    assert sum(wrong) >= 8


def test_the_file_answers_as_training_did(student: Student, written: Path, labelled: World) -> None:
    pictures, _ = photos(labelled, 40)
    session = ort.InferenceSession(written.read_bytes(), providers=["CPUExecutionProvider"])
    names = [one.name for one in session.get_outputs()]
    batch = np.stack([p.pixels for p in pictures if p.pixels is not None])
    outputs = dict(zip(names, session.run(names, {"image": batch}), strict=True))
    assert isinstance(student.backbone, Backbone)
    vectors = student.backbone.run(batch)
    task = TASK.only(["colour", "dark", "marks", "level"])
    replies = open_model(str(written), {}).answer(task, pictures)
    for name, one in student.learned.fields.items():
        expected = one.head.outputs(vectors)
        assert np.abs(outputs[name] - expected).max() <= 1e-4 * (100 if name == "level" else 1)
        said, sure = answers_of(one.head, expected)
        for reply, value, confidence in zip(replies, said, sure.tolist(), strict=True):
            assert isinstance(reply.answer, dict)
            assert fitting(reply.answer[name], value, 1e-3)
            assert reply.confidence is not None
            assert reply.confidence[name] == pytest.approx(confidence, abs=1e-3)


def test_its_confidence_has_a_threshold_and_its_card_tells_all(written: Path) -> None:
    card = json.loads(written.with_suffix(".json").read_text())
    text = written.with_suffix(".md").read_text()
    assert card["fields"]["colour"]["test"]["agreement"]["low"] > 0.6
    assert set(card["fields"]["colour"]["test"]["confusion"]) <= set(COLOURS)
    assert "simulated:teacher (teacher-1)" in text
    assert "`note` is left to the teacher" in text
    with written.with_name("small.suspects.csv").open() as file:
        assert len(list(csv.DictReader(file))) == card["suspects"] > 20


def test_a_file_that_does_not_fit_the_task_is_refused(written: Path) -> None:
    model = open_model(str(written), {})
    assert model.unanswerable(TASK) == ("note",)
    colours = Field("colour", "choice", choices=("red", "green", "black"))
    with pytest.raises(UserError, match=r"allows black; it was taught blue") as caught:
        model.unanswerable(Task("other", "Say.", (colours,)))
    assert "Train it again" in str(caught.value)
    other_kind = Task("other", "Say.", (Field("marks", "choice", choices=MARKS),))
    assert model.unanswerable(other_kind) == ("marks",)


def test_a_damaged_file_says_so(written: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut.onnx"
    cut.write_bytes(written.read_bytes()[:5000])
    with pytest.raises(ConfigError, match="not an ONNX model"):
        open_model(str(cut), {})


def test_int8_of_an_int8_backbone_is_refused(student: Student, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="8 bits already"):
        replace(student, settings=Settings(int8=True)).write(tmp_path / "small.onnx")


def test_the_ten_lines_of_the_documentation_run(
    written: Path, labelled: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    text = (Path(__file__).parents[2] / "docs/student.md").read_text()
    code = text.partition("```python\n")[2].partition("```")[0]
    assert len(code.strip().splitlines()) <= 11
    monkeypatch.chdir(tmp_path)
    (tmp_path / "student.onnx").write_bytes(written.read_bytes())
    uri, truth = next(iter(labelled.truth.items()))
    (tmp_path / "photo.jpg").write_bytes(Path(uri).read_bytes())
    exec(compile(code, "docs/student.md", "exec"), {})
    lines = dict(line.split(" ", 1) for line in capsys.readouterr().out.splitlines()[:1])
    assert lines["colour"] == truth["colour"]


def test_a_showcase_trains_and_certifies(world: World, tmp_path: Path) -> None:
    with world.ledger() as ledger:
        task = TASK.only(["colour", "dark"])
        shown = keep_the_model(
            ledger, world.run, task, world.vision.load, tmp_path / "s.onnx", target=0.8
        )
    assert shown.kept > 0.5
    assert "need no teacher" in shown.sentence()
    assert (tmp_path / "s.cascade.json").exists()
