"""Fine-tuning: it helps, it resumes, it never sees what it must not, and its figures are honest."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import pytest
import torch

from tests.student.conftest import World
from tests.student.shapes import TASK as SHAPES
from tests.student.shapes import Teacher, label, loading, review
from tests.student.torch.checkpoints import timm_checkpoint, transformers_checkpoint
from tests.student.torch.conftest import TIMM
from tests.student.torch.stripes import TASK, TASK_FILE, draw_stripes
from vistoria.errors import UserError
from vistoria.ledger import Ledger, Run
from vistoria.records import Value
from vistoria.student.backbones.network import device_named, open_network
from vistoria.student.backbones.opening import open_weights
from vistoria.student.dataset import gather, locked_marks
from vistoria.student.finetuning.augmentation import augmented
from vistoria.student.finetuning.lesson import FineTuning
from vistoria.student.finetuning.sides import sides_of
from vistoria.student.finetuning.tuned import Tuned, Untuned, fine_tuned
from vistoria.student.student import Settings, Student, train_student

ROOT = Path(__file__).parents[3]
QUICK = FineTuning(epochs=20, patience=20, batch=16, rate=1e-3, device="cpu")


@dataclass(frozen=True)
class Striped:
    """240 pictures of stripes, labelled by a teacher that is right, and a random network."""

    folder: Path
    truth: Mapping[str, Mapping[str, Value]]
    run: Run

    @property
    def model(self) -> Path:
        return self.folder / "model"

    def ledger(self) -> Ledger:
        return Ledger(self.folder / "ledger.sqlite")

    def untuned(self, options: FineTuning = QUICK) -> Untuned:
        weights = open_weights(str(self.model))
        return Untuned(weights=weights, load=loading(), folder=self.folder, options=options)


def striped_world(folder: Path) -> Striped:
    truth = draw_stripes(folder, 240)
    teacher = Teacher({})
    teacher.answers = {uri: dict(answer) for uri, answer in truth.items()}
    run = label(folder, teacher, TASK)
    transformers_checkpoint("vit", folder / "model")
    return Striped(folder, truth, run)


@pytest.fixture(scope="session")
def striped(tmp_path_factory: pytest.TempPathFactory) -> Striped:
    """Do not write into its ledger."""
    return striped_world(tmp_path_factory.mktemp("stripes"))


@pytest.fixture(scope="session")
def tuned(striped: Striped) -> Tuned:
    torch.set_num_threads(1)
    with striped.ledger() as ledger:
        return fine_tuned(ledger, striped.run, TASK, striped.untuned())


@pytest.fixture(scope="session")
def student(striped: Striped, tuned: Tuned) -> Student:
    with striped.ledger() as ledger:
        return train_student(ledger, striped.run, TASK, tuned, Settings(), name="tuned")


def test_a_tuned_backbone_beats_the_same_one_frozen(student: Student, tuned: Tuned) -> None:
    frozen = tuned.frozen.fields["way"].test.agreement.estimate
    found = student.learned.fields["way"].test.agreement.estimate
    assert frozen is not None
    assert found is not None
    assert found > frozen + 0.25
    assert tuned.course.history[-1].loss < 0.5 * tuned.course.history[0].loss
    assert min(one.watched for one in tuned.course.history) < tuned.course.start


def test_the_file_answers_as_the_tuned_network_did(student: Student, tmp_path: Path) -> None:
    assert student.tuned is not None
    assert student.tuned.course.checkpoint.is_file()
    written = student.write(tmp_path / "s.onnx")
    assert not student.tuned.course.checkpoint.exists(), "what was only for resuming is gone"
    form = student.backbone.form  # type: ignore[union-attr]
    pictures = [student.load(image, form).pixels for image in student.rows.images[:40]]
    frames = np.stack([one for one in pictures if one is not None])
    session = ort.InferenceSession(written.path.read_bytes(), providers=["CPUExecutionProvider"])
    outputs = session.run(["way"], {"image": frames})[0]
    expected = student.learned.fields["way"].head.outputs(student.embedded.vectors[:40])
    assert np.abs(outputs - expected).max() <= 1e-4


def test_the_card_says_what_was_tuned_and_what_it_brought(student: Student, tmp_path: Path) -> None:
    written = student.write(tmp_path / "s.onnx")
    card = json.loads(written.card.with_suffix(".json").read_text())
    told = card["fine_tuning"]
    assert told["taught"] + told["watched"] == card["rows"]["learned_from"]
    assert told["watched"] > 10
    assert set(told["agreement"]["way"]) == {"frozen", "tuned", "assets"}
    assert card["fields"]["way"]["rows"] == told["taught"]
    assert card["fields"]["way"]["learning_curve"] == []
    text = written.card.read_text()
    assert "| field | frozen backbone | fine-tuned |" in text
    assert "## More labels?" not in text
    assert "fine-tuned, 32 features" in text


def test_confidence_rests_on_rows_that_the_network_never_saw(
    student: Student, tuned: Tuned, striped: Striped
) -> None:
    sides = tuned.sides(student.rows)
    assert not (sides.taught & sides.watched).any()
    assert (student.rows.part[sides.either] == 0).all()
    seen = student.learned.fields["way"].head.target.rows
    assert sides.taught[seen].all(), "heads learn from what the network was taught"
    assert student.learned.suspects == tuned.frozen.suspects[:200]


def test_assets_and_copies_are_on_one_side(world: World) -> None:
    with world.ledger() as ledger:
        rows = gather(ledger, world.run, SHAPES)
    sides = sides_of(rows)
    assert 0.05 < sides.watched.sum() / (rows.part == 0).sum() < 0.3
    assert not set(rows.group[sides.taught]) & set(rows.group[sides.watched])
    twin = rows.picture.copy()
    teach, watch = np.flatnonzero(sides.taught)[0], np.flatnonzero(sides.watched)[0]
    twin[teach] = twin[watch]
    other = sides_of(replace(rows, picture=twin))
    assert other.watched[watch]
    assert not other.either[teach]
    assert (sides_of(rows, 1).watched != sides.watched).any()


def test_locked_rows_are_never_tuned_on(tmp_path: Path) -> None:
    striped = striped_world(tmp_path)
    quick = replace(striped.untuned(), options=QUICK.model_copy(update={"epochs": 1}))
    with striped.ledger() as ledger:
        ordinals = gather(ledger, striped.run, TASK).ordinals
        uris = [one.image.uri for one in ledger.observations(ordinals.tolist())]
        truth = {int(n): dict(striped.truth[u]) for n, u in zip(ordinals, uris, strict=True)}
        review(ledger, striped.run, TASK, ordinals[:9].tolist(), truth)
        tuned = fine_tuned(ledger, striped.run, TASK, quick)
        assert not set(ordinals[:9].tolist()) & {*tuned.taught.tolist(), *tuned.watched.tolist()}
        train_student(ledger, striped.run, TASK, tuned, Settings())
        later = tuned.taught[:3].tolist()  # locked after the network has seen them
        review(ledger, striped.run, TASK, later, truth, purpose="calibration")
        assert locked_marks(ledger)
        with pytest.raises(UserError, match=r"3 rows .* were locked or moved meanwhile"):
            train_student(ledger, striped.run, TASK, tuned, Settings())


def test_what_brings_nothing_changes_nothing(striped: Striped, tmp_path: Path) -> None:
    wild = FineTuning(epochs=5, patience=1, batch=16, rate=0.9, head_rate=0.9, device="cpu")
    with striped.ledger() as ledger:
        found = fine_tuned(
            ledger, striped.run, TASK, replace(striped.untuned(wild), folder=tmp_path)
        )
    assert found.course.best == 0
    assert len(found.course.history) == 1
    network = open_network(open_weights(str(striped.model)))
    frames = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3), np.uint8)
    assert np.abs(found.backbone.run(frames) - network.embed(frames)).max() < 1e-4


def test_every_kind_of_field_is_tuned(world: World, tmp_path: Path) -> None:
    options = FineTuning(epochs=2, batch=32, rate=3e-4, device="cpu")
    if TIMM:
        timm_checkpoint(tmp_path / "m", img_size=32, embed_dim=32, depth=2, num_heads=2)
    else:
        transformers_checkpoint("dinov3_vit", tmp_path / "m")
    untuned = Untuned(
        weights=open_weights(str(tmp_path / "m")), load=world.vision.load, folder=tmp_path,
        options=options,
    )  # fmt: skip
    with world.ledger() as ledger:
        tuned = fine_tuned(ledger, world.run, SHAPES, untuned)
        student = train_student(ledger, world.run, SHAPES, tuned, Settings())
    fields = student.learned.fields
    assert {name: one.head.form for name, one in fields.items()} == {
        "colour": "classes", "dark": "classes", "marks": "set", "level": "value",
    }  # fmt: skip
    assert (fields["colour"].test.agreement.estimate or 0) > 0.8
    assert all(np.isfinite([one.loss, one.watched]).all() for one in tuned.course.history)


def test_pictures_are_changed_a_little_and_alike_again() -> None:
    pixels = torch.rand(6, 3, 16, 16, generator=torch.Generator().manual_seed(1))

    def changed(**how: Any) -> Any:
        given = {"shift": 0.0, "light": 0.0, "flip": False, **how}
        return augmented(pixels, torch.Generator().manual_seed(7), **given)

    assert torch.equal(changed(), pixels)
    assert torch.equal(changed(shift=0.1, light=0.2), changed(shift=0.1, light=0.2))
    lit = changed(light=0.3)
    assert lit.min() >= 0
    assert lit.max() <= 1
    assert (lit - pixels).abs().mean() > 0.01
    flipped = changed(flip=True)
    same = [torch.allclose(a, b, atol=1e-5) for a, b in zip(flipped, pixels, strict=True)]
    mirror = [
        torch.allclose(a, b.flip(-1), atol=1e-5) for a, b in zip(flipped, pixels, strict=True)
    ]
    assert any(same)
    assert any(mirror)
    assert all(a or b for a, b in zip(same, mirror, strict=True))
    spot = torch.zeros(8, 3, 40, 40)
    spot[:, :, 20, 20] = 1
    moved = augmented(spot, torch.Generator().manual_seed(2), shift=0.1, light=0.0, flip=False)
    places = [one[0].argmax().item() for one in moved]
    offs = [(abs(p // 40 - 20), abs(p % 40 - 20)) for p in places]
    assert 1 <= max(max(one) for one in offs) <= 5, "of 40 pixels a tenth, and rounding"


def test_a_device_that_is_not_there_says_so() -> None:
    assert device_named("cpu").type == "cpu"
    assert device_named().type in {"cpu", "cuda", "mps"}
    with pytest.raises(UserError, match="no device named 'gpu'"):
        device_named("gpu")
    if not torch.cuda.is_available():
        with pytest.raises(UserError, match="sees no cuda here"):
            device_named("cuda:1")


COMMAND = (
    "import sys, torch; torch.set_num_threads(1);"
    "from tests.student.torch.operators import declare_operators; declare_operators();"
    "from vistoria.cli import main; main()"
)


def command(striped: Striped, folder: Path, *more: str) -> list[str]:
    given = ["--task", str(folder / "stripes.toml"), "--ledger", str(folder / "ledger.sqlite")]
    tuning = ["epochs=6", "patience=9", "batch=4", "rate=1e-3", "shift=0.1"]
    options = [part for one in tuning for part in ("-t", one)]
    return [
        sys.executable, "-c", COMMAND, "train", *given, "--backbone", str(striped.model),
        "--fine-tune", "--device", "cpu", *options, "--out", str(folder / "s.onnx"), *more,
    ]  # fmt: skip


def copied(striped: Striped, folder: Path) -> Path:
    folder.mkdir()
    (folder / "ledger.sqlite").write_bytes((striped.folder / "ledger.sqlite").read_bytes())
    (folder / "stripes.toml").write_text(TASK_FILE)
    return folder


def test_a_training_that_was_killed_goes_on_to_the_same_end(
    striped: Striped, tmp_path: Path
) -> None:
    told: dict[str, dict[str, Any]] = {}
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    for name in ("whole", "killed"):
        folder = copied(striped, tmp_path / name)
        if name == "killed":
            process = subprocess.Popen(command(striped, folder), env=env, stderr=subprocess.PIPE)
            _wait_for(folder, process)
            process.send_signal(signal.SIGKILL)
            process.communicate()
            assert not (folder / "s.onnx").exists()
        done = subprocess.run(
            command(striped, folder, "--json"), env=env, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        told[name] = json.loads(done.stdout)
        assert not list(folder.glob("tuning-*.pt"))
    whole, killed = (told[name]["fine_tuning"] for name in ("whole", "killed"))
    assert whole["resumed_at"] == 0
    assert 0 < killed["resumed_at"] < killed["steps"]
    assert killed["loss"] == whole["loss"]
    assert killed["watched_loss"] == whole["watched_loss"]
    assert told["killed"]["version"] == told["whole"]["version"], "the same file, to the last bit"


def _wait_for(folder: Path, process: "subprocess.Popen[bytes]") -> None:
    """Until there is something to go on from."""
    until = time.monotonic() + 120
    while not any(folder.glob("tuning-*.pt")):
        assert process.poll() is None, "it ended before it was killed"
        assert time.monotonic() < until
        time.sleep(0.01)


def test_a_damaged_checkpoint_is_begun_anew(
    striped: Striped, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    once = QUICK.model_copy(update={"epochs": 1})
    with striped.ledger() as ledger:
        untuned = replace(striped.untuned(once), folder=tmp_path)
        first = fine_tuned(ledger, striped.run, TASK, untuned)
        again = fine_tuned(ledger, striped.run, TASK, untuned)
        assert again.course.resumed_at == first.course.steps, "it had ended"
        first.course.checkpoint.write_bytes(b"cut off")
        anew = fine_tuned(ledger, striped.run, TASK, untuned)
    assert anew.course.resumed_at == 0
    assert "cannot be read" in caplog.text
    assert anew.course.history == first.course.history
