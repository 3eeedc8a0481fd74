"""Weights without torch: which layout they are in, what is missing, what was converted before."""

import json
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.servers.hub import HubServer
from tests.student.encoders import SIDE, vit
from vistoria.errors import ConfigError, MissingExtra, UnknownName, UserError
from vistoria.student.backbones.encoder import encoder_backbone
from vistoria.student.backbones.opening import open_backbone, open_weights
from vistoria.student.finetuning.augmentation import check_flip
from vistoria.student.finetuning.lesson import fine_tuning_options
from vistoria.task import Field, Task, load_task

TOLD = {
    "image_mean": [0.5, 0.4, 0.3], "image_std": [0.2, 0.2, 0.1],
    "size": {"height": SIDE, "width": SIDE},
}  # fmt: skip
BARE = find_spec("torch") is None


@pytest.fixture(autouse=True)
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "vistoria" / "backbones"


def folder_of(path: Path, config: Mapping[str, Any], weights: bytes = b"weights") -> Path:
    path.mkdir(parents=True, exist_ok=True)
    (path / "config.json").write_text(json.dumps(config))
    (path / "model.safetensors").write_bytes(weights)
    (path / "preprocessor_config.json").write_text(json.dumps(TOLD))
    return path


def test_pooling_and_pixels_come_from_the_files(tmp_path: Path) -> None:
    found = open_weights(str(folder_of(tmp_path / "a", {"model_type": "dinov3_vit"})))
    assert (found.library, found.kind, found.pooling) == ("transformers", "dinov3_vit", "cls")
    assert (found.width, found.height) == (SIDE, SIDE)
    assert found.options.mean == (0.5, 0.4, 0.3)
    other = open_weights(str(tmp_path / "a"), {"pooling": "mean"})
    assert other.pooling == "mean"
    assert other.key != found.key, "another pooling is another graph"
    again = open_weights(str(folder_of(tmp_path / "b", {"model_type": "dinov3_vit"})))
    assert again.key == found.key, "wherever it lies"
    changed = folder_of(tmp_path / "b", {"model_type": "dinov3_vit"}, b"others")
    assert open_weights(str(changed)).key != found.key


def test_weights_of_timm_bring_their_own_pooling(tmp_path: Path) -> None:
    config = {
        "architecture": "vit_tiny",
        "pretrained_cfg": {"mean": [0.1, 0.2, 0.3], "std": [1, 1, 1], "input_size": [3, 28, 42]},
    }
    folder = folder_of(tmp_path / "a", config)
    (folder / "preprocessor_config.json").unlink()
    found = open_weights(str(folder))
    assert (found.library, found.kind, found.pooling) == ("timm", "vit_tiny", "timm")
    assert (found.height, found.width) == (28, 42)


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({}, "neither model_type .* nor architecture"),
        ({"model_type": "siglip2"}, "NaFlex"),
        ({"model_type": "llama"}, "pooling is not known here.*dinov3_vit"),
    ],
)
def test_what_is_not_known_is_asked_for(tmp_path: Path, config: Any, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        open_backbone(str(folder_of(tmp_path / "a", config)))


def test_an_unknown_architecture_is_taken_with_its_pooling(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "a", {"model_type": "new_vit"})
    assert open_weights(str(folder), {"pooling": "skip", "prefix": 5}).pooling == "skip"
    with pytest.raises(UnknownName, match="did you mean 'pooling'"):
        open_weights(str(folder), {"poolin": "skip"})


def test_a_folder_without_weights_says_what_it_holds(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "notes.txt").write_text("")
    with pytest.raises(ConfigError, match=r"no ONNX graph and no model\.safetensors: notes\.txt"):
        open_backbone(str(tmp_path / "a"))
    (tmp_path / "a" / "model.safetensors").write_bytes(b"")
    (tmp_path / "a" / "config.json").write_text("{")
    with pytest.raises(ConfigError, match=r"config\.json .* cannot be read"):
        open_backbone(str(tmp_path / "a"))


@pytest.mark.skipif(not BARE, reason="torch is here")
def test_without_torch_the_install_line_is_given(tmp_path: Path, hub: HubServer) -> None:
    folder = folder_of(tmp_path / "a", {"model_type": "vit"})
    hub.repos = {
        "tiny/weights": {path.name: path.read_bytes() for path in folder.iterdir()},
    }
    for name in (str(folder), "hub:tiny/weights"):
        with pytest.raises(MissingExtra, match=r"pip install 'vistoria\[torch\]'"):
            open_backbone(name)
    with pytest.raises(MissingExtra, match=r"pip install 'vistoria\[timm\]'"):
        open_backbone("timm:vit_tiny_patch16_224")


def test_what_was_converted_needs_torch_no_more(tmp_path: Path, cache: Path) -> None:
    folder = folder_of(tmp_path / "a", {"model_type": "vit"})
    weights = open_weights(str(folder))
    made = encoder_backbone("a", vit(), weights.options)
    cache.mkdir(parents=True)
    (cache / f"{weights.key}.onnx").write_bytes(made.graph)
    about = {"architecture": "vit", "torch_onnx_difference": 3e-7}
    (cache / f"{weights.key}.json").write_text(
        json.dumps({"version": made.version, "about": about})
    )
    found = open_backbone(str(folder))
    frames = np.random.default_rng(1).integers(0, 256, (3, SIDE, SIDE, 3), np.uint8)
    assert np.array_equal(found.run(frames), made.run(frames))
    assert found.about == about
    assert found.version == made.version


def test_a_graph_goes_before_weights(hub: HubServer, tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "a", {"model_type": "vit"})
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    model: Any = vit()
    graph: bytes = model.SerializeToString()
    hub.repos = {"tiny/both": {**files, "onnx/model.onnx": graph}}
    assert open_backbone("hub:tiny/both").dimensions > 2
    assert not [path for path in hub.asked if "safetensors" in path]
    assert open_weights("hub:tiny/both").kind == "vit"
    assert [path for path in hub.asked if "safetensors" in path]


def test_only_weights_are_fine_tuned(tmp_path: Path) -> None:
    for name in ("street", "encoder.onnx"):
        with pytest.raises(UserError, match="name hub:OWNER/NAME, timm:NAME or a folder"):
            open_weights(name)


def test_options_of_fine_tuning_are_checked() -> None:
    found = fine_tuning_options({"epochs": "3", "rate": "1e-4", "flip": "yes"})
    assert (found.epochs, found.rate, found.flip) == (3, 1e-4, True)
    with pytest.raises(UnknownName, match="did you mean 'epochs'"):
        fine_tuning_options({"epoch": "3"})
    for wrong in ({"epochs": "0"}, {"rate": "-1"}, {"shift": "0.9"}, {"batch": "1"}):
        with pytest.raises(ConfigError, match=f"fine-tuning option '{min(wrong)}'"):
            fine_tuning_options(wrong)


@pytest.mark.parametrize(
    "field",
    [
        Field("side", "choice", choices=("left", "right")),
        Field("leaning", "boolean", "Whether it leans to the LEFT."),
        Field("lado", "choice", choices=("esquerda", "direita")),
        Field("turn_right", "boolean"),
    ],
)
def test_no_picture_is_mirrored_where_sides_are_told_apart(field: Field) -> None:
    with pytest.raises(UserError, match="a mirrored picture"):
        check_flip(Task("t", "Say.", (Field("colour", "choice", choices=("a", "b")), field)))


def test_fields_that_tell_no_sides_may_be_mirrored() -> None:
    check_flip(load_task("maintenance_cover"))
    check_flip(Task("t", "Say.", (Field("bright", "boolean", "Copyright is no side."),)))
