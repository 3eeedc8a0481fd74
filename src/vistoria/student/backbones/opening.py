"""Opens a backbone by name: the bundled one, a file, a folder, a hub, or a service."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vistoria.errors import ConfigError, UnknownName, UserError
from vistoria.student.backbones.backbone import Backbone
from vistoria.student.backbones.embedding import Listen, unheard
from vistoria.student.backbones.weights import Weights

__all__ = ["KINDS", "open_backbone", "open_weights"]

KINDS = (
    "street", "FILE.onnx", "FOLDER", "hub:OWNER/NAME[@REVISION]", "timm:NAME", "gemini-embedding-2",
)  # fmt: skip


def open_backbone(
    name: str, options: Mapping[str, Any] | None = None, listen: Listen = unheard
) -> Backbone:
    """The backbone of that name. `options`: of an image encoder, see `encoder.EncoderOptions`.

    "street": the bundled model's features. "FILE.onnx": an image encoder, or a graph in the form
    of `onnx:` such as an earlier student. "hub:OWNER/NAME", "timm:NAME": from a hub of models,
    once; FOLDER: laid out like a repository of a hub. Weights are converted with torch. Those of a
    service are opened by `vistoria.opening.open_embedding`. Raises UnknownName or ConfigError.
    """
    from vistoria.student.backbones import street  # noqa: PLC0415 - `onnx` only when there is work

    given = dict(options or {})
    if name == "street":
        _none_of(given, name)
        return street.street_backbone()
    if name.startswith("hub:"):
        from vistoria.student.backbones.hub import hub_backbone  # noqa: PLC0415

        return hub_backbone(name.removeprefix("hub:"), given, listen)
    if name.startswith("timm:") or Path(name).is_dir():
        from vistoria.student.backbones.conversion import weights_backbone  # noqa: PLC0415
        from vistoria.student.backbones.hub import folder_backbone  # noqa: PLC0415

        if name.startswith("timm:"):
            return weights_backbone(open_weights(name, given), listen)
        file = given.pop("file", None)
        return folder_backbone(Path(name), Path(name).name, given, file, listen)
    if name.endswith(".onnx"):
        path = Path(name)
        if not path.is_file():
            raise ConfigError(f"no backbone at {name!r}", looked_at=(str(path.absolute()),))
        from vistoria.student.backbones.encoder import file_encoder  # noqa: PLC0415

        if street.has_heads(path):
            _none_of(given, name)
            return street.file_backbone(path)
        return file_encoder(path, given)
    raise UnknownName("backbone", name, KINDS)


def open_weights(name: str, options: Mapping[str, Any] | None = None) -> Weights:
    """The weights of that name, to be fine-tuned: "hub:OWNER/NAME", "timm:NAME" or FOLDER.

    Raises UserError where a backbone has none, and what `open_backbone` raises.
    """
    from vistoria.student.backbones.hub import folder_weights, hub_weights, timm_repo  # noqa: PLC0415

    given = dict(options or {})
    if name.startswith("timm:"):
        return hub_weights(timm_repo(name.removeprefix("timm:")), given)
    if name.startswith("hub:"):
        return hub_weights(name.removeprefix("hub:"), given)
    if Path(name).is_dir():
        return folder_weights(Path(name), Path(name).name, given)
    raise UserError(
        f"backbone {name!r} has no weights that could be fine-tuned: name hub:OWNER/NAME, "
        "timm:NAME or a folder with config.json and model.safetensors"
    )


def _none_of(options: Mapping[str, Any], name: str) -> None:
    if options:
        raise ConfigError(f"backbone {name!r} has no options; {min(options)!r} was given")
