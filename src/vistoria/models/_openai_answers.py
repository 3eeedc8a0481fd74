"""Reads what an OpenAI-compatible server answered, and what its refusals mean."""

import json
import re
from dataclasses import dataclass
from typing import Any

from vistoria.errors import (
    AccessDenied,
    AnswerEmpty,
    AnswerTruncated,
    ConfigError,
    ImageRefused,
    ObservationError,
    TransientError,
    UserError,
    VistoriaError,
)
from vistoria.models._http import Answer, common_error, retry_after
from vistoria.records import Reply, Usage

_FILTERED = re.compile(r"content_(policy|filter)|safety system|moderation", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """An error answer; `code` and `param` are OpenAI's, and empty elsewhere."""

    status: int
    said: str
    code: str
    param: str


def read_refusal(answer: Answer) -> Refusal:
    """What an error answer says; servers differ in its form."""
    text = answer.body[:300].decode("utf-8", "replace")
    error: Any = {}
    try:
        given = json.loads(answer.body)
        # {"error": {…}} of OpenAI, {"error": "…"} of Ollama, {"message": …} of older vLLM,
        # {"detail": …} of FastAPI
        error = given.get("error", given) if isinstance(given, dict) else {}
        if not isinstance(error, dict):
            error = {"message": error}
    except ValueError:
        pass
    said = error.get("message") or error.get("detail") or f"HTTP {answer.status} {text}"
    said = " ".join(str(said).split())
    return Refusal(
        status=answer.status,
        said=said if len(said) <= 600 else said[:599] + "…",
        code=str(error.get("code") or error.get("type") or ""),
        param=str(error.get("param") or ""),
    )


def openai_error(answer: Answer, refusal: Refusal, model: str) -> VistoriaError:
    """The error that a refusal stands for."""
    status, said = answer.status, f"the server: {refusal.said}"
    if status in (401, 403):
        return AccessDenied(f"{said}\n  set OPENAI_API_KEY or the option api_key")
    if refusal.code in ("insufficient_quota", "billing_hard_limit_reached"):
        return AccessDenied(f"{said}\n  no wait will help: add credit, or use another key")
    found: VistoriaError | None = None
    if status == 404:
        found = _not_found(refusal, model)
    elif status in (400, 422):
        found = _bad_request(refusal, model)
    return found or common_error(answer, said, retry_after(answer.headers))


def _bad_request(refusal: Refusal, model: str) -> VistoriaError | None:
    if _FILTERED.search(f"{refusal.code} {refusal.said}"):
        return ImageRefused(f"the server: {refusal.said}")
    if refusal.param == "temperature" or "'temperature'" in refusal.said:
        return ConfigError(
            f"{model} takes no such temperature; set temperature = 'default' ({refusal.said})"
        )
    if refusal.code in ("model_not_found", "invalid_model"):
        return UserError(f"the server knows no model {model!r}: {refusal.said}")
    return None


def _not_found(refusal: Refusal, model: str) -> UserError:
    if "model" in f"{refusal.code} {refusal.said}".lower():
        return UserError(f"the server knows no model {model!r}: {refusal.said}")
    return ConfigError(
        f"there are no chat completions at that address; base_url often ends in /v1 "
        f"({refusal.said})"
    )


def read_reply(body: bytes, asked: str) -> Reply | ObservationError:
    """The reply, or why this picture has none; raises TransientError if the next may be better."""
    try:
        given = json.loads(body)
        usage = _usage(given.get("usage") or {})
        outcome = _outcome(given)
    except (ValueError, TypeError, AttributeError, LookupError) as error:
        said = f"the server's answer is cut or malformed: {error!r}"
        raise TransientError(said, outcome_unknown=True) from None
    if isinstance(outcome, str):
        return Reply(answer=outcome, model_version=given.get("model") or asked, usage=usage)
    outcome.usage = usage
    if isinstance(outcome, ObservationError):
        return outcome
    raise outcome


def _usage(given: dict[str, Any]) -> Usage:
    thinking = (given.get("completion_tokens_details") or {}).get("reasoning_tokens") or 0
    return Usage(
        input_tokens=given.get("prompt_tokens") or 0,
        output_tokens=(given.get("completion_tokens") or 0) - thinking,
        thinking_tokens=thinking,
        cached_tokens=(given.get("prompt_tokens_details") or {}).get("cached_tokens") or 0,
    )


def _outcome(given: dict[str, Any]) -> str | VistoriaError:
    choice = given["choices"][0]
    message, reason = choice["message"], choice.get("finish_reason")
    if refused := message.get("refusal"):
        return ImageRefused(f"the model refused: {refused}")
    if reason == "content_filter":
        return ImageRefused("the server's content filter refused the picture or its answer")
    if reason == "length":
        return AnswerTruncated("the answer hit max_output_tokens; thinking counts towards it")
    text = message.get("content") or ""
    if text.strip():
        return str(text)
    return AnswerEmpty(f"the model answered nothing (finish_reason {reason!r})")
