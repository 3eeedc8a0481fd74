"""Checks a generateContent request as Google does: keys in camel or snake case, no unknown ones."""

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Any, NoReturn

from aiohttp import web

from tests.servers._google_bodies import BODIES, body
from tests.servers._model import Call, RefusedRequest, image_key

_TOP = {
    "contents",
    "systemInstruction",
    "generationConfig",
    "safetySettings",
    "tools",
    "toolConfig",
    "cachedContent",
    "model",
}
_CONFIG = {
    "temperature",
    "topP",
    "topK",
    "candidateCount",
    "maxOutputTokens",
    "stopSequences",
    "presencePenalty",
    "frequencyPenalty",
    "seed",
    "responseMimeType",
    "responseSchema",
    "responseJsonSchema",
    "responseLogprobs",
    "logprobs",
    "mediaResolution",
    "thinkingConfig",
}
_PART = {"text", "inlineData", "fileData", "mediaResolution", "thought"}
_RESOLUTIONS = {"LOW": 280, "MEDIUM": 560, "HIGH": 1120}
_MAGIC = (b"\xff\xd8\xff", b"\x89PNG", b"RIFF", b"\x00\x00\x00")
_INLINE_LIMIT = 20 << 20
_NO_MINIMAL = re.compile(r"gemini-(3\.[78]|3(\.1)?-pro|4)")


def refused(status: int, answer: dict[str, Any], retry_after: str | None = None) -> web.Response:
    """An error answer."""
    headers = {"Retry-After": retry_after} if retry_after else None
    return web.json_response(answer, status=status, headers=headers)


def read_call(given: Any, model: str, *, vertex: bool) -> Call:
    """The call; raises RefusedRequest with Google's own answer."""
    if not isinstance(given, dict):
        refuse(400, "INVALID_ARGUMENT", "Invalid JSON payload received. Unexpected token.")
    top = camel(given, _TOP | {"labels"} if vertex else _TOP, "")
    config = camel(top.get("generationConfig") or {}, _CONFIG, "generation_config")
    _check_config(config, model)
    image, text = _parts(top.get("contents"), vertex=vertex)
    resolution = str(config.get("mediaResolution", "MEDIA_RESOLUTION_HIGH")).rsplit("_", 1)[-1]
    return Call(
        image=image,
        schema=config.get("responseJsonSchema") or config.get("responseSchema"),
        body=given,
        context={
            "model": model,
            "input_tokens": len(text) // 4 + _RESOLUTIONS[resolution],
            "max_output_tokens": config.get("maxOutputTokens", 65_536),
        },
    )


def refuse(status: int, state: str, message: str) -> NoReturn:
    """Raises RefusedRequest with an error of Google's form."""
    raise RefusedRequest(refused(*body(status, state, message)))


def camel(given: Mapping[str, Any], known: set[str], where: str) -> dict[str, Any]:
    """The same with keys in camel case; an unknown one is refused."""
    named: dict[str, Any] = {}
    for key, value in given.items():
        name = re.sub(r"_(\w)", lambda m: m[1].upper(), key)
        if name not in known:
            at = f" at '{where}'" if where else ""
            refuse(
                400,
                "INVALID_ARGUMENT",
                f'Invalid JSON payload received. Unknown name "{key}"{at}: Cannot find field.',
            )
        named[name] = value
    return named


def _check_config(config: Mapping[str, Any], model: str) -> None:
    thinking = camel(
        config.get("thinkingConfig") or {},
        {"thinkingLevel", "thinkingBudget", "includeThoughts"},
        "generation_config.thinking_config",
    )
    if len(thinking) > 1:
        refuse(400, "INVALID_ARGUMENT", "You can only set only one of thinking budget and level.")
    level = str(thinking.get("thinkingLevel", "")).upper()
    if level == "MINIMAL" and _NO_MINIMAL.match(model):
        message = "Thinking level MINIMAL is not supported for this model."
        refuse(400, "INVALID_ARGUMENT", message)
    if level and model.startswith("gemini-2"):
        message = "Thinking level is not supported for this model."
        refuse(400, "INVALID_ARGUMENT", message)
    schema = config.get("responseJsonSchema")
    if schema is not None and config.get("responseMimeType") != "application/json":
        message = "response_json_schema needs response_mime_type application/json."
        refuse(400, "INVALID_ARGUMENT", message)


def _parts(contents: Any, *, vertex: bool) -> tuple[str, str]:
    """The picture's key and all text."""
    if not contents:
        message = "* GenerateContentRequest.contents: contents is not specified\n"
        refuse(400, "INVALID_ARGUMENT", message)
    assert contents[-1].get("role", "user") == "user"
    image, texts = "", []
    for part in contents[-1]["parts"]:
        named = camel(part, _PART, "contents[0].parts[0]")
        if "text" in named:
            texts.append(named["text"])
        elif "inlineData" in named:
            image = image_key(inline_data(named["inlineData"])[1])
        elif "fileData" in named:
            image = file_uri(named["fileData"], vertex=vertex)[0]
    return image, "".join(texts)


def inline_data(given: Mapping[str, Any]) -> tuple[str, bytes]:
    """The MIME type and bytes of a picture by value."""
    inline = camel(given, {"mimeType", "data", "displayName"}, "inline_data")
    try:
        text = inline["data"].translate(str.maketrans("-_", "+/"))
        data = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except binascii.Error:
        message = "Invalid value at 'inline_data.data' (TYPE_BYTES), Base64 decoding failed"
        refuse(400, "INVALID_ARGUMENT", message)
    if not inline.get("mimeType", "").startswith("image/") or not data.startswith(_MAGIC):
        raise RefusedRequest(refused(*BODIES["bad_image"]))
    if len(data) > _INLINE_LIMIT:
        refuse(400, "INVALID_ARGUMENT", "Request payload size exceeds the limit.")
    return inline["mimeType"], data


def file_uri(given: Mapping[str, Any], *, vertex: bool) -> tuple[str, str]:
    """The address and MIME type of a picture by reference."""
    file = camel(given, {"mimeType", "fileUri", "displayName"}, "file_data")
    uri = str(file.get("fileUri"))
    if not vertex or not uri.startswith(("gs://", "https://")):
        refuse(400, "INVALID_ARGUMENT", f"Invalid or unsupported file uri: {uri}")
    if not file.get("mimeType"):
        refuse(400, "INVALID_ARGUMENT", "Unable to submit request because mimeType is missing.")
    return uri, str(file["mimeType"])
