"""Two rivals on the same photos: google-genai with a semaphore, and the loop of Google's guide.

`PYTHON benchmarks/engine/rivals.py KIND URL FOLDER COUNT AT_ONCE PROMPT SCHEMA`, run by a Python
that has google-genai and nothing of ours.
"""

import asyncio
import json
import os
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

MODEL = "gemini-3.5-flash-lite"


async def semaphore(client: Any, types: Any, paths: list[Path], at_once: int, ask: Any) -> None:
    """Every photo a task, so many at once."""
    places = asyncio.Semaphore(at_once)

    async def one(path: Path) -> None:
        async with places:
            data = path.read_bytes()  # noqa: ASYNC240 - what people write
            image = types.Part.from_bytes(data=data, mime_type="image/jpeg")
            answer = await client.aio.models.generate_content(
                model=MODEL, contents=[ask["prompt"], image], config=ask["config"]
            )
            json.loads(answer.text)

    await asyncio.gather(*(one(path) for path in paths))


def guide(client: Any, types: Any, paths: list[Path], ask: Any) -> None:
    """One photo after the other."""
    for path in paths:
        image = types.Part.from_bytes(data=path.read_bytes(), mime_type="image/jpeg")
        answer = client.models.generate_content(
            model=MODEL, contents=[ask["prompt"], image], config=ask["config"]
        )
        json.loads(answer.text)


def main() -> None:
    """See the top of this file."""
    kind, url, folder, count, at_once, prompt, schema = sys.argv[1:]
    genai, types = import_module("google.genai"), import_module("google.genai.types")
    options = types.HttpOptions(base_url=url)
    client = genai.Client(api_key=os.environ["GEMINI_API_KEY"], http_options=options)
    config = types.GenerateContentConfig(
        response_mime_type="application/json",
        response_json_schema=json.loads(schema),
        max_output_tokens=2048,
        media_resolution="MEDIA_RESOLUTION_LOW",
    )
    ask = {"prompt": prompt, "config": config}
    paths = sorted(Path(folder).rglob("*.jpg"))[: int(count)]
    if kind == "guide":
        guide(client, types, paths, ask)
    else:
        asyncio.run(semaphore(client, types, paths, int(at_once), ask))


if __name__ == "__main__":
    main()
