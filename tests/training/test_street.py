"""The shipped model as a file, and that one command makes another like it."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from training.street.data import HELD_OUT, Order, Photos, drawn
from training.street.evaluate import Answers, answers, opened, scored
from training.street.heads import HEADS, HEIGHT, WIDTH

ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / "src" / "vistoria" / "models" / "street"


@pytest.fixture(scope="module")
def session() -> onnxruntime.InferenceSession:
    return opened(SHIPPED / "street.onnx", threads=1)


@pytest.fixture(scope="module")
def photos() -> Photos:
    """Scenes that neither training nor the card's evaluation used."""
    return drawn([Order(start=HELD_OUT + 10**8, count=200)])


@pytest.fixture(scope="module")
def found(session: onnxruntime.InferenceSession, photos: Photos) -> Answers:
    return answers(session, photos.frames)


def metadata(session: onnxruntime.InferenceSession) -> dict[str, object]:
    held = json.loads(session.get_modelmeta().custom_metadata_map["vistoria"])
    assert isinstance(held, dict)
    return held


def check_file(session: onnxruntime.InferenceSession) -> None:
    about = metadata(session)
    assert about["format"] == 1
    assert about["name"] == "street"
    assert about["input"] == {
        "name": "image",
        "width": WIDTH,
        "height": HEIGHT,
        "layout": "NHWC",
        "color": "RGB",
        "fit": "stretch",
    }
    (image,) = session.get_inputs()
    assert (image.name, image.type) == ("image", "tensor(uint8)")
    assert image.shape[1:] == [HEIGHT, WIDTH, 3]
    assert isinstance(image.shape[0], str), "any batch size"
    outputs = {one.name: one.shape for one in session.get_outputs()}
    assert list(outputs) == [*(head.name for head in HEADS), "box"]
    heads = about["heads"]
    assert isinstance(heads, list)
    for head, described in zip(HEADS, heads, strict=True):
        assert described["name"] == head.name
        assert described["classes"] == list(head.classes)
        assert described["kind"] == head.kind
        assert described["only_if"] == head.only_if
        assert {"accuracy", "n", "ece", "temperature", "trained"} <= set(described)


def test_the_shipped_file_says_what_it_is(session: onnxruntime.InferenceSession) -> None:
    check_file(session)
    card = json.loads((SHIPPED / "card.json").read_text())
    about = metadata(session)
    assert {key: card[key] for key in about} == about, "the card describes another file"
    assert (SHIPPED / "street.onnx").stat().st_size < 3 * 2**20
    assert str(about["version"]) in (SHIPPED / "card.md").read_text()


def test_every_bar_was_passed() -> None:
    card = json.loads((SHIPPED / "card.json").read_text())
    missed = [s["head"] for s in card["scores"] if s["bar"] and s["accuracy"] < s["bar"]]
    assert not missed
    assert all(head["trained"] for head in card["heads"])


def test_answers_are_probabilities(found: Answers) -> None:
    for head in HEADS:
        assert found[head.name].shape == (200, len(head.classes))
        assert found[head.name].sum(1) == pytest.approx(1, abs=1e-4)
    assert found["box"].shape == (200, 4)
    assert found["box"].min() >= 0
    assert found["box"].max() <= 1


def test_a_photo_gets_the_same_answer_alone_and_in_company(
    session: onnxruntime.InferenceSession, photos: Photos, found: Answers
) -> None:
    alone = answers(session, photos.frames[:40], batch=1)
    for name, expected in found.items():
        assert np.abs(alone[name] - expected[:40]).max() < 1e-3, name


def test_it_knows_scenes_that_it_never_saw(photos: Photos, found: Answers) -> None:
    scores = {score.head: score.accuracy for score in scored(photos, found)}
    assert scores["asset"] >= 0.95
    assert scores["sign_kind"] >= 0.85
    assert scores["leaning"] >= 0.85


def test_it_finds_the_asset(photos: Photos, found: Answers) -> None:
    shown = ~np.isnan(photos.boxes[:, 0])
    off = np.abs(found["box"] - photos.boxes)[shown] * np.array([WIDTH, HEIGHT] * 2)
    assert np.median(off) < 6, "pixels of the frame"


def test_one_command_makes_a_model(tmp_path: Path) -> None:
    for package in ("torch", "onnx", "onnxscript"):
        pytest.importorskip(package)
    line = [sys.executable, "-m", "training.street", "train", "--tiny"]
    folders = ["--out", str(tmp_path / "model"), "--runs", str(tmp_path / "runs")]
    done = subprocess.run([*line, *folders], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "asset" in done.stdout
    check_file(opened(tmp_path / "model" / "street.onnx", threads=1))
    card = json.loads((tmp_path / "model" / "card.json").read_text())
    assert card["photos"]["learn"][1] == {
        "of": "speed_limit",
        "seeds_from": 1_000_000,
        "count": 40,
    }
