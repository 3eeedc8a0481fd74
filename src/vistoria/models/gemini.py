"""`gemini`: Gemini by REST, on Vertex AI or the Developer API.

A thin client, because google-genai costs ten times the processor time per call: what is the same
for all pictures of a task is encoded once, and each picture is spliced in.

Which service is called follows google-genai: `vertex`, GOOGLE_GENAI_USE_ENTERPRISE or
GOOGLE_GENAI_USE_VERTEXAI, then GEMINI_API_KEY (Developer API), then GOOGLE_CLOUD_PROJECT (Vertex
AI with Application Default Credentials; needs the extra `gemini`). GOOGLE_CLOUD_LOCATION,
GOOGLE_VERTEX_BASE_URL and GOOGLE_GEMINI_BASE_URL are honoured. On Vertex AI, `gs://` images go by
reference: their bytes never come here.

By default a picture is sampled at about 280 tokens (`media_resolution` "low" of Gemini 3), which
suits crops of one asset; take "medium" or "high" for full frames and small print. Thinking is as
little as the model allows. What differs between models is in `_gemini.toml`.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Field as Setting

from vistoria.errors import ConfigError, ObservationError
from vistoria.models import Embedding
from vistoria.models._batch import Batches
from vistoria.models._gemini_batch import GeminiBatches
from vistoria.models._gemini_call import call
from vistoria.models._gemini_embedding import open_gemini_embedding
from vistoria.models._gemini_family import (
    Family,
    batch_limits,
    default_model,
    embedding_facts,
    family,
    listed_models,
)
from vistoria.models._gemini_reply import read_reply
from vistoria.models._gemini_request import Request
from vistoria.models._gemini_service import Access, find_service, shared_options
from vistoria.models._gemini_staging import Files, Staging
from vistoria.models._gemini_tables import Tables
from vistoria.models._gemini_tuned import tuned_model
from vistoria.models._http import Http
from vistoria.options import Options, read_options
from vistoria.records import BatchLimits, Capabilities, Charge, ImageForm, Picture, Reply
from vistoria.task import Task

__all__ = [
    "Gemini",
    "GeminiOptions",
    "embeddings",
    "listing",
    "open_embedding",
    "open_model",
    "shared_options",
]

_Level: TypeAlias = Literal["minimal", "low", "medium", "high"]

_MIME_TYPES = frozenset({"image/jpeg", "image/png", "image/webp", "image/heic", "image/heif"})
_INLINE_BYTES = 7_000_000
_LABEL = re.compile(r"[^\W\d_][\w-]{0,62}")
_LABEL_VALUE = re.compile(r"[\w-]{0,63}")


class GeminiOptions(Options):
    """Options of `gemini`. None means: by the environment, or what suits the model."""

    vertex: bool | None = None
    project: str | None = None
    location: str | None = None
    api_key: Annotated[str | None, Setting(repr=False)] = None
    base_url: str | None = None
    impersonate: str | None = None
    """A service account to act as; Vertex AI only."""
    media_resolution: Literal["low", "medium", "high"] | None = None
    """Tokens per picture: 280, 560 or 1,120 for Gemini 3."""
    thinking: Annotated[int, Setting(ge=-1)] | _Level | Literal["default"] | None = None
    """A level (Gemini 3), a budget of tokens (2.5), or "default": what the model does unasked."""
    temperature: Annotated[float | None, Setting(ge=0, le=2)] = None
    max_output_tokens: Annotated[int, Setting(ge=1)] = 2048
    """Thinking included. An answer that hits it fails as truncated."""
    labels: dict[str, str] = Setting(default_factory=dict)
    """For the bill; Vertex AI only."""
    staging: str | None = None
    """For the rows of batch jobs: `gs://bucket/folder`, or a data set `bq://project.dataset`."""
    keep_staging: bool = False
    """Leave those there when a job is done."""
    batch_rows: Annotated[int | None, Setting(ge=1)] = None
    """Rows of one batch job, at the most; None: as many as Google takes."""
    timeout: Annotated[float, Setting(gt=0)] = 120.0
    """Seconds for one call."""


def open_model(name: str, options: Mapping[str, Any]) -> "Gemini":
    """The model; raises UnknownName, ConfigError or MissingExtra."""
    if name in embedding_facts():
        raise ConfigError(
            f"{name} turns pictures into numbers and answers nothing by itself; teach it with "
            f"`vistoria train --backbone {name}`, and run --model probe:student.onnx"
        )
    return Gemini(name or default_model(), read_options(GeminiOptions, options, "gemini"))


def listing() -> tuple[str, ...]:
    """Models that suit the labelling of pictures, the cheapest first; others may be named too."""
    return tuple(f"gemini:{name}" for name in listed_models())


def open_embedding(name: str, options: Mapping[str, Any]) -> Embedding:
    """An embedding model; raises UnknownName, ConfigError or MissingExtra."""
    return open_gemini_embedding(name, options)


def embeddings() -> tuple[str, ...]:
    """The embedding models that take pictures."""
    return tuple(f"gemini:{name}" for name in embedding_facts())


class Gemini:
    """Asks Gemini about one picture per call."""

    def __init__(self, name: str, options: GeminiOptions) -> None:
        """`name`: a model's name, its resource on Vertex AI, or that of a tuned model."""
        self.name = f"gemini:{name}"
        tuned = tuned_model(name)
        self._plain = tuned.base if tuned else name.rsplit("/", 1)[-1]
        access = options.model_dump(include=set(Access.__dataclass_fields__))
        self._service = find_service(tuned.endpoint if tuned else name, Access(**access))
        if options.labels and not self._service.by_reference:
            raise ConfigError("labels are for the bill of Vertex AI; the Developer API has none")
        _check_labels(options.labels)
        self._options = options
        known = family(self._plain)
        thinking = known.thinking if options.thinking is None else options.thinking
        self.settings: Mapping[str, Any] = {
            "media_resolution": options.media_resolution or known.media_resolution,
            "thinking": "default" if thinking is None else thinking,
            "temperature": _temperature(self._plain, known, options.temperature),
        }
        self.capabilities = Capabilities(
            image=ImageForm(
                kind="encoded",
                by_reference=self._service.by_reference,
                mime_types=_MIME_TYPES,
                max_bytes=_INLINE_BYTES,
            ),
            service=f"{self.name} {self._service.account}",
            charge=Charge(
                output_tokens=options.max_output_tokens,
                media_resolution=self.settings["media_resolution"],
                regional=self._service.regional,
            ),
            resolutions=("high", "medium", "low"),
            sign_in=self._service.sign_in,
            batch=_batch_limits(options.batch_rows) if self._service.batch and not tuned else None,
            billed_as=f"gemini:{tuned.base}" if tuned else "",
        )
        self._request = Request(self.settings, options.max_output_tokens, options.labels)
        self._http = Http(timeout=options.timeout)

    def unanswerable(self, task: Task) -> tuple[str, ...]:  # noqa: ARG002 - the seam's signature
        """Nothing: it answers every kind of field."""
        return ()

    async def ask(
        self, task: Task, pictures: Sequence[Picture], *, correction: str | None = None
    ) -> Sequence[Reply | ObservationError]:
        """One outcome for the one picture; see `vistoria.models.Model`."""
        (picture,) = pictures
        body = self._request.encoded(task, picture, correction)
        answer = await call(self._service, self._http, body, model=self._plain, picture=picture)
        if isinstance(answer, ObservationError):
            return (answer,)
        return (read_reply(answer, self._plain),)

    def batches(self) -> Batches:
        """Batch jobs of this model; raises ConfigError without the option `staging`."""
        staging, labels = self._options.staging, self._options.labels
        if staging is None:
            raise ConfigError(
                "batch jobs need a folder in Cloud Storage for their files, in the location where "
                'they run: set staging = "gs://bucket/folder" in [model], or '
                "-o staging=gs://bucket/folder"
            )
        place: Staging = (
            Tables(staging, self._options.project)
            if staging.startswith("bq:")
            else Files(staging, self._headers)
        )
        return GeminiBatches(
            self._service, self._http, self._request, place, labels,
            keep=self._options.keep_staging,
        )  # fmt: skip

    async def _headers(self) -> Mapping[str, str]:
        return (await self._service.target()).headers

    async def aclose(self) -> None:
        """Close connections."""
        await self._http.aclose()


def _temperature(name: str, known: Family, given: float | None) -> float | None:
    if given is not None and known.temperature_ignored:
        raise ConfigError(f"{name} ignores temperature; remove the option, or take another model")
    return known.temperature if given is None else given


def _batch_limits(rows: int | None) -> BatchLimits:
    known = batch_limits()
    return known if rows is None else replace(known, rows=min(rows, known.rows))


def _check_labels(labels: Mapping[str, str]) -> None:
    for key, value in labels.items():
        both = key + value
        if both != both.lower() or not _LABEL.fullmatch(key) or not _LABEL_VALUE.fullmatch(value):
            raise ConfigError(
                f"label {key!r} = {value!r}: keys begin with a letter; both have at most 63 "
                "lower-case letters, digits, _ and -"
            )
