"""The seam of models: what answers.

A model is one public module in this folder (or an entry point in group `vistoria.models`); its
name is the provider in `provider:model`. It defines

    def open_model(name: str, options: Mapping[str, Any]) -> Model
    def listing() -> tuple[str, ...]      # models a user may name, e.g. ("onnx:street",)

where `name` is the part after the colon and `options` the project's `[model]` table. A model of
Google's may also define

    def shared_options(google: GoogleSettings, given: Mapping[str, Any]) -> dict[str, Any]

what the project's `[google]` table comes to as options; those given in `[model]` stand above. One
that turns pictures into numbers, too, defines

    def open_embedding(name: str, options: Mapping[str, Any]) -> Embedding
    def embeddings() -> tuple[str, ...]   # e.g. ("gemini:gemini-embedding-2",)
"""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from vistoria.errors import ObservationError
from vistoria.models._batch import Batches, BatchJob, BatchResult, BatchRow, BatchState
from vistoria.models._embedding import Embedding, Vector
from vistoria.records import Capabilities, Observation, Picture, Reply
from vistoria.task import Task

__all__ = [
    "BatchJob",
    "BatchResult",
    "BatchRow",
    "BatchState",
    "Batches",
    "Batching",
    "Blocking",
    "Cascading",
    "Embedding",
    "Model",
    "Vector",
]


class Model(Protocol):
    """Answers a task about pictures."""

    name: str
    """As the user names it, `provider:model`."""
    settings: Mapping[str, Any]
    """Everything besides name and task that can change an answer (temperature, media resolution
    …): part of what makes two answers comparable. JSON values only."""
    capabilities: Capabilities

    def unanswerable(self, task: Task) -> tuple[str, ...]:
        """The fields of `task` that this model cannot answer, in the task's order."""

    async def ask(
        self, task: Task, pictures: Sequence[Picture], *, correction: str | None = None
    ) -> Sequence[Reply | ObservationError]:
        """One outcome per picture, in order; at most `capabilities.batch_size` pictures.

        `correction` says what was wrong with the model's last answer to the same picture.
        Raises TransientError (RateLimited) when the whole call is worth repeating, and UserError
        (AccessDenied) when no call can succeed until the person acts.
        """

    async def aclose(self) -> None:
        """Close connections."""


class Blocking(Model, Protocol):
    """A model that computes, so that loading and answering can share one hop to a thread.

    Declared by `capabilities.blocking`.
    """

    def answer(self, task: Task, pictures: Sequence[Picture]) -> Sequence[Reply | ObservationError]:
        """As `ask`, in the calling thread; several threads may call it at once."""


class Cascading(Model, Protocol):
    """A model that answers in this process what it finds easy; `ask` is for the rest.

    Declared by `capabilities.easy`.
    """

    teacher: Model
    """Who answers the rest: what it said before, by itself, counts."""

    def easy(
        self, task: Task, rows: Sequence[Observation], pictures: Sequence[Picture]
    ) -> Sequence[Reply | None]:
        """An answer where it stands by itself, else None; in the calling thread, and several
        threads may call it at once. `pictures` are in the form `capabilities.easy`."""


class Batching(Model, Protocol):
    """A model whose service takes batch jobs.

    Declared by `capabilities.batch`.
    """

    def batches(self) -> Batches:
        """The service; raises ConfigError when an option that it needs is missing."""
