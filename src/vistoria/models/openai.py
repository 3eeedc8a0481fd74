"""`openai`: any server that speaks OpenAI's chat completions: vLLM, llama.cpp, Ollama, LM Studio …

`openai:MODEL`; `base_url` or OPENAI_BASE_URL says where (with its `/v1`), `api_key` or
OPENAI_API_KEY opens. The task's JSON Schema goes along as a strict `response_format`; a server
that refuses that is asked by the prompt alone from then on, which says the same in words.
"""

import json
import logging
import os
import re
from binascii import b2a_base64
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import Field as Setting

from vistoria.errors import ConfigError, ObservationError
from vistoria.models._http import Answer, Http, base_url
from vistoria.models._openai_answers import Refusal, openai_error, read_refusal, read_reply
from vistoria.options import Options, read_options
from vistoria.records import Capabilities, Charge, ImageForm, Picture, Reply
from vistoria.task import Task

_OPENAI = "https://api.openai.com/v1"
_MIME_TYPES = frozenset({"image/jpeg", "image/png", "image/webp"})
_MAX_BYTES = 20_000_000
_NO_SCHEMA = re.compile("response_format|json_schema|guided|grammar", re.IGNORECASE)

_log = logging.getLogger(__name__)


class OpenAIOptions(Options):
    """Options of `openai`."""

    base_url: str | None = None
    api_key: Annotated[str | None, Setting(repr=False)] = None
    by_reference: bool = False
    """Send http(s) addresses instead of pictures: the server must reach them."""
    detail: Literal["auto", "low", "high"] | None = None
    """How closely OpenAI's own models look."""
    temperature: Annotated[float, Setting(ge=0, le=2)] | Literal["default"] = 0.0
    """ "default" for models that take none."""
    max_output_tokens: Annotated[int, Setting(ge=1)] = 2048
    """An answer that hits it fails as truncated."""
    timeout: Annotated[float, Setting(gt=0)] = 120.0
    """Seconds for one call."""


def open_model(name: str, options: Mapping[str, Any]) -> "OpenAI":
    """The model; raises UnknownName or ConfigError."""
    if not name:
        raise ConfigError("`openai` needs a model that the server knows, as in 'openai:qwen3-vl'")
    return OpenAI(name, read_options(OpenAIOptions, options, "openai"))


def listing() -> tuple[str, ...]:
    """The form of a name: only the server knows its models."""
    return ("openai:MODEL",)


class OpenAI:
    """Asks a server about one picture per call."""

    def __init__(self, name: str, options: OpenAIOptions) -> None:
        """`name`: of a model, as the server knows it."""
        self.name = f"openai:{name}"
        self._model = name
        self.settings: Mapping[str, Any] = {
            "temperature": options.temperature,
            "detail": options.detail,
        }
        schemes = frozenset({"http", "https"}) if options.by_reference else frozenset()
        given = options.base_url or os.environ.get("OPENAI_BASE_URL") or _OPENAI
        base = base_url(given, "option base_url" if options.base_url else "OPENAI_BASE_URL")
        self.capabilities = Capabilities(
            image=ImageForm(
                kind="encoded",
                by_reference=schemes,
                mime_types=_MIME_TYPES,
                max_bytes=_MAX_BYTES,
            ),
            service=f"{self.name} {base}",
            charge=Charge(output_tokens=options.max_output_tokens),
        )
        key = options.api_key or os.environ.get("OPENAI_API_KEY")
        if not key and base == _OPENAI:
            raise ConfigError(
                "OpenAI needs a key; for a server of your own set base_url",
                looked_at=("option api_key", "OPENAI_API_KEY", "option base_url, OPENAI_BASE_URL"),
            )
        self._url = f"{base}/chat/completions"
        self._headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._request = _Request(name, options, new_limit=base == _OPENAI)
        self._http = Http(timeout=options.timeout)

    def unanswerable(self, task: Task) -> tuple[str, ...]:  # noqa: ARG002 - the seam's signature
        """Nothing: it answers every kind of field."""
        return ()

    async def ask(
        self, task: Task, pictures: Sequence[Picture], *, correction: str | None = None
    ) -> Sequence[Reply | ObservationError]:
        """One outcome for the one picture; see `vistoria.models.Model`."""
        (picture,) = pictures
        while True:
            form = self._request.form
            answer = await self._post(task, picture, correction)
            if answer.status == 200:
                return (read_reply(answer.body, self._model),)
            refusal = read_refusal(answer)
            if not self._request.give_way(refusal, form):
                break
        error = openai_error(answer, refusal, self._model)
        if isinstance(error, ObservationError):
            return (error,)
        raise error

    async def _post(self, task: Task, picture: Picture, correction: str | None) -> Answer:
        body = self._request.encoded(task, picture, correction)
        return await self._http.post(self._url, self._headers, body)

    async def aclose(self) -> None:
        """Close connections."""
        await self._http.aclose()


