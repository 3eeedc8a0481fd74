"""What differs between Gemini models; the facts are in `_gemini.toml`."""

import tomllib
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files
from typing import Any

from vistoria.records import BatchLimits


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """Models whose names begin with `prefix`."""

    prefix: str
    media_resolution: str
    thinking: int | str | None = None
    temperature: float | None = None
    temperature_ignored: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Retired:
    """Models that Google closed, or will: to new projects `since`, to all `until`."""

    prefix: str
    use: str
    since: date | None = None
    until: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddingFacts:
    """A model that turns pictures into numbers: from `least` to `most` of them, `usual` unless
    said."""

    name: str
    least: int
    most: int
    usual: int


def embedding_facts() -> dict[str, EmbeddingFacts]:
    """The embedding models that take pictures, by name."""
    return {entry["name"]: EmbeddingFacts(**entry) for entry in _facts()["embedding"]}


def family(name: str) -> Family:
    """The facts of a model, by its plain name; those of the newest if it is not known."""
    known = (Family(**entry) for entry in _facts()["family"])
    return max((f for f in known if name.startswith(f.prefix)), key=lambda f: len(f.prefix))


def retired(name: str) -> Retired | None:
    """What is known about the end of a model."""
    known = (Retired(**entry) for entry in _facts()["retired"])
    fitting = [entry for entry in known if name.startswith(entry.prefix)]
    return max(fitting, key=lambda entry: len(entry.prefix), default=None)


def default_model() -> str:
    """The model when the user names none."""
    return str(_facts()["default"])


def batch_limits() -> BatchLimits:
    """The most that one batch job takes."""
    return BatchLimits(**_facts()["batch"])


def listed_models() -> tuple[str, ...]:
    """Models worth listing, the cheapest first."""
    return tuple(entry["name"] for entry in _facts()["listed"])


@cache
def _facts() -> dict[str, Any]:
    return tomllib.loads(files("vistoria.models").joinpath("_gemini.toml").read_text("utf-8"))
