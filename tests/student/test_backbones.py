"""Backbones from files and hubs: what is computed, in which formats, and what is refused how."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest

from tests.servers.hub import HubServer
from tests.student.conftest import World
from tests.student.encoders import SIDE, WIDTH, convolution, vit
from tests.student.shapes import TASK
from vistoria.errors import AccessDenied, ConfigError, UnknownName, UserError
from vistoria.models.onnx import open_model
from vistoria.student.backbones.embedding import Vision
from vistoria.student.backbones.opening import open_backbone, open_weights
from vistoria.student.student import Settings, train_student

SIGLIP = {
    "do_rescale": True, "rescale_factor": 1 / 255, "do_normalize": True,
    "image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5],
    "size": {"height": SIDE, "width": SIDE},
}  # fmt: skip
TIMM = {
    "architecture": "tiny",
    "pretrained_cfg": {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225],
                       "input_size": [3, SIDE, SIDE]},
}  # fmt: skip
MIDDLE = "0.5,0.5,0.5"
FRAMES = np.random.default_rng(4).integers(0, 256, (5, SIDE, SIDE, 3), np.uint8)


def saved(model: onnx.ModelProto, path: Path, **how: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(model, path, **how)
    return path


def raw(model: Any) -> bytes:
    found: bytes = model.SerializeToString()
    return found


def expected(model: onnx.ModelProto, output: str, mean: Any, std: Any) -> Any:
    """What the encoder itself says about frames prepared by hand."""
    pixels = (FRAMES / 255 - np.array(mean)) / np.array(std)
    session = ort.InferenceSession(raw(model), providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return session.run([output], {name: pixels.transpose(0, 3, 1, 2).astype(np.float32)})[0]


def test_a_file_sees_what_its_encoder_sees(tmp_path: Path) -> None:
    path = saved(vit(), tmp_path / "tiny.onnx")
    given = {"mean": "0.485,0.456,0.406", "std": "0.229,0.224,0.225"}
    backbone = open_backbone(str(path), given)
    assert (backbone.width, backbone.height, backbone.dimensions) == (SIDE, SIDE, WIDTH)
    right = expected(vit(), "pooler_output", (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    assert np.abs(backbone.run(FRAMES) - right).max() < 1e-4
    each = np.concatenate([backbone.run(FRAMES[i : i + 1]) for i in range(5)])
    assert np.abs(backbone.run(FRAMES) - each).max() < 1e-5, "whatever the batch"


@pytest.mark.parametrize("pooling", ["mean", "cls", "skip"])
def test_tokens_are_pooled_as_said(tmp_path: Path, pooling: str) -> None:
    path = saved(vit(pooled=False), tmp_path / "tiny.onnx")
    tokens = expected(vit(pooled=False), "last_hidden_state", [0.5] * 3, [0.5] * 3)
    right = {"mean": tokens.mean(1), "cls": tokens[:, 0], "skip": tokens[:, 1:].mean(1)}[pooling]
    found = open_backbone(str(path), {"pooling": pooling}).run(FRAMES)
    assert np.abs(found - right).max() < 1e-4


@pytest.mark.parametrize(
    ("model", "options", "error", "said"),
    [
        (vit(pooled=False), {}, ConfigError, "choose with the option pooling"),
        (vit(fixed=False), {}, ConfigError, "options width and height"),
        (vit(), {"output": "pooled"}, UnknownName, "no output of the encoder named 'pooled'"),
        (vit(), {"polling": "mean"}, UnknownName, "did you mean 'pooling'"),
        (vit(), {"mean": "0.5"}, ConfigError, "encoder option 'mean'"),
    ],
)
def test_what_cannot_be_told_is_asked_for(
    tmp_path: Path, model: onnx.ModelProto, options: Mapping[str, Any], error: type, said: str
) -> None:
    path = saved(model, tmp_path / "tiny.onnx")
    with pytest.raises(error, match=said):
        open_backbone(str(path), options)


def test_a_file_that_is_no_graph_says_so(tmp_path: Path) -> None:
    (tmp_path / "weights.onnx").write_bytes(b"PK\x03\x04 not a graph")
    with pytest.raises(ConfigError, match="not an ONNX model"):
        open_backbone(str(tmp_path / "weights.onnx"))
    with pytest.raises(ConfigError, match="no backbone at"):
        open_backbone("nowhere.onnx")
    with pytest.raises(UnknownName, match="did you mean 'street'"):
        open_backbone("stret")


def files(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def layouts(folder: Path) -> dict[str, dict[str, bytes]]:
    """A tiny checkpoint in each supported layout."""
    told = json.dumps(SIGLIP).encode()
    saved(vit(), folder / "a/onnx/model.onnx")
    saved(vit(), folder / "b/onnx/vision_model.onnx")
    saved(
        vit(), folder / "c/model.onnx", save_as_external_data=True, location="model.onnx_data",
        size_threshold=0,
    )  # fmt: skip
    saved(convolution(), folder / "d/model.onnx")
    return {
        "tiny/whole": {**files(folder / "a"), "preprocessor_config.json": told},
        "tiny/vision": {**files(folder / "b"), "preprocessor_config.json": told},
        "tiny/outside": {**files(folder / "c"), "preprocessor_config.json": told},
        "tiny/timm": {**files(folder / "d"), "config.json": json.dumps(TIMM).encode()},
    }


def test_each_layout_of_a_hub_loads_embeds_and_trains(
    hub: HubServer, tmp_path: Path, world: World
) -> None:
    hub.repos = layouts(tmp_path / "made")
    one = expected(vit(), "pooler_output", [0.5] * 3, [0.5] * 3)
    for repo in hub.repos:
        backbone = open_backbone(f"hub:{repo}")
        assert backbone.dimensions == WIDTH
        if repo != "tiny/timm":
            assert np.abs(backbone.run(FRAMES) - one).max() < 1e-4
        vision = Vision(backbone, world.vision.load)
        with world.ledger() as ledger:
            task = TASK.only(["colour"])
            student = train_student(ledger, world.run, task, vision, Settings())
        assert student.learned.fields["colour"].trained
        assert (student.learned.fields["colour"].test.agreement.estimate or 0) > 0.75
        student.write(tmp_path / "student.onnx")
        assert open_model(str(tmp_path / "student.onnx"), {}).unanswerable(task) == ()


def test_eight_bits_are_measured(hub: HubServer, tmp_path: Path, world: World) -> None:
    hub.repos = layouts(tmp_path / "made")
    for repo, least in (("tiny/whole", 0.9), ("tiny/timm", 0.9)):
        vision = Vision(open_backbone(f"hub:{repo}"), world.vision.load)
        with world.ledger() as ledger:
            task = TASK.only(["colour"])
            student = train_student(ledger, world.run, task, vision, Settings(int8=True))
        written = student.write(tmp_path / "small.onnx")
        assert written.quantised is not None
        assert written.quantised.rows == 400
        assert least <= written.quantised.same["colour"] <= 1.0
        card = json.loads(written.card.with_suffix(".json").read_text())
        assert card["int8"]["same_answers"]["colour"] == pytest.approx(
            written.quantised.same["colour"], abs=1e-3
        )


def test_a_hub_is_asked_once(hub: HubServer, tmp_path: Path) -> None:
    hub.repos = layouts(tmp_path / "made")
    open_backbone("hub:tiny/whole")
    assert not [path for path in hub.asked if "README" in path]
    loads = [path for path in hub.asked if path.startswith("GET") and "/resolve/" in path]
    open_backbone("hub:tiny/whole")
    again = [path for path in hub.asked if path.startswith("GET") and "/resolve/" in path]
    assert again == loads


def test_wrong_formats_say_what_to_do(hub: HubServer) -> None:
    told = json.dumps(SIGLIP).encode()
    hub.repos = {
        "tiny/pickled": {"pytorch_model.bin": b"", "config.json": b"{}"},
        "tiny/silent": {"model.onnx": raw(vit()), "config.json": b"{}"},
        "tiny/broken": {"model.onnx": b"not a graph", "preprocessor_config.json": told},
    }
    with pytest.raises(ConfigError, match="optimum-cli export onnx --model tiny/pickled"):
        open_backbone("hub:tiny/pickled")
    with pytest.raises(UserError, match=r"holds no weights in the file model\.safetensors"):
        open_weights("hub:tiny/pickled", {"mean": MIDDLE, "std": MIDDLE, "width": 8, "height": 8})
    with pytest.raises(ConfigError, match="does not say how it wants its pixels"):
        open_backbone("hub:tiny/silent")
    with pytest.raises(ConfigError, match="not an ONNX model"):
        open_backbone("hub:tiny/broken")
    with pytest.raises(ConfigError, match="the hub has no model 'tiny/none'"):
        open_backbone("hub:tiny/none")
    hub.closed.add("tiny/gated")
    with pytest.raises(AccessDenied, match="accept its terms"):
        open_backbone("hub:tiny/gated")
    with pytest.raises(ConfigError, match="must be like hub:OWNER/NAME"):
        open_backbone("hub:whole")


def test_offline_says_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(ConfigError, match=r"not in the cache .*HF_HOME"):
        open_backbone("hub:tiny/whole")
