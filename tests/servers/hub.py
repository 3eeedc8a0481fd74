"""A hub of models by its HTTP API, as huggingface_hub speaks it: listing, resolving, refusing."""

import hashlib
from typing import Any

from aiohttp import web

from tests.servers._serving import Serving

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class HubServer(Serving):
    """`repos`: "owner/name" → path → bytes; `closed`: those that want terms accepted."""

    def __init__(self) -> None:
        super().__init__()
        self.repos: dict[str, dict[str, bytes]] = {}
        self.closed: set[str] = set()
        self.asked: list[str] = []

    def add_routes(self, app: web.Application) -> None:
        app.router.add_get("/api/models/{repo:[^/]+/[^/]+}", self._info)
        app.router.add_get("/api/models/{repo:[^/]+/[^/]+}/revision/{revision}", self._info)
        app.router.add_get("/api/models/{repo:[^/]+/[^/]+}/tree/{revision}", self._tree)
        app.router.add_route("*", "/{repo:[^/]+/[^/]+}/resolve/{revision}/{path:.+}", self._file)

    def _held(self, request: web.Request) -> dict[str, bytes] | web.Response:
        repo = request.match_info["repo"]
        self.asked.append(f"{request.method} {request.path}")
        if repo in self.closed:
            return web.Response(status=403, headers={"X-Error-Code": "GatedRepo"})
        if repo not in self.repos:
            return web.Response(status=404, headers={"X-Error-Code": "RepoNotFound"})
        return self.repos[repo]

    async def _info(self, request: web.Request) -> web.Response:
        held = self._held(request)
        if isinstance(held, web.Response):
            return held
        files = [{"rfilename": path} for path in held]
        name = request.match_info["repo"]
        return web.json_response({"id": name, "modelId": name, "sha": COMMIT, "siblings": files})

    async def _tree(self, request: web.Request) -> web.Response:
        held = self._held(request)
        if isinstance(held, web.Response):
            return held
        entries: list[dict[str, Any]] = [
            {"type": "file", "path": path, "size": len(data), "oid": _etag(data)}
            for path, data in held.items()
        ]
        return web.json_response(entries)

    async def _file(self, request: web.Request) -> web.Response:
        held = self._held(request)
        if isinstance(held, web.Response):
            return held
        data = held.get(request.match_info["path"])
        if data is None:
            return web.Response(status=404, headers={"X-Error-Code": "EntryNotFound"})
        headers = {"ETag": f'"{_etag(data)}"', "X-Repo-Commit": COMMIT, "Accept-Ranges": "bytes"}
        if request.method == "HEAD":
            return web.Response(headers={**headers, "Content-Length": str(len(data))})
        return web.Response(body=data, headers=headers)


def _etag(data: bytes) -> str:
    return hashlib.sha1(data, usedforsecurity=False).hexdigest()
