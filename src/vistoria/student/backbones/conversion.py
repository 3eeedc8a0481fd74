"""An encoder in torch becomes one ONNX graph, and is shown to compute the same.

It is made once and kept in the user's cache folder; from then on torch is not needed.
"""

import json
import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from vistoria.errors import ConfigError
from vistoria.student import _packages
from vistoria.student.backbones.backbone import Backbone
from vistoria.student.backbones.embedding import Listen, unheard
from vistoria.student.backbones.encoder import EncoderOptions, encoder_backbone
from vistoria.student.backbones.network import Network, open_network
from vistoria.student.backbones.weights import Weights

__all__ = ["converted", "weights_backbone"]

_OUTPUT = "vistoria_features"  # a name that no operator takes for a tensor of its own
_OPSET = 18
_MOST = 1e-3  # difference between torch and ONNX, as a share of the largest number
_LARGEST = 1_900_000_000  # bytes; a file of ONNX without others beside it ends at 2 GiB
_log = logging.getLogger(__name__)


def weights_backbone(weights: Weights, listen: Listen = unheard) -> Backbone:
    """The encoder as a frozen backbone, from the cache, else converted now.

    Raises MissingExtra without torch, ConfigError where it cannot be loaded or its graph does not
    compute the same.
    """
    path = _cache() / f"{weights.key}.onnx"
    described = path.with_suffix(".json")
    if path.is_file() and described.is_file():
        held = json.loads(described.read_text(encoding="utf-8"))
        return Backbone(
            name=weights.name, version=held["version"], graph=path.read_bytes(),
            width=weights.width, height=weights.height, about=held["about"],
        )  # fmt: skip
    listen(f"converting {weights.name}", 0, 1)
    made = converted(open_network(weights), weights.name)
    listen(f"converting {weights.name}", 1, 1)
    path.parent.mkdir(parents=True, exist_ok=True)
    _put(path, made.graph)
    _put(described, json.dumps({"version": made.version, "about": dict(made.about)}).encode())
    return made


def _put(path: Path, data: bytes) -> None:
    """Whole or not at all, also when two do it at once."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_bytes(data)
    draft.replace(path)


def _cache() -> Path:
    """Where converted graphs are kept: below XDG_CACHE_HOME, else ~/.cache."""
    named = os.environ.get("XDG_CACHE_HOME")
    return (Path(named) if named else Path.home() / ".cache") / "vistoria" / "backbones"


def converted(network: Network, name: str) -> Backbone:
    """The same encoder as a backbone; `about` says from what, and how far apart both are.

    Raises ConfigError where it cannot be written as ONNX, or not so that it computes the same.
    """
    weights = network.weights
    size = sum(one.numel() for one in network.module.parameters()) * 4
    if size > _LARGEST:
        raise ConfigError(
            f"{name!r} has {size / 1e9:.1f} GB of weights, more than one ONNX file holds (2 GB); "
            "take a smaller one of its family"
        )
    model = _exported(network, name)
    options = EncoderOptions(
        mean=weights.options.mean, std=weights.options.std, width=weights.width,
        height=weights.height, layout="nchw",
    )  # fmt: skip
    made = encoder_backbone(name, model, options)
    apart = _difference(network, made)
    if not apart <= _MOST:
        raise ConfigError(
            f"{name!r} does not compute the same as ONNX: its numbers differ by up to {apart:.2g} "
            f"of the largest, where {_MOST:g} is allowed; report it with the name of the model"
        )
    _log.info("%s: torch and ONNX differ by up to %.2g of the largest number", name, apart)
    about = {
        "library": weights.library, "architecture": weights.kind, "pooling": weights.pooling,
        "weights": weights.key, "torch_onnx_difference": float(f"{apart:.2g}"),
    }  # fmt: skip
    return Backbone(
        name=name, version=made.version, graph=made.graph, width=made.width, height=made.height,
        about=about,
    )  # fmt: skip


def _exported(network: Network, name: str) -> Any:
    torch = _packages.torch()
    weights = network.weights
    example = torch.zeros(2, 3, weights.height, weights.width)
    try:
        with _quiet(), torch.no_grad():
            program = torch.onnx.export(
                network.module.cpu().eval(), (example,), dynamo=True, verbose=False,
                input_names=["pixels"], output_names=[_OUTPUT], opset_version=_OPSET,
                dynamic_shapes=({0: torch.export.Dim("batch")},),
            )  # fmt: skip
    except Exception as error:  # of many classes, some private
        lines = [one for one in str(error).splitlines() if one.strip()]
        raise ConfigError(
            f"{name!r} ({weights.kind}) cannot be written as ONNX by torch {torch.__version__}: "
            f"{(lines or [type(error).__name__])[0][:200]}; take another of its family"
        ) from error
    return program.model_proto


@contextmanager
def _quiet() -> Iterator[None]:
    """Without what the exporter says about its own inside."""
    log = logging.getLogger("onnxscript")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        log.setLevel(level)


def _difference(network: Network, made: Backbone) -> float:
    """The largest, over a few pictures, as a share of the largest number."""
    dice = np.random.default_rng(0)
    frames = dice.integers(0, 256, (3, made.height, made.width, 3), np.uint8)
    frames[1] = frames[1].mean(axis=(0, 1)).astype(np.uint8)
    frames[2] = np.sort(frames[2], axis=0)
    right = network.embed(frames)
    return float(np.abs(made.run(frames) - right).max() / max(np.abs(right).max(), 1e-12))
