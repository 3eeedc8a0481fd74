"""`onnx:` runs a small model in this process: the bundled `onnx:street`, or a file of your own.

A file is any ONNX graph that takes one uint8 batch (N, height, width, 3) of RGB pixels, returns
one tensor per head, and says so in its metadata under the key `vistoria`, as JSON: `{"format": 1,
"name", "version", "input": {"width", "height"}, "heads": [{"name", "kind", "classes": […],
"trained": true}, …]}`. A tensor holds class probabilities (N, classes); other forms, which
`vistoria train` writes as format 2, are in `_onnx_heads`.
"""

import os
import threading
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import anyio.to_thread
import numpy as np
from numpy.typing import NDArray

from vistoria.errors import ConfigError, ObservationError
from vistoria.models._onnx_graph import graph_of
from vistoria.models._onnx_heads import Head
from vistoria.options import Options, read_options
from vistoria.records import Capabilities, ImageForm, Picture, Reply
from vistoria.task import Task

__all__ = ["OnnxModel", "listing", "open_model"]

_BATCH = 16  # per call: shares what a call costs in Python, while the frames still fit in the cache
_BUNDLED = ("street",)


def listing() -> tuple[str, ...]:
    """The bundled models."""
    return tuple(f"onnx:{name}" for name in _BUNDLED)


def open_model(name: str, options: Mapping[str, Any]) -> "OnnxModel":
    """A bundled model by name or an .onnx file by path; raises ConfigError when it is neither."""
    read_options(Options, options, "onnx")
    if name in _BUNDLED:
        return OnnxModel(name, (files("vistoria.models") / name / f"{name}.onnx").read_bytes())
    path = Path(name)
    if not path.is_file():
        raise ConfigError(
            f"no ONNX model named {name!r}; bundled: {', '.join(_BUNDLED)}",
            looked_at=(str(path.absolute()),),
        )
    return OnnxModel(name, path.read_bytes())


class OnnxModel:
    """Answers the fields for which the graph has a trained head of the same name."""

    def __init__(self, name: str, graph: bytes) -> None:
        """Loads `graph`; raises ConfigError when it is no ONNX file with our metadata."""
        self.name = f"onnx:{name}"
        self._graph = graph_of(self.name, graph)
        size = self._graph.input
        if "embedding" in size:
            raise ConfigError(
                f"{name} takes the numbers of {size['embedding']['model']}, not pictures: run it "
                f"with --model probe:{name}. A cascade needs a student that computes here, such as "
                "one of `vistoria train --backbone street`"
            )
        if not {"width", "height"} <= set(size):
            raise ConfigError(f"{self.name!r} does not say the size of its input in its metadata")
        self.version = self._graph.version
        """Name and version of the graph, as its answers bear it."""
        self.settings: Mapping[str, Any] = {"version": self._graph.number}
        self.capabilities = Capabilities(
            image=ImageForm(kind="pixels", width=size["width"], height=size["height"]),
            batch_size=_BATCH,
            concurrency=len(os.sched_getaffinity(0)),
            local=True,
            blocking=True,
        )
        self._frame = (size["height"], size["width"], 3)
        self._here = threading.local()

    @property
    def heads(self) -> tuple[Head, ...]:
        """The questions that the graph answers."""
        return tuple(self._graph.heads.values())

    @property
    def tolerances(self) -> Mapping[str, float]:
        """Field → error of a number that still counts as the same."""
        return {head.name: head.tolerance for head in self.heads}

    def unanswerable(self, task: Task) -> tuple[str, ...]:
        """Fields without a trained head of that name and a fitting kind.

        Raises UserError where a student was taught other choices than the task has.
        """
        return self._graph.unanswerable(task)

    async def ask(
        self, task: Task, pictures: Sequence[Picture], *, correction: str | None = None
    ) -> Sequence[Reply | ObservationError]:
        """One reply per picture; a correction changes nothing, since the model is deterministic."""
        del correction
        return await anyio.to_thread.run_sync(self.answer, task, pictures)

    def answer(self, task: Task, pictures: Sequence[Picture]) -> Sequence[Reply]:
        """The same in the calling thread."""
        frames = [p.pixels for p in pictures if p.pixels is not None]
        return self._graph.replies(task, np.stack(frames, out=self._space(len(frames))))

    def _space(self, count: int) -> NDArray[np.uint8]:
        """Room for so many frames, kept for each thread: fresh pages cost more than the copy."""
        space: NDArray[np.uint8] | None = getattr(self._here, "space", None)
        if space is None or len(space) < count:
            space = np.empty((max(count, _BATCH), *self._frame), np.uint8)
            self._here.space = space
        return space[:count]

    async def aclose(self) -> None:
        """Nothing to close."""
