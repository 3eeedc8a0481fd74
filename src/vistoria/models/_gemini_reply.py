"""Reads what Gemini answered (HTTP 200): an answer, a refusal, or nothing."""

import json
from typing import Any

from vistoria.errors import (
    AnswerEmpty,
    AnswerTruncated,
    ImageRefused,
    ObservationError,
    TransientError,
    VistoriaError,
)
from vistoria.records import Reply, Usage

_REFUSALS = frozenset(
    {
        "SAFETY",
        "PROHIBITED_CONTENT",
        "BLOCKLIST",
        "SPII",
        "RECITATION",
        "MODEL_ARMOR",
        "IMAGE_SAFETY",
        "IMAGE_PROHIBITED_CONTENT",
        "IMAGE_RECITATION",
    }
)
_PASSING = frozenset({"", "STOP", "FINISH_REASON_UNSPECIFIED", "MALFORMED_RESPONSE"})


def read_reply(body: bytes, asked: str) -> Reply | ObservationError:
    """The reply, or why this picture has none; raises TransientError if the next may be better.

    `asked`: the model's name, for answers that don't tell their version.
    """
    try:
        given = json.loads(body)
    except ValueError as error:
        raise _malformed(error) from None
    return reply_of(given, asked)


def reply_of(given: Any, asked: str) -> Reply | ObservationError:
    """The same of a response that has been read from JSON."""
    try:
        usage = _usage(given.get("usageMetadata") or {})
        outcome = _outcome(given)
    except (ValueError, TypeError, AttributeError, LookupError) as error:
        raise _malformed(error) from None
    if isinstance(outcome, str):
        version = given.get("modelVersion") or asked
        return Reply(answer=outcome, model_version=version, usage=usage)
    outcome.usage = usage
    if isinstance(outcome, ObservationError):
        return outcome
    raise outcome


def _malformed(error: Exception) -> TransientError:
    return TransientError(f"Gemini's answer is cut or malformed: {error}", outcome_unknown=True)


def _usage(given: dict[str, Any]) -> Usage:
    return Usage(
        input_tokens=given.get("promptTokenCount") or 0,
        output_tokens=given.get("candidatesTokenCount") or 0,
        thinking_tokens=given.get("thoughtsTokenCount") or 0,
        cached_tokens=given.get("cachedContentTokenCount") or 0,
    )


def _outcome(given: dict[str, Any]) -> str | VistoriaError:
    candidates = given.get("candidates")
    if not candidates:
        feedback = given.get("promptFeedback") or {}
        if blocked := feedback.get("blockReason"):
            return _refused(blocked, feedback.get("blockReasonMessage"))
        # Neither answered nor refused: seen under load, and cured by asking again.
        return TransientError("Gemini answered without candidates")
    candidate = candidates[0]
    reason = candidate.get("finishReason") or ""
    if reason in _REFUSALS:
        return _refused(reason, candidate.get("finishMessage"))
    if reason == "MAX_TOKENS":
        return AnswerTruncated("the answer hit max_output_tokens; thinking counts towards it")
    parts = (candidate.get("content") or {}).get("parts") or ()
    text = "".join(part["text"] for part in parts if "text" in part and not part.get("thought"))
    return text if text.strip() else _empty(reason)


def _refused(reason: str, said: str | None) -> ImageRefused:
    return ImageRefused(f"Gemini refused: {reason} {said or ''}".rstrip())


def _empty(reason: str) -> VistoriaError:
    if reason in _PASSING:
        return TransientError("Gemini answered an empty text")  # as without candidates
    return AnswerEmpty(f"Gemini answered nothing: {reason}")
