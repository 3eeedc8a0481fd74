"""Checks an embedContent request as Google does, and makes vectors from the pixels it holds.

The vectors are a fixed random projection of a small copy of the picture, of unit length; fewer
dimensions are the first of 3,072, of unit length again. Several parts of one content come back as
one vector of them all, as Google's do.
"""

import io
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tests.servers._gemini_check import camel, file_uri, inline_data, refuse, refused
from tests.servers._google_bodies import BODIES
from tests.servers._model import Call, RefusedRequest, image_key

MODELS = frozenset({"gemini-embedding-2"})
LEAST, MOST = 128, 3072
_CONFIG = {"taskType", "title", "outputDimensionality", "autoTruncate", "documentOcr",
           "audioTrackExtraction"}  # fmt: skip
_DEVELOPER = {"model", "content", "taskType", "title", "outputDimensionality"}
_IMAGES = 6
_TOKENS = 258
_SMALL = (16, 12)

Look = Callable[[str], bytes | None]
"""The bytes behind a gs:// address; None where there is no such object."""


def read_embed_call(given: Any, model: str, look: Look, *, vertex: bool) -> Call:
    """The call; raises RefusedRequest with Google's own answer."""
    if not isinstance(given, dict):
        refuse(400, "INVALID_ARGUMENT", "Invalid JSON payload received. Unexpected token.")
    top = camel(given, {"content", "embedContentConfig"} if vertex else _DEVELOPER, "")
    config = top
    if vertex:
        config = camel(top.get("embedContentConfig") or {}, _CONFIG, "embed_content_config")
    dimensions = config.get("outputDimensionality", MOST)
    if not isinstance(dimensions, int) or not LEAST <= dimensions <= MOST:
        message = f"outputDimensionality must be between {LEAST} and {MOST}."
        refuse(400, "INVALID_ARGUMENT", message)
    content = camel(top.get("content") or {}, {"role", "parts"}, "content")
    pictures = [_picture(part, look, vertex=vertex) for part in content.get("parts") or ()]
    if not pictures:
        refuse(400, "INVALID_ARGUMENT", "content is not specified")
    if len(pictures) > _IMAGES:
        refuse(400, "INVALID_ARGUMENT", f"At most {_IMAGES} images per request are supported.")
    return Call(
        image=pictures[0][0], schema=None, body=given,
        context={
            "model": model, "dimensions": dimensions, "input_tokens": _TOKENS * len(pictures),
            "pictures": [data for _, data in pictures],
        },
    )  # fmt: skip


def _picture(part: Mapping[str, Any], look: Look, *, vertex: bool) -> tuple[str, bytes]:
    """What the picture goes by, and its bytes."""
    named = camel(part, {"text", "inlineData", "fileData"}, "content.parts[0]")
    if "inlineData" in named:
        mime_type, data = inline_data(named["inlineData"])
        key = image_key(data)
    elif "fileData" in named:
        key, mime_type = file_uri(named["fileData"], vertex=vertex)
        found = look(key)
        if found is None:
            raise RefusedRequest(refused(*BODIES["store_missing"]))
        data = found
    else:
        refuse(400, "INVALID_ARGUMENT", "This server embeds pictures only.")
    if mime_type not in ("image/png", "image/jpeg"):
        refuse(400, "INVALID_ARGUMENT", f"Unsupported MIME type: {mime_type}")
    return key, data


def embedding(call: Call) -> list[float]:
    """The vector of all pictures of a call together."""
    small = np.mean([_small(data) for data in call.context["pictures"]], axis=0)
    part = small @ _matrix(call.context["dimensions"])
    found: list[float] = (part / np.linalg.norm(part)).tolist()
    return found


def _small(data: bytes) -> NDArray[np.float32]:
    try:
        image = Image.open(io.BytesIO(data)).convert("RGB").resize(_SMALL, Image.Resampling.BOX)
    except OSError:
        raise RefusedRequest(refused(*BODIES["bad_image"])) from None
    found: NDArray[np.float32] = np.asarray(image, np.float32).ravel() / np.float32(255)
    return found - np.float32(0.5)


@cache
def _matrix(dimensions: int) -> NDArray[np.float32]:
    """The first columns of one matrix, so that fewer dimensions are the first of more."""
    whole = np.random.default_rng(20).normal(size=(_SMALL[0] * _SMALL[1] * 3, MOST))
    return np.ascontiguousarray(whole[:, :dimensions], np.float32)
