"""The lines of a Gemini batch job: a request as it goes in, its result as it comes out.

On Vertex AI a line of results repeats its request and carries nothing else of ours: keys beside
the request are dropped, and a label per row is what Google advises against, since labels go to the
bill. So a row is known by what its request shows the model: the picture's address, or its bytes.
In a table of BigQuery a column of ours is passed through: there the key comes back.
"""

import json
import time
from base64 import b64decode
from collections.abc import Mapping
from datetime import datetime
from hashlib import md5
from typing import Any

from vistoria.errors import TransientError, VistoriaError
from vistoria.models._batch import BatchResult
from vistoria.models._gemini_reply import reply_of
from vistoria.models._google_errors import google_error
from vistoria.models._http import Answer
from vistoria.records import Picture, Reply


def mark_of(picture: Picture) -> int:
    """64 bits that name what a request about this picture carries."""
    return _mark(picture.uri.encode() if picture.data is None else picture.data)


def read_line(line: bytes, asked: str) -> BatchResult | None:
    """The result that a line of a file holds; None for a line that is none. `asked`: the model's
    name."""
    try:
        given = json.loads(line)
        uri, shown = _shown(given["request"])
    except (ValueError, LookupError, TypeError, AttributeError):
        return None
    return BatchResult(None, _mark(shown), outcome_of(given, asked, uri), _when(given))


def read_row(row: Mapping[str, Any], asked: str) -> BatchResult | None:
    """The same of a row of a table, which bears our key."""
    try:
        uri, _ = _shown(json.loads(row["request"]))
    except (ValueError, LookupError, TypeError, AttributeError):
        uri = ""
    key = row.get("key")
    return BatchResult(str(key), None, outcome_of(row, asked, uri), _when(row)) if key else None


def outcome_of(given: Mapping[str, Any], asked: str, uri: str) -> Reply | VistoriaError:
    """What became of a row: `status` is empty, or says why there is no `response`. `uri`: of its
    picture, if it went by reference."""
    response, status = given.get("response"), given.get("status") or ""
    try:
        response = json.loads(response) if isinstance(response, str) and response else response
        if response and (not status or "candidates" in response or "promptFeedback" in response):
            return reply_of(response, asked)
        return _refusal(str(status), asked, uri)
    except VistoriaError as error:
        return error
    except ValueError as error:
        said = f"Gemini's answer is cut or malformed: {error}"
        return TransientError(said, outcome_unknown=True)


def _refusal(status: str, asked: str, uri: str) -> VistoriaError:
    """From e.g. `Bad Request: {"error": {"code": 400, …}}`."""
    start = status.find("{")
    try:
        body = json.loads(status[start:]) if start >= 0 else {}
        code = int(body["error"]["code"])
    except (ValueError, LookupError, TypeError):
        return TransientError(f"the batch job has no answer: {status or 'no status'}")
    answer = Answer(code, {}, json.dumps(body).encode())
    return google_error(answer, model=asked, uri=uri, by_reference=bool(uri))


def _shown(request: Mapping[str, Any]) -> tuple[str, bytes]:
    """The picture's address, if it went by reference, and what tells it from others."""
    for content in request["contents"]:
        for part in content["parts"]:
            file = part.get("fileData") or part.get("file_data")
            if file:
                uri = str(file.get("fileUri") or file["file_uri"])
                return uri, uri.encode()
            inline = part.get("inlineData") or part.get("inline_data")
            if inline:
                text = inline["data"].translate(str.maketrans("-_", "+/"))
                return "", b64decode(text + "=" * (-len(text) % 4))
    raise LookupError("a request without a picture")


def _mark(shown: bytes) -> int:
    return int.from_bytes(md5(shown, usedforsecurity=False).digest()[:8], "big", signed=True)


def _when(given: Mapping[str, Any]) -> float:
    try:
        return datetime.fromisoformat(given["processed_time"]).timestamp()
    except (LookupError, ValueError, TypeError):
        return time.time()
