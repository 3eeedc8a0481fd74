"""What training needs besides the core install, imported when it is needed."""

from importlib import import_module
from typing import Any

from vistoria.errors import MissingExtra

__all__ = ["onnx", "scikit"]


def onnx() -> Any:
    """The package `onnx`; raises MissingExtra."""
    return _package("onnx", "students")


def scikit(part: str) -> Any:
    """A part of scikit-learn, e.g. "linear_model"; raises MissingExtra."""
    return _package(f"sklearn.{part}", "students")


def _package(name: str, what: str) -> Any:
    try:
        return import_module(name)
    except ImportError:
        raise MissingExtra(what, "student") from None
