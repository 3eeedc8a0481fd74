"""Gemini by REST, as Vertex AI and as the Developer API: `python -m tests.servers.gemini`.

Faults, besides "reset", "cut", "slow" and "proxy": Google's error bodies by their names in
`_google_bodies`, and answers by their names in `_ODD` and `_odd_parts`; "malformed"; "short": an
embedding of half the dimensions.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

from aiohttp import web

from tests.servers._gemini_check import read_call, refused
from tests.servers._gemini_embed import MODELS as EMBEDDING_MODELS
from tests.servers._gemini_embed import Look, embedding, read_embed_call
from tests.servers._google_bodies import BODIES, body
from tests.servers._model import Behaviour, Call, Fault, ModelServer, RefusedRequest, run_alone
from tests.servers.token import TokenServer

_METHOD = r":(?P<method>generateContent|embedContent)"
_DEVELOPER = re.compile(r"/v1(?:alpha|beta)?/models/(?P<model>[^/:]+)" + _METHOD)
_VERTEX = re.compile(
    r"/v1(?:beta1)?/(?:projects/(?P<project>[^/]+)/locations/(?P<location>[^/]+)/)?"
    r"(?:publishers/google/models|endpoints)/(?P<model>[^/:]+)" + _METHOD
)
KEY = "AIza-a-key"
MODELS = frozenset(
    {
        "gemini-2.5-flash",
        "gemini-2.5-pro",
        "gemini-3.1-flash-lite",
        "gemini-3.5-flash-lite",
        "gemini-3.8-flash",
        "1234567890",  # a tuned model's endpoint
    }
)

_RATING = {"category": "HARM_CATEGORY_SEXUALLY_EXPLICIT", "probability": "HIGH", "blocked": True}
_ODD: Mapping[str, dict[str, Any]] = {
    "no_candidates": {},
    "null_candidates": {"candidates": None},
    "empty": {"candidates": [{"content": {"role": "model"}, "finishReason": "STOP"}]},
    "other": {"candidates": [{"finishReason": "OTHER"}]},
    "safety": {"candidates": [{"finishReason": "SAFETY", "safetyRatings": [_RATING]}]},
    "prohibited": {"candidates": [{"finishReason": "PROHIBITED_CONTENT"}]},
    "recitation": {"candidates": [{"finishReason": "RECITATION"}]},
    "spii": {"candidates": [{"finishReason": "SPII"}]},
    "blocked": {"promptFeedback": {"blockReason": "SAFETY", "safetyRatings": [_RATING]}},
    "image_safety": {"promptFeedback": {"blockReason": "IMAGE_SAFETY"}},
}


class GeminiServer(ModelServer):
    """Takes `KEY`, and on Vertex AI's paths the tokens of a TokenServer.

    `version`: the model version that answers claim; None for the model asked for. `objects`: what
    is behind gs:// addresses, for embeddings; `metered`: embeddings tell what they were billed.
    """

    def __init__(
        self,
        behaviour: Behaviour | None = None,
        *,
        tokens: TokenServer | None = None,
        record: bool = True,
        port: int = 0,
    ) -> None:
        """Without `tokens` any token is taken."""
        super().__init__(behaviour, record=record, port=port)
        self.version: str | None = None
        self.objects: Look = lambda uri: None
        self.metered = True
        self._tokens = tokens

    def read(self, request: web.Request, body: Any) -> Call:
        vertex = "/projects/" in request.path or "/publishers/" in request.path
        path = (_VERTEX if vertex else _DEVELOPER).fullmatch(request.path)
        if path is None:
            raise RefusedRequest(web.Response(status=404, text="<html>Not Found</html>"))
        self._check_sign_in(request, vertex=vertex)
        model, method = path["model"], path["method"]
        if model not in (MODELS if method == "generateContent" else EMBEDDING_MODELS):
            raise RefusedRequest(refused(*_unknown(request.path, model, method, vertex=vertex)))
        if method == "embedContent":
            return read_embed_call(body, model, self.objects, vertex=vertex)
        return read_call(body, model, vertex=vertex)

    def _check_sign_in(self, request: web.Request, *, vertex: bool) -> None:
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        key = request.headers.get("x-goog-api-key")
        if key is not None or not vertex:
            if key != KEY:
                raise RefusedRequest(refused(*BODIES["bad_key" if key else "no_key"]))
        elif not token or (self._tokens and token not in self._tokens.valid):
            raise RefusedRequest(refused(*BODIES["token_expired"]))

    def reply(self, call: Call, text: str) -> web.Response:
        if "dimensions" in call.context:
            return self._embedded(call)
        return self._candidate(call, [{"text": text}])

    def _embedded(self, call: Call) -> web.Response:
        answer: dict[str, Any] = {"embedding": {"values": embedding(call)}}
        tokens = cast("int", call.context["input_tokens"])
        self.tokens.update(input=tokens)
        self.billed[call.image] += 1
        if self.metered:
            details = [{"modality": "IMAGE", "tokenCount": tokens}]
            answer["usageMetadata"] = {
                "promptTokenCount": tokens, "totalTokenCount": tokens,
                "promptTokensDetails": details,
            }  # fmt: skip
        return web.json_response(answer)

    def too_fast(self, fault: Fault) -> web.Response:
        return refused(*BODIES["exhausted"], retry_after=fault.retry_after)

    def misbehave(self, fault: Fault, call: Call) -> web.Response:
        if fault.kind in BODIES:
            return refused(*BODIES[fault.kind], retry_after=fault.retry_after)
        if fault.kind in _ODD:
            return self._bill(call, 0, _ODD[fault.kind], answered=False)
        if fault.kind == "short":
            half = {**call.context, "dimensions": call.context["dimensions"] // 2}
            return self._embedded(replace(call, context=half))
        if fault.kind == "malformed":
            return web.json_response({"candidates": "none"})
        text = self.text(call)
        parts = _odd_parts(text)[fault.kind]
        finish = "MAX_TOKENS" if fault.kind == "max_tokens" else "STOP"
        return self._candidate(call, parts, finish=finish, thoughts=33 * (len(parts) > 1))

    def _candidate(
        self, call: Call, parts: list[dict[str, Any]], *, finish: str = "STOP", thoughts: int = 0
    ) -> web.Response:
        tokens = sum(len(part["text"]) for part in parts) // 4
        content = {"role": "model", "parts": parts}
        answer = {"candidates": [{"content": content, "finishReason": finish, "avgLogprobs": -0.1}]}
        return self._bill(call, tokens, answer, thoughts=thoughts)

    def _bill(
        self,
        call: Call,
        tokens: int,
        answer: Mapping[str, Any],
        *,
        thoughts: int = 0,
        answered: bool = True,
    ) -> web.Response:
        given = cast("int", call.context["input_tokens"])
        self.tokens.update(input=given, output=tokens + thoughts)
        if answered:
            self.billed[call.image] += 1
        usage = {
            "promptTokenCount": given,
            "totalTokenCount": given + tokens + thoughts,
            "trafficType": "ON_DEMAND",
        }
        if tokens:
            usage["candidatesTokenCount"] = tokens
        if thoughts:
            usage |= {"thoughtsTokenCount": thoughts, "cachedContentTokenCount": 7}
        version = self.version or call.context["model"]
        return web.json_response(
            {**answer, "usageMetadata": usage, "modelVersion": version, "responseId": "1"}
        )


def _odd_parts(text: str) -> dict[str, list[dict[str, Any]]]:
    return {
        "not_json": [{"text": "The pole is made of wood."}],
        "fenced": [{"text": f"```json\n{text}\n```"}],
        "thoughts": [
            {"text": "Let me look.", "thought": True},
            {"text": text[:5]},
            {"text": text[5:]},
        ],
        "max_tokens": [{"text": text[:9]}],
    }


def _unknown(path: str, model: str, method: str, *, vertex: bool) -> tuple[int, dict[str, Any]]:
    if vertex:
        resource = path.split("/", 2)[2].removesuffix(f":{method}")
        message = (
            f"Publisher Model `{resource}` was not found or your project does not have access to "
            "it. Please ensure you are using a valid model version. For more information, see: "
            "https://cloud.google.com/vertex-ai/generative-ai/docs/learn/model-versions"
        )
    else:
        message = (
            f"models/{model} is not found for API version v1beta, or is not supported for "
            f"{method}. Call ListModels to see the list of available models."
        )
    return body(404, "NOT_FOUND", message)


if __name__ == "__main__":
    run_alone(lambda how, port: GeminiServer(how, record=False, port=port), str(__doc__))
