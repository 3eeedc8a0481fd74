"""`onnx`: the bundled street model, files of one's own, and what is refused."""

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import pytest

from tests.contracts.models import ModelContract
from vistoria.errors import ConfigError, UnknownName, UserError
from vistoria.models.onnx import OnnxModel, open_model
from vistoria.records import Picture, Reply
from vistoria.task import Field, Task, load_task

pytestmark = pytest.mark.anyio

GRAPH = (files("vistoria.models") / "street" / "street.onnx").read_bytes()


class TestContract(ModelContract):
    provider = "onnx"
    name = "street"
    task = load_task("street_asset")


def relabelled(**changes: Any) -> bytes:
    """The street model with other metadata, in place in the file: the same length."""
    meta = ort.InferenceSession(GRAPH).get_modelmeta().custom_metadata_map["vistoria"]
    told = json.loads(meta)
    for head in told["heads"]:
        head.update(changes.get(head["name"], {}))
    told |= {name: value for name, value in changes.items() if name in told}
    text = json.dumps(told, separators=(",", ":"))
    assert len(text) <= len(meta), "room for it"
    return GRAPH.replace(meta.encode(), text.ljust(len(meta)).encode())


def frames(count: int) -> list[Picture]:
    """Noise in the form that the model wants."""
    dice = np.random.default_rng(3)
    pixels = dice.integers(0, 256, (count, 240, 320, 3), np.uint8)
    return [Picture(uri=f"{i}", pixels=frame) for i, frame in enumerate(pixels)]


async def test_it_answers_as_plain_onnxruntime_does() -> None:
    pictures = frames(5)
    model = open_model("street", {})
    replies = await model.ask(load_task("street_asset"), pictures)
    session = ort.InferenceSession(GRAPH)
    heads = {head.name: head for head in model.heads}
    wanted = [head.name for head in model.heads]
    batch = np.stack([p.pixels for p in pictures if p.pixels is not None])
    outputs = dict(zip(wanted, session.run(wanted, {"image": batch}), strict=True))
    for i, reply in enumerate(replies):
        assert isinstance(reply, Reply)
        assert isinstance(reply.answer, dict)
        assert reply.confidence is not None
        best = heads["asset"].classes[outputs["asset"][i].argmax()]
        assert reply.answer["asset"] == best
        assert reply.confidence["asset"] == pytest.approx(outputs["asset"][i].max(), abs=1e-3)


async def test_a_class_that_the_task_does_not_know_is_other() -> None:
    task = load_task("road_sign").only(["asset"])
    replies = await open_model("street", {}).ask(task, frames(8))
    answers = {reply.answer["asset"] for reply in replies}  # type: ignore[union-attr, index]
    assert answers <= {"road_sign", "other", "none"}


def test_fields_without_a_head_are_told() -> None:
    model = open_model("street", {})
    left = model.unanswerable(load_task("road_sign"))
    assert "description" in left
    assert "sign_kind" not in left
    assert model.unanswerable(load_task("street_asset")) == ()


def test_a_head_that_only_guesses_is_refused() -> None:
    model = OnnxModel("mine.onnx", relabelled(material={"trained": False}))
    assert model.unanswerable(load_task("street_asset")) == ("material",)


async def test_classes_that_do_not_fit_the_task_are_refused() -> None:
    field = Field("material", "choice", choices=("wood", "brick"))
    task = Task(name="t", instructions="Look.", fields=(field,))
    with pytest.raises(UserError, match=r"may answer .* does not allow; add it, or \"other\""):
        await open_model("street", {}).ask(task, frames(1))


def test_a_file_of_ones_own_runs_the_same_way(tmp_path: Path) -> None:
    (tmp_path / "mine.onnx").write_bytes(GRAPH)
    mine = open_model(str(tmp_path / "mine.onnx"), {})
    assert mine.capabilities.image.width == 320
    assert mine.name.endswith("mine.onnx")


def test_what_is_no_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no ONNX model named 'nowhere\.onnx'"):
        open_model("nowhere.onnx", {})
    (tmp_path / "text.onnx").write_text("hello")
    with pytest.raises(ConfigError, match="is not an ONNX model that loads"):
        open_model(str(tmp_path / "text.onnx"), {})
    plain = GRAPH.replace(b"vistoria", b"visitors")
    with pytest.raises(ConfigError, match="metadata"):
        OnnxModel("plain.onnx", plain)
    with pytest.raises(UnknownName):
        open_model("street", {"temperature": 1})
