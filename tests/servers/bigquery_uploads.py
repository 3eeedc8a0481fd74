"""Files for load jobs: multipart uploads, and resumable ones, which come in parts."""

import itertools
import json
import re
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from tests.servers.bigquery_data import Refusal

Begin = Callable[[web.Request, dict[str, Any], bytes], Awaitable[dict[str, Any]]]
_RANGE = re.compile(r"bytes (?:(\d+)-(\d+)|\*)/(\d+|\*)")


class Uploads:
    """`begin_job` is called with a job's description and the whole file. `sizes`: of each."""

    def __init__(self, begin_job: Begin) -> None:
        self._begin_job = begin_job
        self._numbers = itertools.count(1)
        self.sizes: list[int] = []
        self._open: dict[str, tuple[dict[str, Any], bytearray]] = {}

    async def begin(self, request: web.Request) -> web.Response:
        """A multipart upload, whole; or the begin of a resumable one."""
        kind = request.query.get("uploadType")
        if kind == "resumable":
            number = str(next(self._numbers))
            self._open[number] = (await request.json(), bytearray())
            place = f"{request.url.origin()}{request.path}?uploadType=resumable&upload_id={number}"
            return web.Response(headers={"Location": place})
        if kind != "multipart":
            raise Refusal(400, "invalid", f"Unknown upload type {kind!r}")
        content = await request.content.read()
        boundary = re.search(r'boundary="?([^";]+)', request.headers["Content-Type"])
        assert boundary is not None
        parts = content.split(b"--" + boundary[1].encode())[1:-1]
        description, lines = (part.partition(b"\r\n\r\n")[2].strip() for part in parts)
        self.sizes.append(len(lines))
        return web.json_response(await self._begin_job(request, json.loads(description), lines))

    async def go_on(self, request: web.Request) -> web.Response:
        """A part of a resumable upload; the job begins when the last one is there."""
        number = request.query["upload_id"]
        if number not in self._open:
            raise Refusal(404, "notFound", "No such upload")
        description, content = self._open[number]
        found = _RANGE.fullmatch(request.headers["Content-Range"])
        assert found is not None
        if found[1] is not None:
            if int(found[1]) != len(content):
                raise Refusal(400, "invalid", f"expected byte {len(content)}, got {found[1]}")
            content += await request.content.read()
        if found[3] == "*" or len(content) < int(found[3]):
            held = {"Range": f"bytes=0-{len(content) - 1}"} if content else {}
            return web.Response(status=308, headers=held)
        del self._open[number]
        self.sizes.append(len(content))
        return web.json_response(await self._begin_job(request, description, bytes(content)))
