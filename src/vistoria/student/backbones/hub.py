"""Image encoders from a hub of models: `hub:OWNER/NAME[@REVISION]`, once, then from the cache.

Of a repository are taken its ONNX graph (`onnx/vision_model.onnx`, `onnx/model.onnx`, or the same
at the top, with weights beside it), else its weights (`model.safetensors`), and its description:
`preprocessor_config.json` of transformers, or `config.json` of timm. Nothing in it is executed.
HF_ENDPOINT, HF_HOME, HF_TOKEN and HF_HUB_OFFLINE are honoured. Mind each model's licence: DINOv3,
for one, has its own.
"""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from vistoria.errors import AccessDenied, ConfigError, MissingExtra, TransientError
from vistoria.student.backbones.backbone import Backbone
from vistoria.student.backbones.conversion import weights_backbone
from vistoria.student.backbones.embedding import Listen, unheard
from vistoria.student.backbones.encoder import encoder_options, file_encoder
from vistoria.student.backbones.weights import (
    Weights,
    pattern_of_weights,
    weights_in,
)

__all__ = ["folder_backbone", "folder_weights", "hub_backbone", "hub_weights", "timm_repo"]

_GRAPHS = ("onnx/vision_model.onnx", "onnx/model.onnx", "vision_model.onnx", "model.onnx")
_DESCRIBED = ("*.json", "onnx/*.json")
_ALL_TOLD = frozenset({"mean", "std", "width", "height"})
_CONVERT = (
    "convert it once, where torch is installed: pip install optimum-onnx, then optimum-cli export "
    "onnx --model {repo} --task image-feature-extraction FOLDER, and name FOLDER/model.onnx"
)


def hub_backbone(name: str, options: Mapping[str, Any], listen: Listen = unheard) -> Backbone:
    """The encoder of a repository: its ONNX graph, else its weights, converted once.

    Raises ConfigError where it holds none that can be read, MissingExtra where weights need torch,
    AccessDenied where it is closed, TransientError where the hub does not answer.
    """
    repo, revision = _parts(name)
    chosen = dict(options)
    file = chosen.pop("file", None)
    graphs = [file] if file else list(_GRAPHS)
    folder = _downloaded(repo, revision, [*graphs, *(f"{one}_data*" for one in graphs)])
    if _graph_in(folder, file) is None and file is None:
        folder = _downloaded(repo, revision, pattern_of_weights())
    return folder_backbone(folder, repo, chosen, file, listen)


def hub_weights(name: str, options: Mapping[str, Any]) -> Weights:
    """The weights of a repository; raises as `hub_backbone` does."""
    repo, revision = _parts(name)
    return folder_weights(_downloaded(repo, revision, pattern_of_weights()), repo, options)


def timm_repo(name: str) -> str:
    """The repository of a model of timm, "OWNER/NAME".

    Raises MissingExtra without timm, ConfigError where there is none with weights on the hub.
    """
    from vistoria.student import _packages  # noqa: PLC0415

    package = _packages.timm()
    try:
        about = package.get_pretrained_cfg(name)
    except RuntimeError:
        about = None
    if about is None:
        kind = name.partition(".")[0]
        near = package.list_pretrained(f"{kind}*")[:8]
        raise ConfigError(
            f"timm {package.__version__} has no weights for {name!r}"
            + (f"; it has {', '.join(near)}" if near else "; timm.list_pretrained() lists them")
        )
    if not about.hf_hub_id:
        raise ConfigError(f"the weights of timm's {name!r} are not on the hub; take another of it")
    return str(about.hf_hub_id)


def folder_backbone(
    folder: Path, repo: str, options: Mapping[str, Any], file: str | None = None,
    listen: Listen = unheard,
) -> Backbone:  # fmt: skip
    """The encoder in a folder laid out like a repository; `file`: its graph, if not the usual."""
    path = _graph_in(folder, file)
    if path is None:
        if file is None and any(folder.glob("model*.safetensors")):
            return weights_backbone(folder_weights(folder, repo, options), listen)
        found = sorted(one.name for one in folder.rglob("*") if one.is_file())
        raise ConfigError(
            f"{repo!r} holds no ONNX graph and no model.safetensors: "
            f"{', '.join(found[:6]) or 'nothing'}; {_CONVERT.format(repo=repo)}",
            looked_at=(file,) if file else (*_GRAPHS, "model.safetensors"),
        )
    found_backbone = file_encoder(path, _with_preprocessing(folder, repo, options))
    return replace(found_backbone, name=repo)


