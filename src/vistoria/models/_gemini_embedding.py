"""Gemini's embedding models by REST, on Vertex AI or the Developer API.

One picture goes into each call: several parts of one content come back as one vector of them all,
and Vertex AI takes one content per call. On Vertex AI `gs://` pictures go by reference. Nothing but
the picture is sent, so that the numbers do not depend on a task.
"""

import json
from collections.abc import Mapping
from typing import Annotated, Any

import numpy as np
from pydantic import Field as Setting

from vistoria.errors import ConfigError, ObservationError, TransientError, UnknownName, UserError
from vistoria.models._embedding import Vector
from vistoria.models._gemini_call import call
from vistoria.models._gemini_family import EmbeddingFacts, embedding_facts
from vistoria.models._gemini_request import image_part
from vistoria.models._gemini_service import Access, find_service
from vistoria.models._http import Http
from vistoria.options import Options, read_options
from vistoria.records import Capabilities, Charge, ImageForm, Picture, Usage

__all__ = ["EmbeddingOptions", "GeminiEmbedding", "open_gemini_embedding"]

_INLINE_BYTES = 7_000_000


class EmbeddingOptions(Options):
    """Options of an embedding model. None means: by the environment, or what suits the model."""

    vertex: bool | None = None
    project: str | None = None
    location: str | None = None
    api_key: Annotated[str | None, Setting(repr=False)] = None
    base_url: str | None = None
    impersonate: str | None = None
    """A service account to act as; Vertex AI only."""
    dimensions: int | None = None
    """Numbers per picture."""
    timeout: Annotated[float, Setting(gt=0)] = 120.0
    """Seconds for one call."""


def open_gemini_embedding(name: str, options: Mapping[str, Any]) -> "GeminiEmbedding":
    """The model; raises UnknownName, ConfigError or MissingExtra."""
    known = embedding_facts()
    if name not in known:
        raise UnknownName("embedding model of gemini", name, tuple(known))
    return GeminiEmbedding(known[name], read_options(EmbeddingOptions, options, "gemini"))


class GeminiEmbedding:
    """Asks for the numbers of one picture per call."""

    def __init__(self, facts: EmbeddingFacts, options: EmbeddingOptions) -> None:
        """Raises ConfigError where the model has not so many numbers, or cannot be reached."""
        dimensions = facts.usual if options.dimensions is None else options.dimensions
        if not facts.least <= dimensions <= facts.most:
            raise ConfigError(
                f"{facts.name} gives {facts.least} to {facts.most:,} numbers per picture, not "
                f"{dimensions:,}; set dimensions to 768, 1536 or 3072"
            )
        self.name, self.version = f"gemini:{facts.name}", facts.name
        self.dimensions = dimensions
        self.settings: Mapping[str, Any] = {"dimensions": dimensions}
        access = options.model_dump(include=set(Access.__dataclass_fields__))
        self._service = find_service(facts.name, Access(**access), "embedContent")
        self.capabilities = Capabilities(
            image=ImageForm(
                kind="encoded",
                by_reference=self._service.by_reference,
                mime_types=frozenset({"image/jpeg", "image/png"}),
                max_bytes=_INLINE_BYTES,
            ),
            service=f"{self.name} {self._service.account}",
            charge=Charge(output_tokens=0, regional=self._service.regional, prompted=False),
            sign_in=self._service.sign_in,
        )
        wanted: dict[str, Any] = {"outputDimensionality": dimensions}
        if self._service.by_reference:  # Vertex AI
            wanted = {"embedContentConfig": wanted}
        self._head = json.dumps(wanted).encode()[:-1] + b',"content":{"role":"user","parts":['
        self._http = Http(timeout=options.timeout)

    async def embed(self, picture: Picture) -> Vector | ObservationError:
        """The numbers of one picture; see `vistoria.models.Embedding`."""
        body = b"".join((self._head, *image_part(picture), b"]}}"))
        answer = await call(self._service, self._http, body, model=self.version, picture=picture)
        return answer if isinstance(answer, ObservationError) else self._read(answer)

    def _read(self, body: bytes) -> Vector:
        try:
            given = json.loads(body)
            values = np.array(given["embedding"]["values"], np.float32)
            billed = Usage(
                input_tokens=(given.get("usageMetadata") or {}).get("promptTokenCount") or 0
            )
            sound = values.ndim == 1 and bool(np.isfinite(values).all())
        except (ValueError, TypeError, AttributeError, LookupError) as error:
            raise _malformed(str(error)) from None
        if not sound:
            raise _malformed("it holds no vector of numbers")
        if len(values) != self.dimensions:
            raise UserError(
                f"{self.name} gave {len(values):,} numbers where {self.dimensions:,} were asked "
                "for; choose other dimensions"
            )
        return Vector(values, billed)

    async def aclose(self) -> None:
        """Close connections."""
        await self._http.aclose()


def _malformed(why: str) -> TransientError:
    return TransientError(f"Gemini's answer is cut or malformed: {why}", outcome_unknown=True)
