"""A frozen network that turns a picture into numbers: what heads are trained on.

Every backbone is one ONNX graph that takes uint8 RGB (N, height, width, 3) and returns float32
(N, dimensions); the same graph serves training and goes into the exported student, so that both
see exactly the same numbers. The exception is an embedding model behind a service
(`EmbeddingModel`): then the student holds its heads only.
"""

import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from vistoria.errors import ConfigError
from vistoria.records import ImageForm, Picture

__all__ = ["EMBEDDING", "IMAGE", "Backbone", "Embedder", "EmbeddingModel", "Floats"]

IMAGE, EMBEDDING = "image", "embedding"
Floats = NDArray[np.float32]


class Embedder(Protocol):
    """Anything that turns pictures into numbers."""

    @property
    def name(self) -> str:
        """As the user names it."""

    @property
    def version(self) -> str:
        """Changes when the numbers may."""

    @property
    def form(self) -> ImageForm:
        """How it wants its pictures."""

    def embed(self, pictures: list[Picture]) -> Floats:
        """One row per picture; several threads may call it at once."""


@dataclass(frozen=True, slots=True)
class Backbone:
    """An ONNX graph from `image` to `embedding`. `about`: what it was made from, for the card."""

    name: str
    version: str
    graph: bytes = field(repr=False)
    width: int
    height: int
    about: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)
    _sessions: threading.local = field(default_factory=threading.local, repr=False, compare=False)

    @property
    def form(self) -> ImageForm:
        """Decoded, in the graph's own size."""
        return ImageForm(kind="pixels", width=self.width, height=self.height)

    @property
    def taken(self) -> Mapping[str, Any]:
        """What a student on it takes, for its metadata."""
        return {"width": self.width, "height": self.height}

    @property
    def dimensions(self) -> int:
        """Numbers per picture."""
        black = np.zeros((1, self.height, self.width, 3), np.uint8)
        return int(self.run(black).shape[1])

    def embed(self, pictures: list[Picture]) -> Floats:
        """One row per decoded picture."""
        return self.run(np.stack([p.pixels for p in pictures if p.pixels is not None]))

    def run(self, frames: NDArray[np.uint8]) -> Floats:
        """One row per frame of (N, height, width, 3)."""
        found: Floats = self._session().run([EMBEDDING], {IMAGE: frames})[0]
        return found

    def _session(self) -> Any:
        """One per thread, each on one core: calls come from as many threads as there are cores."""
        known = getattr(self._sessions, "session", None)
        if known is None:
            known = self._sessions.session = open_session(self.graph, self.name)
        return known


@dataclass(frozen=True, slots=True)
class EmbeddingModel:
    """A model behind a service, `provider:model`, that gives `dimensions` numbers per picture."""

    name: str
    version: str
    dimensions: int

    @property
    def taken(self) -> Mapping[str, Any]:
        """What a student on it takes, for its metadata."""
        about = {"model": self.name, "version": self.version, "dimensions": self.dimensions}
        return {"embedding": about}


def open_session(graph: bytes, name: str, threads: int = 1) -> Any:
    """An onnxruntime session on so many cores; raises ConfigError when it does not load."""
    options = ort.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.log_severity_level = 3
    try:
        return ort.InferenceSession(graph, options, ["CPUExecutionProvider"])
    except Exception as error:
        raise ConfigError(f"{name!r} does not run in onnxruntime: {str(error)[:300]}") from error


def cores() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0))
