"""Encodes a generateContent request: what all pictures share once, each picture spliced in."""

import json
import mimetypes
from binascii import b2a_base64
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from vistoria.records import Picture
from vistoria.task import Task


@lru_cache(maxsize=256)
def _mime_type(suffix: str) -> str:
    return mimetypes.guess_type(f"a.{suffix}")[0] or "image/jpeg"


def image_part(picture: Picture) -> tuple[bytes, ...]:
    """The part of a content that holds a picture, by value if its bytes are here, else by
    reference; in pieces, so that it is copied once."""
    mime_type = picture.mime_type or _mime_type(picture.uri.rpartition(".")[2])
    if picture.data is None:
        image = {"fileData": {"mimeType": mime_type, "fileUri": picture.uri}}
        return (json.dumps(image).encode(),)
    data = b2a_base64(picture.data, newline=False)
    return b'{"inlineData":{"mimeType":"%s","data":"' % mime_type.encode(), data, b'"}}'


class Request:
    """Makes the bodies of requests under one group of settings."""

    def __init__(
        self, settings: Mapping[str, Any], max_output_tokens: int, labels: Mapping[str, str]
    ) -> None:
        """`settings`: media_resolution, thinking, temperature."""
        self._config: dict[str, Any] = {
            "responseMimeType": "application/json",
            "maxOutputTokens": max_output_tokens,
            "mediaResolution": f"MEDIA_RESOLUTION_{settings['media_resolution'].upper()}",
        }
        thinking = settings["thinking"]
        if isinstance(thinking, int):
            self._config["thinkingConfig"] = {"thinkingBudget": thinking}
        elif thinking != "default":
            self._config["thinkingConfig"] = {"thinkingLevel": thinking.upper()}
        if settings["temperature"] is not None:
            self._config["temperature"] = settings["temperature"]
        self._labels = dict(labels)
        self._task: Task | None = None
        self._head = b""

    def encoded(self, task: Task, picture: Picture, correction: str | None) -> bytes:
        """The body for one picture."""
        if task is not self._task:
            self._task, self._head = task, self._encoded_head(task)
        # Prompt first and picture last, so that Google's prompt cache can serve the prompt.
        parts = [self._head, *image_part(picture)]
        if correction is not None:
            parts += (b",", json.dumps({"text": correction}).encode())
        parts.append(b"]}]}")
        return b"".join(parts)

    def _encoded_head(self, task: Task) -> bytes:
        """Everything up to the picture's part."""
        fixed: dict[str, Any] = {"labels": self._labels} if self._labels else {}
        fixed["generationConfig"] = {**self._config, "responseJsonSchema": task.json_schema}
        fixed["contents"] = [{"role": "user", "parts": [{"text": task.prompt}]}]
        encoded = json.dumps(fixed, ensure_ascii=False, separators=(",", ":"))
        return encoded.removesuffix("]}]}").encode() + b","
