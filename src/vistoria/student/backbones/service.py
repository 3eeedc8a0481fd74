"""Pictures as numbers of an embedding model behind a service: asked as any model is.

The numbers are the answers of a run in a ledger of its own, `embeddings.sqlite` beside the
project's. So the ceiling, refusals, a `kill -9` and asking nothing twice are the engine's.
"""

import base64
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa

from vistoria.engine import Ask, Choice, Limits, Plan, Report
from vistoria.errors import ObservationError, RunStopped
from vistoria.events import Event, Settled
from vistoria.job import Job
from vistoria.ledger import Ledger, Run
from vistoria.models import Embedding
from vistoria.records import OBSERVATION_COLUMNS, Capabilities, ImageRef, Picture, Reply
from vistoria.sources import Selection
from vistoria.student._packages import onnx, scikit
from vistoria.student.backbones.backbone import EmbeddingModel, Floats
from vistoria.student.backbones.embedding import Embedded, Listen, Load, image_key, unheard
from vistoria.task import Field, Task

__all__ = ["LEDGER", "ServiceVision", "Work"]

LEDGER = "embeddings.sqlite"
_FIELD = "vector"
_TASK = Task("embedding", "The picture as numbers.", (Field(_FIELD, "text"),))
_ROWS = 5_000
_TYPES = {"string": pa.string(), "double": pa.float64()}

Work: TypeAlias = Callable[[Job, Ledger, Plan], Report]
"""Asks what is planned; see `Job.work`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceVision:
    """How pictures are seen through a service. `folder`: of the ledger that keeps the numbers;
    `origin`: whose pictures they are, part of the run's identity, so that a ceiling holds for it;
    `work`: what asks, in place of `Job.work`."""

    embedding: Embedding
    load: Load
    folder: Path
    origin: str
    limits: Limits = field(default_factory=Limits)
    work: Work | None = None

    @property
    def backbone(self) -> EmbeddingModel:
        """The embedding model."""
        one = self.embedding
        return EmbeddingModel(one.name, one.version, one.dimensions)

    def embed(
        self, images: Sequence[ImageRef], look: str = "", listen: Listen = unheard
    ) -> Embedded:
        """The vectors of these images; `look`: what is done to them before, JSON.

        Raises MissingExtra before anything is sent, and RunStopped where the ceiling or a person
        ended it; what was paid for is kept.
        """
        onnx()
        scikit("linear_model")
        model = _Vectors(self.embedding)
        settings = {**self.embedding.settings, **json.loads(look or "{}")}
        job = Job(
            source=_Rows(self.origin, images), selection=Selection(), load=self.load,
            ask=Ask(_TASK, model, settings), limits=self.limits, ledger=self.folder / LEDGER,
        )  # fmt: skip
        self.folder.mkdir(parents=True, exist_ok=True)
        with Ledger(job.ledger) as ledger:
            plan = job.plan(ledger, Choice())
            computed = 0
            if plan.pending:
                report = self._asked(job, ledger, plan, listen)
                ledger.flush()
                computed = report.answered - report.copied
                _check_finished(ledger, plan, report)
            return _embedded(ledger, plan.run, images, computed)

    def _asked(self, job: Job, ledger: Ledger, plan: Plan, listen: Listen) -> Report:
        if self.work is not None:
            return self.work(job, ledger, plan)
        done = 0

        def heard(event: Event) -> None:
            nonlocal done
            if isinstance(event, Settled):
                done += len(event.attempts)
                listen("embedding", done, plan.pending)

        return job.work(plan, ledger, heard)


class _Vectors:
    """An embedding model as one that answers a task: its numbers as text."""

    def __init__(self, embedding: Embedding) -> None:
        self._embedding = embedding
        self.name = embedding.name
        self.settings: Mapping[str, Any] = embedding.settings
        self.capabilities: Capabilities = embedding.capabilities

    def unanswerable(self, task: Task) -> tuple[str, ...]:  # noqa: ARG002 - the seam's signature
        return ()

    async def ask(
        self, task: Task, pictures: Sequence[Picture], *, correction: str | None = None
    ) -> Sequence[Reply | ObservationError]:
        del task, correction
        (picture,) = pictures
        found = await self._embedding.embed(picture)
        if isinstance(found, ObservationError):
            return (found,)
        text = base64.b64encode(found.values.astype("<f4").tobytes()).decode()
        version = self._embedding.version
        return (Reply(answer={_FIELD: text}, model_version=version, usage=found.usage),)

    async def aclose(self) -> None:
        await self._embedding.aclose()


class _Rows:
    """Images as a source: each once, known by what it shows."""

    profile = "images"
    mapping: Mapping[str, str] = {"uri": "the image"}

    def __init__(self, address: str, images: Sequence[ImageRef]) -> None:
        self.address = address
        self._images = list({_id(image): image for image in images}.items())

    def count(self, selection: Selection) -> int:  # noqa: ARG002 - the seam's signature
        return len(self._images)

    def batches(self, selection: Selection) -> Iterator[pa.RecordBatch]:  # noqa: ARG002
        for start in range(0, len(self._images), _ROWS):
            yield _batch(self._images[start : start + _ROWS])

    def complete(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        return batch


def _batch(images: Sequence[tuple[str, ImageRef]]) -> pa.RecordBatch:
    columns: dict[str, list[Any]] = {name: [None] * len(images) for name in OBSERVATION_COLUMNS}
    columns["observation_id"] = [name for name, _ in images]
    columns["uri"] = [image.uri for _, image in images]
    columns["version"] = [image.version for _, image in images]
    for side in ("left", "top", "right", "bottom"):
        columns[f"box_{side}"] = [image.box and getattr(image.box, side) for _, image in images]
    kinds = {**_TYPES, "timestamp[us, UTC]": pa.timestamp("us", tz="UTC")}
    schema = pa.schema([(name, kinds[kind]) for name, kind in OBSERVATION_COLUMNS.items()])
    return pa.record_batch(columns, schema=schema)


def _id(image: ImageRef) -> str:
    return f"{image_key(image) % 2**64:016x}"


def _check_finished(ledger: Ledger, plan: Plan, report: Report) -> None:
    if report.outcome == "finished":
        return
    state = ledger.summary(plan.run)
    raise RunStopped(
        f"{report.stopped_by or 'stopped'}\n  {state.answered:,} of {state.total:,} pictures have "
        "their numbers, and those are kept: the same command goes on with the rest",
        interrupted=report.outcome == "interrupted",
    )


def _embedded(ledger: Ledger, run: Run, images: Sequence[ImageRef], computed: int) -> Embedded:
    found: dict[str, Floats] = {}
    reasons: dict[str, str] = {}
    for batch in ledger.batches(run):
        columns = (batch.column(name).to_pylist() for name in ("observation_id", _FIELD, "reason"))
        for name, text, reason in zip(*columns, strict=True):
            if text is None:
                reasons[name] = reason or "unknown"
            else:
                found[name] = np.frombuffer(base64.b64decode(text), "<f4")
    names = [_id(image) for image in images]
    rows = [i for i, name in enumerate(names) if name in found]
    vectors = np.stack([found[names[i]] for i in rows]) if rows else np.zeros((0, 0), np.float32)
    return Embedded(
        np.array(rows, np.int64), vectors.astype(np.float32),
        Counter(reasons.get(name, "unknown") for name in names if name not in found),
        computed, ledger.costs(run).spent,
    )  # fmt: skip
