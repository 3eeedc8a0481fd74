"""The Gemini server itself: what a client of another make may send, and its hidden limit."""

import base64
import json
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from tests.contracts.models import jpeg
from tests.servers._model import Behaviour
from tests.servers.gemini import KEY, GeminiServer

PATH = "/v1beta/models/gemini-3.5-flash-lite:generateContent"


def posted(url: str, body: Any, path: str = PATH) -> tuple[int, dict[str, Any]]:
    headers = {"x-goog-api-key": KEY, "Content-Type": "application/json"}
    request = urllib.request.Request(url + path, json.dumps(body).encode(), headers)
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def request_with(image: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"contents": [{"parts": [{"text": "What is it?"}, image]}], **more}


def test_takes_snake_case_and_url_safe_base64() -> None:
    photo = jpeg(1) + b"\xfb\xff\xfe"
    data = base64.urlsafe_b64encode(photo).decode().rstrip("=")
    assert set(data) & set("-_")
    image = {"inline_data": {"mime_type": "image/jpeg", "data": data}}
    config = {"max_output_tokens": 9, "media_resolution": "MEDIA_RESOLUTION_LOW"}
    with GeminiServer() as server:
        status, answer = posted(server.url, request_with(image, generation_config=config))
        assert status == 200
        assert answer["usageMetadata"]["promptTokenCount"] == 280 + 2
        assert answer["candidates"][0]["finishReason"] == "STOP"
        assert server.billed.total() == 1


def test_refuses_what_google_refuses() -> None:
    image = {"inlineData": {"mimeType": "image/jpeg", "data": base64.b64encode(b"no").decode()}}
    with GeminiServer() as server:
        status, answer = posted(server.url, request_with(image))
        assert (status, answer["error"]["status"]) == (400, "INVALID_ARGUMENT")
        assert "Unable to process input image" in answer["error"]["message"]
        status, answer = posted(server.url, request_with({"text": ""}, labels={"a": "b"}))
        assert (status, 'Unknown name "labels"' in answer["error"]["message"]) == (400, True)
        status, answer = posted(server.url, {})
        assert (status, "contents is not specified" in answer["error"]["message"]) == (400, True)
        assert server.billed.total() == 0


def test_refuses_calls_beyond_its_hidden_limit() -> None:
    with GeminiServer(Behaviour(limit=1, burst=3)) as server:
        statuses = [posted(server.url, request_with({"text": ""}))[0] for _ in range(6)]
        assert statuses == [200, 200, 200, 429, 429, 429]
        assert server.refused == 3


def test_runs_alone() -> None:
    command = [sys.executable, "-m", "tests.servers.gemini", "--port", "0", "--limit", "100"]
    root = Path(__file__).parent.parent.parent
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            url = process.stdout.readline().strip()
            assert posted(url, request_with({"text": ""}))[0] == 200
        finally:
            process.kill()


EMBED = "/v1beta/models/gemini-embedding-2:embedContent"


def embed_request(*photos: bytes, mime_type: str = "image/jpeg", **more: Any) -> dict[str, Any]:
    parts = [
        {"inline_data": {"mime_type": mime_type, "data": base64.b64encode(photo).decode()}}
        for photo in photos
    ]
    return {"content": {"parts": parts}, **more}


def test_pictures_embedded_together_come_back_as_one() -> None:
    with GeminiServer() as server:
        alone = [posted(server.url, embed_request(jpeg(n)), EMBED)[1] for n in (1, 2)]
        status, both = posted(server.url, embed_request(jpeg(1), jpeg(2)), EMBED)
        assert status == 200
        vectors = [answer["embedding"]["values"] for answer in (*alone, both)]
        assert [len(vector) for vector in vectors] == [3072] * 3
        assert vectors[0] != vectors[1] != vectors[2]
        assert both["usageMetadata"]["promptTokenCount"] == 2 * 258
        again = posted(server.url, embed_request(jpeg(1)), EMBED)[1]
        assert again == alone[0], "the same picture, the same numbers"


def test_embeddings_are_refused_beyond_the_documented_limits() -> None:
    chat = EMBED.replace("embedding-2", "3.5-flash-lite")
    cases = (
        (embed_request(*[jpeg(n) for n in range(7)]), EMBED, 400, "At most 6 images"),
        (embed_request(jpeg(1), outputDimensionality=4096), EMBED, 400, "between 128 and 3072"),
        (embed_request(jpeg(1), mime_type="image/webp"), EMBED, 400, "Unsupported MIME type"),
        (embed_request(jpeg(1), embedContentConfig={}), EMBED, 400, "Cannot find field"),
        (embed_request(), EMBED, 400, "content is not specified"),
        (embed_request(jpeg(1)), chat, 404, "not supported for embedContent"),
    )
    with GeminiServer() as server:
        for body, path, code, said in cases:
            status, answer = posted(server.url, body, path)
            assert (status, said in answer["error"]["message"]) == (code, True), answer
        assert server.billed.total() == 0
