"""`onnx:` runs a small model in this process: the bundled `onnx:street`, or a file of your own.

A file is any ONNX graph that takes one uint8 batch (N, height, width, 3) of RGB pixels, returns
one tensor per head, and says so in its metadata under the key `vistoria`, as JSON: `{"format": 1,
"name", "version", "input": {"width", "height"}, "heads": [{"name", "kind", "classes": […],
"trained": true}, …]}`. A tensor holds class probabilities (N, classes); other forms, which
`vistoria train` writes as format 2, are in `_onnx_heads`.
"""

import json
import os
import threading
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import anyio.to_thread
import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from vistoria.errors import ConfigError, ObservationError
from vistoria.models._onnx_heads import Column, Head, check_choices, columns_of, read_head
from vistoria.models._options import Options, read_options
from vistoria.records import Capabilities, ImageForm, Picture, Reply, Value
from vistoria.task import Field, Task

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
        options = ort.SessionOptions()
        # Calls come from as many threads as there are cores: more inside each only gets in the way.
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        try:
            self._session = ort.InferenceSession(graph, options, ["CPUExecutionProvider"])
            meta = json.loads(self._session.get_modelmeta().custom_metadata_map["vistoria"])
            size, version = meta["input"], meta["version"]
            if "features" in size:
                raise ConfigError(f"it takes features of {size['features']!r}, not pictures")
            self._heads = {head["name"]: read_head(head) for head in meta["heads"]}
        except KeyError as error:
            raise ConfigError(
                f"{self.name!r} lacks {error} in its metadata; `vistoria models` and the "
                "docstring of vistoria.models.onnx say what a file must hold"
            ) from error
        except Exception as error:
            raise ConfigError(f"{self.name!r} is not an ONNX model that loads: {error}") from error
        self._input = self._session.get_inputs()[0].name
        self.version = f"{meta['name']}-{version}"
        """Name and version of the graph, as its answers bear it."""
        self.settings: Mapping[str, Any] = {"version": version}
        self.capabilities = Capabilities(
            image=ImageForm(kind="pixels", width=size["width"], height=size["height"]),
            batch_size=_BATCH,
            concurrency=len(os.sched_getaffinity(0)),
            local=True,
            blocking=True,
        )
        self._frame = (size["height"], size["width"], 3)
        self._here = threading.local()
        self._readers: dict[str, tuple[Column, ...]] = {}

    @property
    def heads(self) -> tuple[Head, ...]:
        """The questions that the graph answers."""
        return tuple(self._heads.values())

    @property
    def tolerances(self) -> Mapping[str, float]:
        """Field → error of a number that still counts as the same."""
        return {head.name: head.tolerance for head in self._heads.values()}

    def unanswerable(self, task: Task) -> tuple[str, ...]:
        """Fields without a trained head of that name and a fitting kind.

        Raises UserError where a student was taught other choices than the task has.
        """
        for field in task.fields:
            if self._fits(field):
                check_choices(field, self._heads[field.name])
        return tuple(f.name for f in task.fields if not self._fits(f))

    def _fits(self, field: Field) -> bool:
        head = self._heads.get(field.name)
        return head is not None and head.trained and head.kind == field.kind

    async def ask(
        self, task: Task, pictures: Sequence[Picture], *, correction: str | None = None
    ) -> Sequence[Reply | ObservationError]:
        """One reply per picture; a correction changes nothing, since the model is deterministic."""
        del correction
        return await anyio.to_thread.run_sync(self.answer, task, pictures)

    def answer(self, task: Task, pictures: Sequence[Picture]) -> Sequence[Reply]:
        """The same in the calling thread."""
        reader = self._readers.get(task.fingerprint)
        if reader is None:
            reader = self._readers[task.fingerprint] = columns_of(task.fields, self._heads)
        frames = [p.pixels for p in pictures if p.pixels is not None]
        batch = np.stack(frames, out=self._space(len(frames)))
        outputs = self._session.run([column.head.name for column in reader], {self._input: batch})
        answers: list[dict[str, Value]] = [{} for _ in pictures]
        confidences: list[dict[str, float]] = [{} for _ in pictures]
        for column, output in zip(reader, outputs, strict=True):
            name = column.field.name
            for i, (value, sure) in enumerate(zip(*column.read(output), strict=True)):
                answers[i][name] = value
                confidences[i][name] = sure
        return [
            Reply(answer=answer, model_version=self.version, confidence=confidence)
            for answer, confidence in zip(answers, confidences, strict=True)
        ]

    def _space(self, count: int) -> NDArray[np.uint8]:
        """Room for so many frames, kept for each thread: fresh pages cost more than the copy."""
        space: NDArray[np.uint8] | None = getattr(self._here, "space", None)
        if space is None or len(space) < count:
            space = np.empty((max(count, _BATCH), *self._frame), np.uint8)
            self._here.space = space
        return space[:count]

    async def aclose(self) -> None:
        """Nothing to close."""
