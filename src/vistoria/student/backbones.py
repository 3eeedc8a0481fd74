"""Opens a backbone by name: the bundled one, a file, a hub, or a service."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vistoria.errors import ConfigError, UnknownName
from vistoria.student.backbone import Backbone

__all__ = ["KINDS", "open_backbone"]

KINDS = ("street", "FILE.onnx", "hub:OWNER/NAME[@REVISION]", "gemini-embedding-2")


def open_backbone(name: str, options: Mapping[str, Any] | None = None) -> Backbone:
    """The backbone of that name. `options`: of an image encoder, see `encoder.EncoderOptions`.

    "street": the bundled model's features. "FILE.onnx": an image encoder, or a graph in the form
    of `onnx:` such as an earlier student. "hub:OWNER/NAME": from a hub of models, once. Those of a
    service are opened by `vistoria.opening.open_embedding`. Raises UnknownName or ConfigError.
    """
    from vistoria.student import street  # noqa: PLC0415 - `onnx` only when there is work

    given = dict(options or {})
    if name == "street":
        _none_of(given, name)
        return street.street_backbone()
    if name.startswith("hub:"):
        from vistoria.student.hub import hub_backbone  # noqa: PLC0415

        return hub_backbone(name.removeprefix("hub:"), given)
    if name.endswith(".onnx"):
        path = Path(name)
        if not path.is_file():
            raise ConfigError(f"no backbone at {name!r}", looked_at=(str(path.absolute()),))
        from vistoria.student.encoder import file_encoder  # noqa: PLC0415

        if street.has_heads(path):
            _none_of(given, name)
            return street.file_backbone(path)
        return file_encoder(path, given)
    raise UnknownName("backbone", name, KINDS)


def _none_of(options: Mapping[str, Any], name: str) -> None:
    if options:
        raise ConfigError(f"backbone {name!r} has no options; {min(options)!r} was given")
