"""An ONNX graph whose metadata, under the key `vistoria`, say what its outputs mean."""

import json
from collections.abc import Mapping
from typing import Any

import onnxruntime as ort
from numpy.typing import NDArray

from vistoria.errors import ConfigError
from vistoria.models._onnx_heads import Column, Head, check_choices, columns_of, read_head
from vistoria.records import Reply, Usage, Value
from vistoria.task import Field, Task


class Graph:
    """Answers the fields for which it has a trained head of the same name; any thread may ask.

    `number`: its version; `version`: with its name before it, as answers bear it. `input`: what it
    takes, `{"width", "height"}` of pictures or `{"embedding": …}`. `about`: all of the metadata.
    """

    def __init__(self, session: Any, about: Mapping[str, Any]) -> None:
        """Raises KeyError for what is missing in `about`."""
        self._session, self.about = session, about
        self.input: Mapping[str, Any] = about["input"]
        self.number: str = about["version"]
        self.version = f"{about['name']}-{self.number}"
        self.heads: Mapping[str, Head] = {head["name"]: read_head(head) for head in about["heads"]}
        self._taken = session.get_inputs()[0].name
        self._readers: dict[str, tuple[Column, ...]] = {}

    def unanswerable(self, task: Task) -> tuple[str, ...]:
        """Fields without a trained head of that name and a fitting kind.

        Raises UserError where a student was taught other choices than the task has.
        """
        for field in task.fields:
            if self._fits(field):
                check_choices(field, self.heads[field.name])
        return tuple(f.name for f in task.fields if not self._fits(f))

    def _fits(self, field: Field) -> bool:
        head = self.heads.get(field.name)
        return head is not None and head.trained and head.kind == field.kind

    def replies(self, task: Task, batch: NDArray[Any], usage: Usage = Usage()) -> list[Reply]:  # noqa: B008 - frozen
        """One reply for each row of a batch. `usage`: what getting each row was billed."""
        reader = self._readers.get(task.fingerprint)
        if reader is None:
            reader = self._readers[task.fingerprint] = columns_of(task.fields, self.heads)
        outputs = self._session.run([column.head.name for column in reader], {self._taken: batch})
        answers: list[dict[str, Value]] = [{} for _ in batch]
        confidences: list[dict[str, float]] = [{} for _ in batch]
        for column, output in zip(reader, outputs, strict=True):
            name = column.field.name
            for i, (value, sure) in enumerate(zip(*column.read(output), strict=True)):
                answers[i][name] = value
                confidences[i][name] = sure
        return [
            Reply(answer=answer, model_version=self.version, confidence=confidence, usage=usage)
            for answer, confidence in zip(answers, confidences, strict=True)
        ]


def graph_of(name: str, data: bytes) -> Graph:
    """The graph in these bytes, on one core per call; raises ConfigError when there is none."""
    options = ort.SessionOptions()
    # Calls come from as many threads as there are cores: more inside each only gets in the way.
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        session = ort.InferenceSession(data, options, ["CPUExecutionProvider"])
        return Graph(session, json.loads(session.get_modelmeta().custom_metadata_map["vistoria"]))
    except KeyError as error:
        raise ConfigError(
            f"{name!r} lacks {error} in its metadata; `vistoria models` and the docstring of "
            "vistoria.models.onnx say what a file must hold"
        ) from error
    except Exception as error:
        raise ConfigError(f"{name!r} is not an ONNX model that loads: {error}") from error
