"""Weights of each known architecture load, are pooled as their authors do, and compute the same."""

import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.servers.hub import HubServer
from tests.student.conftest import World
from tests.student.shapes import TASK
from tests.student.torch.checkpoints import (
    MEAN,
    SIDE,
    STD,
    TRANSFORMERS,
    masked_checkpoint,
    timm_checkpoint,
    transformers_checkpoint,
)
from tests.student.torch.conftest import TIMM
from vistoria.errors import ConfigError
from vistoria.models.onnx import open_model
from vistoria.student.backbones.conversion import converted
from vistoria.student.backbones.embedding import Vision
from vistoria.student.backbones.network import Network
from vistoria.student.backbones.opening import open_backbone, open_weights
from vistoria.student.backbones.weights import POOLING
from vistoria.student.student import Settings, train_student

FRAMES = np.random.default_rng(4).integers(0, 256, (5, SIDE, SIDE, 3), np.uint8)
VIT: dict[str, Any] = {"img_size": SIDE, "embed_dim": 32, "depth": 2, "num_heads": 2}
needs_timm = pytest.mark.skipif(not TIMM, reason="timm or torchvision is not here")


def seen(frames: Any = FRAMES) -> Any:
    """Frames as an encoder of these checkpoints wants them, by numpy alone."""
    pixels = (frames / 255 - np.array(MEAN)) / np.array(STD)
    return torch.from_numpy(pixels.transpose(0, 3, 1, 2).astype(np.float32))


def first(model: Any, pixels: Any) -> Any:
    return model(pixel_values=pixels).last_hidden_state[:, 0]


def pooler(model: Any, pixels: Any) -> Any:
    return model(pixel_values=pixels).pooler_output.flatten(1)


RIGHT: Mapping[str, Callable[[Any, Any], Any]] = {
    "vit": lambda m, x: first(m.vit, x),
    "siglip": lambda m, x: pooler(m.vision_model, x),
    "clip": lambda m, x: pooler(m.vision_model, x),
    "ijepa": lambda m, x: m(pixel_values=x).last_hidden_state.mean(1),
    "deit": first, "dinov2": first, "dinov2_with_registers": first, "dinov3_vit": first,
    "vit_msn": first,
}  # fmt: skip


@pytest.mark.parametrize("kind", TRANSFORMERS)
def test_a_checkpoint_of_transformers_computes_the_same(kind: str, tmp_path: Path) -> None:
    model = transformers_checkpoint(kind, tmp_path / "model")
    backbone = open_backbone(str(tmp_path / "model"))
    with torch.no_grad():
        right = RIGHT.get(kind, pooler)(model, seen()).numpy()
    assert np.abs(backbone.run(FRAMES) - right).max() < 1e-4 * max(1, np.abs(right).max())
    each = np.concatenate([backbone.run(FRAMES[i : i + 1]) for i in range(5)])
    assert np.abs(backbone.run(FRAMES) - each).max() < 1e-5, "whatever the batch"
    assert backbone.about["architecture"] == kind
    assert backbone.about["torch_onnx_difference"] < 1e-4


def test_every_architecture_that_is_known_was_tried() -> None:
    tried = {*TRANSFORMERS, "clip_vision_model"}  # the same class as "clip"
    assert tried == set(POOLING)


@needs_timm
@pytest.mark.parametrize(
    ("name", "how"),
    [("vit_tiny_patch16_224", VIT), ("resnet10t", {}), ("efficientnet_b0", {})],
)
def test_a_checkpoint_of_timm_computes_the_same(
    name: str, how: Mapping[str, Any], tmp_path: Path
) -> None:
    model = timm_checkpoint(tmp_path / "model", name, **how)
    backbone = open_backbone(str(tmp_path / "model"))
    with torch.no_grad():
        right = model.forward_head(model.forward_features(seen()), pre_logits=True).numpy()
    assert np.abs(backbone.run(FRAMES) - right).max() < 1e-4 * max(1, np.abs(right).max())
    assert backbone.about["library"] == "timm"


@needs_timm
def test_a_model_of_timm_is_found_by_its_name(hub: HubServer, tmp_path: Path) -> None:
    timm_checkpoint(tmp_path / "model", **VIT)
    files = {path.name: path.read_bytes() for path in (tmp_path / "model").iterdir()}
    hub.repos = {"timm/vit_tiny_patch16_224.augreg_in21k_ft_in1k": files}
    found = open_weights("timm:vit_tiny_patch16_224")
    assert found.name == "timm/vit_tiny_patch16_224.augreg_in21k_ft_in1k"
    assert open_backbone("timm:vit_tiny_patch16_224").dimensions == 32
    with pytest.raises(ConfigError, match=r"vit_tiny_patch16_224.*it has vit_tiny"):
        open_backbone("timm:vit_tiny_patch16_224.none")
    with pytest.raises(ConfigError, match="list_pretrained"):
        open_backbone("timm:no_such_net")


