"""Image encoders that come as weights (`.safetensors`): which kind they are.

Two layouts are read: of transformers (`config.json` with `model_type`, `preprocessor_config.json`)
and of timm (`config.json` with `architecture` and `pretrained_cfg`). Pickled weights (`.bin`,
`.pth`) are not opened: they may run anything.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from vistoria.errors import ConfigError
from vistoria.student.backbones.encoder import EncoderOptions

__all__ = ["POOLING", "Weights", "pattern_of_weights", "weights_in"]

_FORMAT = 1  # of what is kept; another one, and everything is converted again

POOLING: Mapping[str, Literal["cls", "mean", "pooler"]] = {
    "beit": "pooler", "clip": "pooler", "clip_vision_model": "pooler", "convnext": "pooler",
    "convnextv2": "pooler", "deit": "cls", "dinov2": "cls", "dinov2_with_registers": "cls",
    "dinov3_convnext": "pooler", "dinov3_vit": "cls", "efficientnet": "pooler", "ijepa": "mean",
    "mobilenet_v2": "pooler", "regnet": "pooler", "resnet": "pooler", "siglip": "pooler",
    "siglip_vision_model": "pooler", "swin": "mean", "swinv2": "mean", "vit": "cls",
    "vit_msn": "cls",
}  # fmt: skip
"""Architecture → the features on which its authors put a classifier: the first token after the last
norm, the mean of all tokens, or what the architecture's own pooling gives."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """Weights in a folder. `kind`: the architecture, in the library's word; `options`: how it wants
    its pixels, and its pooling where the user chose another; `key`: of all that matters."""

    name: str
    folder: Path
    library: Literal["transformers", "timm"]
    kind: str
    options: EncoderOptions
    key: str = field(repr=False)

    @property
    def width(self) -> int:
        """In pixels."""
        assert self.options.width is not None
        return self.options.width

    @property
    def height(self) -> int:
        """In pixels."""
        assert self.options.height is not None
        return self.options.height

    @property
    def pooling(self) -> str:
        """How many tokens become one row of numbers."""
        if self.library == "timm":
            return "timm"
        return self.options.pooling or POOLING[self.kind]


def pattern_of_weights() -> tuple[str, ...]:
    """Files to take from a repository, as patterns."""
    return ("model*.safetensors", "model.safetensors.index.json")


def weights_in(folder: Path, name: str, options: EncoderOptions) -> Weights:
    """The weights in a folder. Raises ConfigError where they are none, or of a kind that is not
    known and for which nothing is said."""
    files = sorted(folder.glob("model*.safetensors"))
    if not files:
        raise ConfigError(
            f"{name!r} holds no weights in the file model.safetensors",
            looked_at=(str(folder),),
        )
    config = _config(folder, name)
    library: Literal["transformers", "timm"]
    if kind := config.get("model_type"):
        library = "transformers"
        _check_kind(name, str(kind), options)
    elif kind := config.get("architecture"):
        library = "timm"
    else:
        raise ConfigError(
            f"config.json of {name!r} says neither model_type (transformers) nor architecture "
            "(timm): weights in another layout must be converted to ONNX by whoever made them"
        )
    if not (options.width and options.height):
        raise ConfigError(f"{name!r} takes any size; say which: options width and height")
    return Weights(
        name=name, folder=folder, library=library, kind=str(kind), options=options,
        key=_key(folder, files, options),
    )  # fmt: skip


def _config(folder: Path, name: str) -> dict[str, Any]:
    try:
        found = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"config.json of {name!r} cannot be read: {error}") from None
    return found if isinstance(found, dict) else {}


def _check_kind(name: str, kind: str, options: EncoderOptions) -> None:
    if kind == "siglip2":
        raise ConfigError(
            f"{name!r} is a SigLIP 2 of variable size (NaFlex), which takes patches and not "
            "pictures; take one of fixed size, e.g. hub:google/siglip2-base-patch16-224"
        )
    if kind not in POOLING and options.pooling is None:
        raise ConfigError(
            f"{name!r} is a {kind!r}, whose pooling is not known here; choose with the option "
            f"pooling: mean, cls or skip. Known: {', '.join(sorted(POOLING))}, and all of timm"
        )


def _key(folder: Path, files: list[Path], options: EncoderOptions) -> str:
    sum_ = hashlib.sha256(f"{_FORMAT}\0{options.model_dump_json()}\0".encode())
    for path in (folder / "config.json", *files):
        with path.open("rb") as file:
            sum_.update(hashlib.file_digest(file, "sha256").digest())
    return sum_.hexdigest()[:16]
