"""What training needs besides the core install, imported when it is needed."""

from importlib import import_module
from typing import Any

from vistoria.errors import ConfigError, MissingExtra

__all__ = ["onnx", "safetensors", "scikit", "timm", "torch", "transformers"]


def onnx() -> Any:
    """The package `onnx`; raises MissingExtra."""
    return _package("onnx", "students", "student")


def scikit(part: str) -> Any:
    """A part of scikit-learn, e.g. "linear_model"; raises MissingExtra."""
    return _package(f"sklearn.{part}", "students", "student")


def torch() -> Any:
    """The package `torch`; raises MissingExtra."""
    return _package("torch", "backbones from weights, and fine-tuning,", "torch")


def transformers() -> Any:
    """The package `transformers`; raises MissingExtra."""
    return _package("transformers", "backbones from weights", "torch")


def safetensors() -> Any:
    """The package `safetensors`; raises MissingExtra."""
    return _package("safetensors", "backbones from weights", "torch")


def timm() -> Any:
    """The package `timm`; raises MissingExtra, or ConfigError where it is there and is broken."""
    _package("torch", "backbones of timm", "timm")
    try:
        return _package("timm", "backbones of timm", "timm")
    except RuntimeError as error:
        raise ConfigError(
            f"timm cannot be imported: {str(error)[:200]}; torch and torchvision must be a pair of "
            "the same build (for one processor or for CUDA): install both from the same place"
        ) from error


def _package(name: str, what: str, extra: str) -> Any:
    try:
        return import_module(name)
    except ImportError:
        raise MissingExtra(what, extra) from None
