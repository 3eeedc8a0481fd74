"""OpenAI's chat completions, as local servers speak them: `python -m tests.servers.openai`.

Faults, besides "reset", "cut", "slow" and "proxy": error bodies and odd answers by their names
below.
"""

import base64
from collections.abc import Mapping
from typing import Any, NoReturn

from aiohttp import web

from tests.servers._model import (
    Behaviour,
    Call,
    Fault,
    ModelServer,
    RefusedRequest,
    image_key,
    run_alone,
)

MODEL = "qwen3-vl"
KEY = "sk-a-key"

_Body = tuple[int, dict[str, Any]]


def _error(status: int, message: str, code: str | None = None, param: str | None = None) -> _Body:
    error = {"message": message, "type": "invalid_request_error", "param": param, "code": code}
    return status, {"error": error}


_BODIES: Mapping[str, _Body] = {
    "bad_image": _error(400, "You uploaded an unsupported image.", "invalid_image_format"),
    "policy": _error(
        400, "Your request was rejected by our safety system.", "content_policy_violation"
    ),
    "forbidden": _error(403, "You are not allowed to sample from this model."),
    "no_credit": _error(429, "You exceeded your current quota.", "insufficient_quota"),
    "limit": _error(429, "Rate limit reached for requests.", "rate_limit_exceeded"),
    "internal": _error(500, "The server had an error while processing your request."),
    "too_large": (413, {"detail": "Request Entity Too Large"}),
    "ollama": (500, {"error": "model runner has unexpectedly stopped"}),
}
_ODD: Mapping[str, dict[str, Any]] = {
    "not_json": {"message": {"content": "It is a wooden pole."}},
    "length": {"message": {"content": '{"asse'}, "finish_reason": "length"},
    "filter": {"message": {"content": None}, "finish_reason": "content_filter"},
    "refusal": {"message": {"content": None, "refusal": "I can't help with that."}},
    "empty": {"message": {"content": ""}},
    "choiceless": {},
}


class OpenAIServer(ModelServer):
    """Takes `KEY` and knows `MODEL`.

    `schemas`: takes response_format. `new_limit`: wants max_completion_tokens. `cold`: takes no
    temperature but 1.
    """

    def __init__(
        self, behaviour: Behaviour | None = None, *, record: bool = True, port: int = 0
    ) -> None:
        """As any ModelServer."""
        super().__init__(behaviour, record=record, port=port)
        self.schemas = True
        self.new_limit = False
        self.cold = False

    def read(self, request: web.Request, body: Any) -> Call:
        if request.path != "/v1/chat/completions":
            raise RefusedRequest(web.json_response({"detail": "Not Found"}, status=404))
        if request.headers.get("Authorization") != f"Bearer {KEY}":
            _refuse(_error(401, "Incorrect API key provided.", "invalid_api_key"))
        assert isinstance(body, dict)
        if body["model"] != MODEL:
            message = f"The model `{body['model']}` does not exist."
            _refuse(_error(404, message, "model_not_found"))
        self._check(body)
        form = body.get("response_format")
        schema = form["json_schema"]["schema"] if form else self.fallback_schema
        image, text = "", []
        for part in body["messages"][0]["content"]:
            if part["type"] == "text":
                text.append(part["text"])
            else:
                image = _image(part["image_url"]["url"])
        tokens = len("".join(text)) // 4 + 300
        return Call(image=image, schema=schema, body=body, context={"input_tokens": tokens})

    fallback_schema: Mapping[str, Any] | None = None
    """What an answer follows when the request has no response_format."""

    def _check(self, body: Mapping[str, Any]) -> None:
        if not self.schemas and "response_format" in body:
            message = "response_format type 'json_schema' is not supported by this server."
            _refuse(_error(400, message, param="response_format"))
        if self.new_limit and "max_tokens" in body:
            message = (
                "Unsupported parameter: 'max_tokens' is not supported with this model. Use "
                "'max_completion_tokens' instead."
            )
            _refuse(_error(400, message, "unsupported_parameter", "max_tokens"))
        if self.cold and body.get("temperature", 1) != 1:
            message = "Unsupported value: 'temperature' does not support 0.0 with this model."
            _refuse(_error(400, message, "unsupported_value", "temperature"))

    def reply(self, call: Call, text: str) -> web.Response:
        self.billed[call.image] += 1
        return self._choice(call, {"message": {"content": text}})

    def too_fast(self, fault: Fault) -> web.Response:
        return _response(_BODIES["limit"], fault)

    def misbehave(self, fault: Fault, call: Call) -> web.Response:
        if fault.kind in _BODIES:
            return _response(_BODIES[fault.kind], fault)
        return self._choice(call, _ODD[fault.kind])

    def _choice(self, call: Call, choice: dict[str, Any]) -> web.Response:
        text = (choice.get("message") or {}).get("content") or ""
        given, made = call.context["input_tokens"], len(text) // 4 + 5
        self.tokens.update(input=given, output=made)
        usage = {
            "prompt_tokens": given,
            "completion_tokens": made,
            "total_tokens": given + made,
            "prompt_tokens_details": {"cached_tokens": 11},
            "completion_tokens_details": {"reasoning_tokens": 5},
        }
        choices = [{"index": 0, "finish_reason": "stop", **choice}] if choice else []
        return web.json_response(
            {
                "object": "chat.completion",
                "model": "qwen3-vl-8b",
                "choices": choices,
                "usage": usage,
            }
        )


def _refuse(body: _Body) -> NoReturn:
    raise RefusedRequest(_response(body, None))


def _response(body: _Body, fault: Fault | None) -> web.Response:
    wait = fault.retry_after if fault else None
    headers = {"Retry-After": wait} if wait and not wait.endswith("ms") else {}
    if wait and wait.endswith("ms"):
        headers = {"retry-after-ms": wait.removesuffix("ms")}
    return web.json_response(body[1], status=body[0], headers=headers)


def _image(url: str) -> str:
    if url.startswith(("http://", "https://")):
        return url
    head, _, data = url.partition(",")
    if not head.startswith("data:image/") or not head.endswith(";base64"):
        _refuse(_error(400, "Invalid image URL.", "invalid_image_url"))
    return image_key(base64.b64decode(data, validate=True))


if __name__ == "__main__":
    run_alone(lambda how, port: OpenAIServer(how, record=False, port=port), str(__doc__))