_Form = tuple[bool, str]
"""Whether a response_format goes along, and what the limit of the answer is called."""


class _Request:
    """Encodes requests in the form that the server takes, found out by its refusals."""

    def __init__(self, model: str, options: OpenAIOptions, *, new_limit: bool) -> None:
        self.form: _Form = (True, "max_completion_tokens" if new_limit else "max_tokens")
        self._fixed: dict[str, Any] = {"model": model}
        if options.temperature != "default":
            self._fixed["temperature"] = options.temperature
        self._limit = options.max_output_tokens
        self._detail = f',"detail":"{options.detail}"' if options.detail else ""
        self._encoded: tuple[Task, _Form, bytes] | None = None

    def give_way(self, refusal: Refusal, form: _Form) -> bool:
        """Whether asking again in another form may do; `form` is the one that was refused."""
        if refusal.status not in (400, 422, 501):
            return False
        if form != self.form:
            return True  # a call at the same time found it out
        structured, limit = form
        said = f"{refusal.param} {refusal.said}"
        if structured and _NO_SCHEMA.search(said):
            _log.warning("%s; asking by the prompt alone from now on", refusal.said)
            self.form = (False, limit)
        elif limit == "max_tokens" and "max_completion_tokens" in said:
            self.form = (structured, "max_completion_tokens")
        else:
            return False
        return True

    def encoded(self, task: Task, picture: Picture, correction: str | None) -> bytes:
        """The body for one picture, by value if its bytes are here, else by reference."""
        if picture.data is None:
            url = json.dumps(picture.uri)[1:-1].encode()
        else:
            mime_type = (picture.mime_type or "image/jpeg").encode()
            url = b"data:%s;base64,%s" % (mime_type, b2a_base64(picture.data, newline=False))
        parts = [self._head(task), url, b'"', self._detail.encode(), b"}}"]
        if correction is not None:
            parts += (b",", json.dumps({"type": "text", "text": correction}).encode())
        parts.append(b"]}]}")
        return b"".join(parts)

    def _head(self, task: Task) -> bytes:
        """Everything up to the picture's address."""
        known = self._encoded
        if known and known[0] is task and known[1] == self.form:
            return known[2]
        structured, limit = self.form
        fixed = {**self._fixed, limit: self._limit}
        if structured:
            schema = {"name": "answer", "strict": True, "schema": task.json_schema}
            fixed["response_format"] = {"type": "json_schema", "json_schema": schema}
        content: list[dict[str, Any]] = [{"type": "text", "text": task.prompt}]
        fixed["messages"] = [{"role": "user", "content": content}]
        encoded = json.dumps(fixed, ensure_ascii=False, separators=(",", ":"))
        head = encoded.removesuffix("]}]}").encode() + b',{"type":"image_url","image_url":{"url":"'
        self._encoded = (task, self.form, head)
        return head
