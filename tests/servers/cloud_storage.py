"""Cloud Storage's JSON API, as far as looking at objects and buckets needs it, and their bytes."""

import hashlib
from typing import Any

from aiohttp import web

from tests.servers._google_bodies import body
from tests.servers._serving import Serving


class CloudStorageServer(Serving):
    """`objects`: gs:// address → MIME type; `data`: their bytes, where somebody downloads them.

    `generations`: address → generation, where it is not 1. `metadata`: address → custom metadata.
    `buckets`: bucket → location.
    `denied`: permissions that the account lacks. `asked`: paths, in order. `open`: anybody may
    read. Bytes are handed out at `/bucket/object`, as by the XML API.
    """

    def __init__(self, tokens: set[str] | None = None) -> None:
        super().__init__()
        self.objects: dict[str, str] = {}
        self.data: dict[str, bytes] = {}
        self.generations: dict[str, int] = {}
        self.metadata: dict[str, dict[str, str]] = {}
        self.buckets: dict[str, str] = {}
        self.denied: set[str] = set()
        self.asked: list[str] = []
        self.open = False
        self._tokens = tokens

    def add_routes(self, app: web.Application) -> None:
        root = "/storage/v1/b/{bucket}"
        app.router.add_get(root + "/o/{object:.+}", self._object)
        app.router.add_get(root + "/o", self._list)
        app.router.add_get(root + "/iam/testPermissions", self._permissions)
        app.router.add_get(root, self._bucket)
        app.router.add_get("/{bucket}/{object:.+}", self._bytes)

    async def _object(self, request: web.Request) -> web.Response:
        if refusal := self._refusal(request, "storage.objects.get"):
            return refusal
        name, key = self._address(request), request.match_info["object"]
        if name not in self.objects:
            # Who may not list learns no more than that he may not get.
            return _error(404, f"No such object: {request.match_info['bucket']}/{key}")
        return web.json_response(
            {"kind": "storage#object", "name": key, "contentType": self.objects[name],
             "generation": "1", "size": "1"}
        )  # fmt: skip

    async def _list(self, request: web.Request) -> web.Response:
        """A page of names in their order, as many as are asked for."""
        if refusal := self._refusal(request, "storage.objects.list"):
            return refusal
        bucket = request.match_info["bucket"]
        if bucket not in self.buckets:
            return _error(404, "The specified bucket does not exist.")
        root, after = f"gs://{bucket}/", request.query.get("pageToken", "")
        prefix, most = root + request.query.get("prefix", ""), int(request.query["maxResults"])
        named = {name for name in (*self.objects, *self.data) if name.startswith(prefix)}
        names = sorted(name for name in named if name.removeprefix(root) > after)
        items = [self._item(name, root) for name in names[:most]]
        if "metadata" in request.query.get("fields", "metadata"):
            for name, item in zip(names, items, strict=False):
                if name in self.metadata:
                    item["metadata"] = self.metadata[name]
        page = {"kind": "storage#objects", **({"items": items} if items else {})}
        if len(names) > most:
            page["nextPageToken"] = names[most - 1].removeprefix(root)
        return web.json_response(page)

    def _item(self, name: str, root: str) -> dict[str, Any]:
        return {
            "name": name.removeprefix(root), "generation": str(self.generations.get(name, 1)),
            "size": str(len(self.data.get(name, b""))), "updated": "2026-05-05T05:05:05.000Z",
            "contentType": self.objects.get(name, "image/jpeg"),
        }  # fmt: skip

    async def _bytes(self, request: web.Request) -> web.Response:
        if refusal := self._refusal(request, "storage.objects.get"):
            return refusal
        data = self.data.get(self._address(request))
        if data is None:
            return web.Response(status=404, text="<Error><Code>NoSuchKey</Code></Error>")
        tag = hashlib.md5(data, usedforsecurity=False).hexdigest()
        headers = {"ETag": f'"{tag}"', "Last-Modified": "Tue, 05 May 2026 05:05:05 GMT"}
        return web.Response(body=data, headers=headers)

    async def _permissions(self, request: web.Request) -> web.Response:
        if refusal := self._refusal(request):
            return refusal
        held = [one for one in request.query.getall("permissions") if one not in self.denied]
        return web.json_response(
            {"kind": "storage#testIamPermissionsResponse", "permissions": held}
        )

    async def _bucket(self, request: web.Request) -> web.Response:
        if refusal := self._refusal(request, "storage.buckets.get"):
            return refusal
        bucket = request.match_info["bucket"]
        if bucket not in self.buckets:
            return _error(404, "The specified bucket does not exist.")
        return web.json_response({"name": bucket, "location": self.buckets[bucket]})

    def _address(self, request: web.Request) -> str:
        return f"gs://{request.match_info['bucket']}/{request.match_info['object']}"

    def _refusal(self, request: web.Request, permission: str = "") -> web.Response | None:
        self.asked.append(request.path)
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if not self.open and self._tokens is not None and token not in self._tokens:
            return _error(401, "Invalid Credentials", "authError")
        if permission in self.denied:
            what = permission.split(".")[1].removesuffix("s")
            return _error(
                403,
                f"inspector@proj-1.iam.gserviceaccount.com does not have {permission} access to "
                f"the Google Cloud Storage {what}. Permission '{permission}' denied on resource "
                "(or it may not exist).",
                "forbidden",
            )
        return None


def _error(status: int, message: str, reason: str = "notFound") -> web.Response:
    """Without status and details, as this service answers."""
    code, document = body(status, "", message)
    del document["error"]["status"]
    document["error"]["errors"] = [{"message": message, "domain": "global", "reason": reason}]
    return web.json_response(document, status=code)
