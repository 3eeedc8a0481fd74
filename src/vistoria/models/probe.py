"""`probe:STUDENT.onnx`: a linear probe, heads of your own on the numbers of an embedding model.

`vistoria train --backbone gemini-embedding-2` writes such a student: its file holds the heads only,
and names the embedding model and how many numbers it takes. Each picture goes to that model's
service, at its price and through its limits; the heads answer here. Options are those of the
service (for Gemini `vertex project location impersonate api_key base_url timeout`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from vistoria import registry
from vistoria.errors import ConfigError, ObservationError
from vistoria.google_account import GoogleSettings
from vistoria.models import Embedding
from vistoria.models._onnx_graph import Graph, graph_of
from vistoria.records import Picture, Reply
from vistoria.task import Task

__all__ = ["Probe", "listing", "open_model", "shared_options"]


def listing() -> tuple[str, ...]:
    """None: a probe is trained by its user."""
    return ()


def shared_options(google: GoogleSettings, options: Mapping[str, Any]) -> Mapping[str, Any]:  # noqa: ARG001 - the seam's signature
    """What the project says about Google, for the embedding model's provider to read."""
    return {"google": google}


def open_model(name: str, options: Mapping[str, Any]) -> "Probe":
    """A student by path; raises ConfigError where it is none, or takes pictures itself."""
    path = Path(name)
    if not path.is_file():
        raise ConfigError(
            f"no student at {name!r}; make one with `vistoria train --backbone gemini-embedding-2`",
            looked_at=(str(path.absolute()),),
        )
    graph = graph_of(f"probe:{name}", path.read_bytes())
    wanted = graph.input.get("embedding")
    if wanted is None:
        raise ConfigError(f"{name} takes pictures; run it with --model onnx:{name}")
    own = dict(options)
    if "dimensions" in own:
        raise ConfigError(
            f"{name} was taught on {wanted['dimensions']} numbers per picture; remove the option "
            "dimensions, or train again with other ones"
        )
    provider, _, model = str(wanted["model"]).partition(":")
    module, google = registry.load("models", provider), own.pop("google", None)
    if google is not None and (share := getattr(module, "shared_options", None)):
        own = {**share(google, own), **own}
    embedding: Embedding = module.open_embedding(model, {**own, "dimensions": wanted["dimensions"]})
    return Probe(name, graph, embedding)


class Probe:
    """Answers the fields for which the student has a trained head of the same name."""

    def __init__(self, name: str, graph: Graph, embedding: Embedding) -> None:
        """Raises ConfigError where the service has another version of the model by now."""
        taught = graph.input["embedding"]
        if embedding.version != taught["version"]:
            raise ConfigError(
                f"{name} was taught on {taught['version']!r}, and {embedding.name} is "
                f"{embedding.version!r} now; train again"
            )
        self.name = f"probe:{name}"
        self.version = graph.version
        """Name and version of the heads, as answers bear it."""
        self.embedding, self._graph = embedding, graph
        self.settings: Mapping[str, Any] = {**embedding.settings, "version": graph.number}
        self.capabilities = replace(embedding.capabilities, billed_as=embedding.name)

    def unanswerable(self, task: Task) -> tuple[str, ...]:
        """Fields without a trained head of that name and a fitting kind.

        Raises UserError where the student was taught other choices than the task has.
        """
        return self._graph.unanswerable(task)

    async def ask(
        self, task: Task, pictures: Sequence[Picture], *, correction: str | None = None
    ) -> Sequence[Reply | ObservationError]:
        """One outcome for the one picture; a correction changes nothing."""
        del correction
        (picture,) = pictures
        found = await self.embedding.embed(picture)
        if isinstance(found, ObservationError):
            return (found,)
        # A product of some thousand numbers: a hop to a thread would cost more.
        return self._graph.replies(task, found.values[None], found.usage)

    async def aclose(self) -> None:
        """Close connections."""
        await self.embedding.aclose()
