"""Objects over HTTP, as Cloud Storage, S3, Azure and web hosts hand them out, with faults."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from aiohttp import web

from tests.servers._serving import Serving


@dataclass(frozen=True, kw_only=True)
class Fault:
    """What the server does instead of handing out the object.

    `status` other than 200 answers with `body`. `cut` sends this many bytes of the object and
    then drops the connection; `stall` waits for so many seconds before it answers; `chunked`
    leaves out Content-Length.
    """

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    cut: int | None = None
    stall: float = 0.0
    chunked: bool = False


class Asked(NamedTuple):
    """A request as it came in: `path` is still percent-encoded and holds the query."""

    method: str
    path: str
    headers: Mapping[str, str]


class ObjectStore(Serving):
    """`objects`: path → bytes, e.g. {"/bucket/a b.jpg": …}; `faults`: path → what goes wrong."""

    def __init__(self) -> None:
        super().__init__()
        self.objects: dict[str, bytes] = {}
        self.faults: dict[str, Fault] = {}
        self.asked: list[Asked] = []

    def add_routes(self, app: web.Application) -> None:
        """One route for all."""
        app.router.add_route("*", "/{path:.*}", self._answer)

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(Asked(request.method, request.raw_path, dict(request.headers)))
        fault = self.faults.get(request.path, Fault())
        await asyncio.sleep(fault.stall)
        if fault.status != 200:
            return web.Response(status=fault.status, headers=fault.headers, body=fault.body)
        data = self.objects.get(request.path)
        if data is None:
            return web.Response(status=404, text="<Error><Code>NoSuchKey</Code></Error>")
        headers = {
            "Last-Modified": "Tue, 05 May 2026 05:05:05 GMT",
            "ETag": '"1"',
            "Content-Type": "text/html",  # which nobody should believe
            **fault.headers,
        }
        response = web.StreamResponse(headers=headers)
        if wanted := request.headers.get("Range"):  # "bytes=0-511"
            first, _, last = wanted.partition("=")[2].partition("-")
            whole, data = len(data), data[int(first) : int(last) + 1]
            response.set_status(206)
            response.headers["Content-Range"] = f"bytes {first}-{len(data) - 1}/{whole}"
        if fault.chunked:
            response.enable_chunked_encoding()
        else:
            response.content_length = len(data)
        await response.prepare(request)
        await response.write(data[: fault.cut])
        if fault.cut is not None:
            assert request.transport is not None
            request.transport.close()
            return response
        await response.write_eof()
        return response