def folder_weights(folder: Path, name: str, options: Mapping[str, Any]) -> Weights:
    """The weights in a folder laid out like a repository."""
    return weights_in(folder, name, encoder_options(_with_preprocessing(folder, name, options)))


def _parts(name: str) -> tuple[str, str | None]:
    repo, _, revision = name.partition("@")
    if repo.count("/") != 1:
        raise ConfigError(f"'hub:{name}' must be like hub:OWNER/NAME or hub:OWNER/NAME@REVISION")
    return repo, revision or None


def _graph_in(folder: Path, file: str | None) -> Path | None:
    graphs = [folder / name for name in ((file,) if file else _GRAPHS)]
    return next((one for one in graphs if one.is_file()), None)


def _with_preprocessing(folder: Path, repo: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """What the files say about pixels, under what the user says."""
    told = {} if set(options) >= _ALL_TOLD else _preprocessing(folder, repo)
    return {**told, **options}


def _preprocessing(folder: Path, repo: str) -> dict[str, Any]:
    """How the encoder wants its pixels, in its own words; raises ConfigError where it says nothing
    or what cannot be done here."""
    for place in (folder, folder / "onnx"):
        if (path := place / "preprocessor_config.json").is_file():
            return _of_transformers(_json(path), repo)
    config = _json(folder / "config.json") if (folder / "config.json").is_file() else {}
    about = config.get("pretrained_cfg", config)
    if "mean" in about and "input_size" in about:
        _, height, width = about["input_size"]
        return {
            "mean": tuple(about["mean"]), "std": tuple(about["std"]),
            "width": width, "height": height,
        }  # fmt: skip
    raise ConfigError(
        f"{repo!r} does not say how it wants its pixels: it has no preprocessor_config.json. Say "
        "it with the options mean, std, width and height",
        looked_at=("preprocessor_config.json", "config.json, pretrained_cfg"),
    )


def _of_transformers(given: Mapping[str, Any], repo: str) -> dict[str, Any]:
    scale = given.get("rescale_factor", 1 / 255)
    if given.get("do_rescale", True) and abs(scale - 1 / 255) > 1e-6:
        raise ConfigError(f"{repo!r} wants pixels scaled by {scale}; name its file with options")
    size = given.get("crop_size") or given.get("size") or {}
    if isinstance(size, int):
        size = {"height": size, "width": size}
    side = size.get("shortest_edge")
    found: dict[str, Any] = {
        "height": size.get("height", side), "width": size.get("width", side),
    }  # fmt: skip
    if given.get("do_normalize", True):
        found |= {
            "mean": tuple(given.get("image_mean", (0.5, 0.5, 0.5))),
            "std": tuple(given.get("image_std", (0.5, 0.5, 0.5))),
        }
    else:
        found |= {"mean": (0.0, 0.0, 0.0), "std": (1.0, 1.0, 1.0)}
    return {key: value for key, value in found.items() if value is not None}


def _json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(found, dict):
            raise ValueError("it is no object")
    except ValueError as error:
        raise ConfigError(f"{path.name} of the model cannot be read: {error}") from None
    return found


def _downloaded(repo: str, revision: str | None, patterns: Sequence[str]) -> Path:
    try:
        import huggingface_hub  # noqa: PLC0415 - of an extra
        from huggingface_hub import errors  # noqa: PLC0415
    except ImportError:
        raise MissingExtra("models from a hub", "hub") from None
    try:
        return Path(
            huggingface_hub.snapshot_download(
                repo, revision=revision, allow_patterns=[*patterns, *_DESCRIBED],
                endpoint=os.environ.get("HF_ENDPOINT") or None,
            )
        )  # fmt: skip
    except errors.GatedRepoError:
        raise AccessDenied(
            f"{repo!r} is closed: accept its terms on its page, and set HF_TOKEN to your token"
        ) from None
    except (errors.RepositoryNotFoundError, errors.RevisionNotFoundError) as error:
        place = f"{repo}@{revision}" if revision else repo
        raise ConfigError(
            f"the hub has no model {place!r}, or does not show it to you; check the name, or set "
            f"HF_TOKEN: {str(error).splitlines()[0]}"
        ) from None
    except (errors.LocalEntryNotFoundError, errors.OfflineModeIsEnabled) as error:
        raise ConfigError(
            f"{repo!r} is not in the cache and the hub cannot be reached ({type(error).__name__}). "
            "Download it once where there is a network (hf download), copy the cache (HF_HOME), or "
            "name the folder that it is in: --backbone FOLDER"
        ) from None
    except (errors.HfHubHTTPError, OSError) as error:
        raise TransientError(f"the hub does not answer: {str(error)[:300]}") from None