def test_weights_of_a_hub_train_and_are_converted_once(
    hub: HubServer, tmp_path: Path, world: World
) -> None:
    kinds = ["vit", "siglip", "dinov3_vit"]
    for kind in kinds:
        folder = tmp_path / kind
        transformers_checkpoint(kind, folder)
        hub.repos[f"tiny/{kind}"] = {path.name: path.read_bytes() for path in folder.iterdir()}
    said: list[str] = []

    def listen(what: str, done: int, of: int) -> None:
        said.append(what)

    task = TASK.only(["colour"])
    for kind in kinds:
        vision = Vision(open_backbone(f"hub:tiny/{kind}", {}, listen), world.vision.load)
        with world.ledger() as ledger:
            student = train_student(ledger, world.run, task, vision, Settings())
        assert (student.learned.fields["colour"].test.agreement.estimate or 0) > 0.75
        written = student.write(tmp_path / "student.onnx")
        assert open_model(str(written.path), {}).unanswerable(task) == ()
        assert f'"architecture": "{kind}"' in written.card.with_suffix(".json").read_text()
    assert said == [f"converting tiny/{kind}" for kind in kinds for _ in range(2)]
    again = [open_backbone(f"hub:tiny/{kind}", {}, listen).version for kind in kinds]
    assert len(set(again)) == 3
    assert len(said) == 6


@pytest.mark.parametrize("kind", ["dinov3_vit", "resnet"])
def test_eight_bits_of_a_converted_backbone(kind: str, tmp_path: Path, world: World) -> None:
    transformers_checkpoint(kind, tmp_path / "model")
    vision = Vision(open_backbone(str(tmp_path / "model")), world.vision.load)
    with world.ledger() as ledger:
        task = TASK.only(["colour"])
        student = train_student(ledger, world.run, task, vision, Settings(int8=True))
    written = student.write(tmp_path / "small.onnx")
    assert written.quantised is not None
    assert written.quantised.after < 0.9 * written.quantised.before
    assert written.quantised.same["colour"] > 0.8


def test_weights_that_lack_something_are_not_made_up(tmp_path: Path) -> None:
    transformers_checkpoint("dinov2", tmp_path / "model")
    path = tmp_path / "model" / "model.safetensors"
    held = load_file(path)
    gone = next(name for name in held if "layernorm.weight" in name)
    save_file({k: v for k, v in held.items() if k != gone}, path, metadata={"format": "pt"})
    with pytest.raises(ConfigError, match=r"lack .*layernorm\.weight"):
        open_backbone(str(tmp_path / "model"))
    path.write_bytes(b"no weights")
    with pytest.raises(ConfigError, match="transformers does not open"):
        open_backbone(str(tmp_path / "model"))


def test_a_size_that_does_not_fit_says_so(tmp_path: Path) -> None:
    transformers_checkpoint("vit", tmp_path / "model")
    with pytest.raises(ConfigError, match=r"does not compute on 48 × 48 pixels.*options width"):
        open_backbone(str(tmp_path / "model"), {"width": 48, "height": 48})


def test_what_cannot_be_a_graph_says_so(tmp_path: Path) -> None:
    class Moody(torch.nn.Module):  # type: ignore[misc]
        def forward(self, pixels: Any) -> Any:
            way = 2 if float(pixels.mean()) > 0 else 3
            return pixels.mean(way).flatten(1)

    transformers_checkpoint("vit", tmp_path / "model")
    network = Network(Moody(), open_weights(str(tmp_path / "model")))
    with pytest.raises(ConfigError, match=r"'moody' \(vit\) cannot be written as ONNX by torch"):
        converted(network, "moody")


def test_a_graph_that_computes_otherwise_is_refused(tmp_path: Path) -> None:
    masked_checkpoint(tmp_path / "model")
    with pytest.raises(ConfigError, match="pooling is not known here"):
        open_backbone(str(tmp_path / "model"))
    with pytest.raises(ConfigError, match="does not compute the same as ONNX"):
        open_backbone(str(tmp_path / "model"), {"pooling": "cls"})


@needs_timm
def test_a_broken_pair_of_torch_and_torchvision_is_named() -> None:
    from importlib.metadata import version

    if version("torchvision").partition("+")[2] == torch.__version__.partition("+")[2]:
        pytest.skip("they are a pair here")
    script = "from vistoria.student import _packages; _packages.timm()"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=False)
    assert b"must be a pair of the same build" in done.stderr
