"""An image encoder in torch, opened from weights: normalised pixels in, one row of numbers out.

Of transformers, the vision part is loaded by its own class; of timm, the model without its
classifier, which pools as its architecture says. Weights that the file lacks are never made up.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vistoria.errors import ConfigError, UserError
from vistoria.student import _packages
from vistoria.student.backbones.backbone import Floats
from vistoria.student.backbones.embedding import Listen, unheard
from vistoria.student.backbones.weights import Weights

__all__ = ["Network", "device_named", "open_network"]

_CLASSES: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "clip": ("CLIPVisionModel", {}), "clip_vision_model": ("CLIPVisionModel", {}),
    "deit": ("DeiTModel", {"add_pooling_layer": False}),
    "ijepa": ("IJepaModel", {"add_pooling_layer": False}),
    "siglip": ("SiglipVisionModel", {}), "siglip_vision_model": ("SiglipVisionModel", {}),
    "vit": ("ViTModel", {"add_pooling_layer": False}),
}  # fmt: skip
"""Where AutoModel would take text along, or a layer that the weights lack and that is not used."""
_BATCH = 32
_UNFIT = (RuntimeError, ValueError, OSError, KeyError, TypeError, AttributeError, ImportError)


@dataclass(frozen=True, slots=True)
class Network:
    """`module`: float32 (N, 3, height, width) → (N, dimensions); `weights`: what it came from."""

    module: Any = field(repr=False)
    weights: Weights

    def pixels(self, frames: NDArray[np.uint8], device: Any = "cpu") -> Any:
        """Frames of (N, height, width, 3) as values from 0 to 1, channels first."""
        torch = _packages.torch()
        moved = torch.from_numpy(np.ascontiguousarray(frames)).to(device)
        return moved.permute(0, 3, 1, 2).float() / 255

    def normalised(self, pixels: Any) -> Any:
        """As the encoder wants them."""
        torch = _packages.torch()
        given = self.weights.options
        mean, std = (
            torch.tensor(one, device=pixels.device).view(1, 3, 1, 1)
            for one in (given.mean, given.std)
        )
        return (pixels - mean) / std

    def embed(
        self, frames: NDArray[np.uint8], device: Any = "cpu", listen: Listen = unheard
    ) -> Floats:
        """One row per frame, in full precision."""
        torch = _packages.torch()
        self.module.to(device).eval()
        parts: list[Floats] = []
        with torch.no_grad(), torch.backends.cudnn.flags(allow_tf32=False):
            for at in range(0, len(frames), _BATCH):
                pixels = self.pixels(frames[at : at + _BATCH], device)
                parts.append(self.module(self.normalised(pixels)).float().cpu().numpy())
                listen("embedding", min(at + _BATCH, len(frames)), len(frames))
        return np.concatenate(parts)


def open_network(weights: Weights) -> Network:
    """The encoder with its weights. Raises MissingExtra, or ConfigError where they do not fit."""
    module = _of_timm(weights) if weights.library == "timm" else _of_transformers(weights)
    network = Network(module.float().eval(), weights)
    blank = np.zeros((2, weights.height, weights.width, 3), np.uint8)
    try:
        found = network.embed(blank)
    except (RuntimeError, ValueError, AssertionError, AttributeError, TypeError) as error:
        raise ConfigError(
            f"{weights.name!r} does not compute on {weights.width} × {weights.height} pixels: "
            f"{str(error)[:200]}; check the options width and height"
        ) from error
    if found.ndim != 2 or found.shape[1] < 2:
        raise ConfigError(f"{weights.name!r} gives {found.shape[1:]} numbers, not features")
    return network


def _of_timm(weights: Weights) -> Any:
    """The model in a folder, less its classifier."""
    package = _packages.timm()
    try:
        return package.create_model(
            f"local-dir:{weights.folder}", pretrained=True, num_classes=0
        )  # fmt: skip
    except (*_UNFIT, _packages.safetensors().SafetensorError) as error:
        raise ConfigError(
            f"timm does not open {weights.name!r} ({weights.kind}): {str(error)[:300]}"
        ) from error


def _of_transformers(weights: Weights) -> Any:
    torch, package = _packages.torch(), _packages.transformers()
    name, more = _CLASSES.get(weights.kind, ("AutoModel", {}))
    with _quiet(package):
        try:
            model, told = getattr(package, name).from_pretrained(
                str(weights.folder), local_files_only=True, use_safetensors=True,
                dtype=torch.float32, output_loading_info=True, **more,
            )  # fmt: skip
        except (*_UNFIT, _packages.safetensors().SafetensorError) as error:
            raise ConfigError(
                f"transformers does not open {weights.name!r} ({weights.kind}): {str(error)[:300]}"
            ) from error
    if missing := sorted([*told["missing_keys"], *told["mismatched_keys"]], key=str):
        raise ConfigError(
            f"the weights of {weights.name!r} lack {missing[0]} (of {len(missing)}): they are not "
            f"those of a whole {weights.kind}, and what is missing would be made up"
        )
    return _pooled(torch, model, weights)


@contextmanager
def _quiet(package: Any) -> Iterator[None]:
    """Keeps transformers from drawing bars and reports on stderr meanwhile."""
    log = package.utils.logging
    level, bars = log.get_verbosity(), log.is_progress_bar_enabled()
    log.set_verbosity_error()
    log.disable_progress_bar()
    try:
        yield
    finally:
        log.set_verbosity(level)
        if bars:
            log.enable_progress_bar()


def _pooled(torch: Any, model: Any, weights: Weights) -> Any:
    """The model with its many tokens made one row."""
    how, prefix = weights.pooling, weights.options.prefix

    class Pooled(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, pixels: Any) -> Any:
            found = self.model(pixel_values=pixels)
            if how == "pooler":
                return found.pooler_output.flatten(1)
            tokens = found.last_hidden_state
            if tokens.ndim == 4:  # places side by side, not one after the other
                return tokens.mean((2, 3))
            if how == "cls":
                return tokens[:, 0]
            return tokens[:, prefix if how == "skip" else 0 :].mean(1)

    return Pooled()


def device_named(name: str = "auto") -> Any:
    """The device to train on; "auto": CUDA, else Apple's, else the processor. Raises UserError
    where it is not there."""
    torch = _packages.torch()
    there = {
        "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True,
    }  # fmt: skip
    if name == "auto":
        return torch.device(next(kind for kind, here in there.items() if here))
    kind = name.partition(":")[0]
    if kind not in there:
        raise UserError(f"no device named {name!r}; name auto, cpu, cuda (or cuda:1) or mps")
    if not there[kind]:
        raise UserError(
            f"torch {torch.__version__} sees no {kind} here; leave out --device to take what there "
            "is, or install the build of torch for it"
        )
    return torch.device(name)
