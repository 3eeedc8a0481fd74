"""The floor: aiohttp, a JSON body per image, the answer read, nothing else.

`python -m benchmarks.engine.floor URL FOLDER COUNT AT_ONCE`
"""

import asyncio
import base64
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import aiohttp

from tests.servers.gemini import KEY
from vistoria.task import load_task

MODEL = "gemini-3.5-flash-lite"


def body(image: bytes, prompt: str, config: dict[str, object]) -> bytes:
    """A generateContent request."""
    data = base64.b64encode(image).decode()
    parts = [{"text": prompt}, {"inlineData": {"mimeType": "image/jpeg", "data": data}}]
    contents = [{"role": "user", "parts": parts}]
    return json.dumps({"generationConfig": config, "contents": contents}).encode()


async def ask_all(url: str, paths: Iterator[Path], at_once: int) -> None:
    """So many workers share the paths."""
    task = load_task("utility_pole")
    config = {
        "responseMimeType": "application/json",
        "maxOutputTokens": 2048,
        "mediaResolution": "MEDIA_RESOLUTION_LOW",
        "responseJsonSchema": task.json_schema,
    }
    target = f"{url}/v1beta/models/{MODEL}:generateContent"
    headers = {"x-goog-api-key": KEY, "Content-Type": "application/json"}

    async def work(session: aiohttp.ClientSession) -> None:
        for path in paths:
            data = body(path.read_bytes(), task.prompt, config)
            async with session.post(target, data=data, headers=headers) as response:
                response.raise_for_status()
                await response.read()

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        await asyncio.gather(*(work(session) for _ in range(at_once)))


if __name__ == "__main__":
    _url, _folder, _count, _at_once = sys.argv[1:]
    _paths = sorted(Path(_folder).rglob("*.jpg"))[: int(_count)]
    asyncio.run(ask_all(_url, iter(_paths), int(_at_once)))
