"""Tuned models by names of one's own: `gemini:tuned-…` stands for an endpoint of Vertex AI.

`vistoria tune` notes them in `.vistoria/tuned.json`, which is sought in the current folder and the
folders above it.
"""

import json
from pathlib import Path
from typing import NamedTuple

from vistoria.errors import ConfigError, UnknownName

__all__ = ["FILE", "Tuned", "register_tuned", "tuned_model"]

FILE = Path(".vistoria/tuned.json")
_PREFIX = "tuned-"


class Tuned(NamedTuple):
    """A tuned model: where it answers, what it was tuned from, and by which job."""

    endpoint: str
    base: str
    job: str


def tuned_model(name: str) -> Tuned | None:
    """The tuned model of that name; None for a name that is none of a tuned model. Raises
    UnknownName or ConfigError."""
    if not name.startswith(_PREFIX):
        return None
    folder = Path.cwd()
    places = [above / FILE for above in (folder, *folder.parents)]
    path = next((place for place in places if place.is_file()), None)
    if path is None:
        raise ConfigError(
            f"no tuned model is noted here, so {name!r} means nothing; `vistoria tune` makes one",
            looked_at=(str(places[0]), "the folders above"),
        )
    known = _read(path)
    if name not in known:
        raise UnknownName("tuned model", name, tuple(sorted(known)))
    return known[name]


def register_tuned(path: Path, name: str, tuned: Tuned) -> None:
    """Notes a tuned model under a name of one's own."""
    if not name.startswith(_PREFIX):
        raise ConfigError(f"a tuned model's name begins with {_PREFIX!r}, not {name!r}")
    known = _read(path) if path.is_file() else {}
    known[name] = tuned
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.tmp")
    text = json.dumps({key: one._asdict() for key, one in known.items()}, indent=2)
    draft.write_text(text, encoding="utf-8")
    draft.replace(path)


def _read(path: Path) -> dict[str, Tuned]:
    try:
        given = json.loads(path.read_text(encoding="utf-8"))
        return {name: Tuned(**entry) for name, entry in given.items()}
    except (ValueError, TypeError, AttributeError) as error:
        raise ConfigError(f"{path} does not list tuned models: {error}") from None
