"""Cloud Storage by its XML API, as obstore's client speaks it: reads, writes in parts, lists."""

import asyncio
import itertools
import shutil
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote
from xml.sax.saxutils import escape

from aiohttp import web

from tests.servers._serving import Serving
from tests.servers.token import TokenServer

_PAGE = 100


class BucketServer(Serving):
    """Objects of any bucket, as files in a folder that lasts as long as the server.

    `asked`: method → requests. `refuse`: method → status that is answered once per entry.
    """

    def __init__(self, *, tokens: TokenServer | None = None, port: int = 0) -> None:
        """Without `tokens` any token is taken."""
        super().__init__(port=port)
        self.asked: Counter[str] = Counter()
        self.refuse: dict[str, list[int]] = {}
        self._tokens = tokens
        self._root = Path(tempfile.mkdtemp(prefix="bucket-"))
        self._uploads = itertools.count(1)

    def __exit__(self, *error: object) -> None:
        super().__exit__(*error)
        shutil.rmtree(self._root)

    def add_routes(self, app: web.Application) -> None:
        app.router.add_route("*", "/{bucket}", self._in_bucket)
        app.router.add_route("*", "/{bucket}/{key:.*}", self._in_bucket)

    def path(self, address: str) -> Path:
        """Where the object of a gs:// address lies."""
        return self._root / quote(address.removeprefix("gs://"), safe="")

    def names(self, prefix: str = "") -> list[str]:
        """The gs:// addresses that begin so."""
        found = (f"gs://{unquote(p.name)}" for p in self._root.iterdir() if p.suffix != ".part")
        return sorted(name for name in found if name.startswith(prefix))

    def refusal(self, request: web.Request) -> web.Response | None:
        """The answer to who may not come in."""
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if not token or (self._tokens and token not in self._tokens.valid):
            return error_answer(401, "AuthenticationRequired")
        return None

    async def _in_bucket(self, request: web.Request) -> web.StreamResponse:
        self.asked[request.method] += 1
        waiting = self.refuse.get(request.method)
        if waiting:
            return error_answer(waiting.pop(0), "Refused")
        if (refused := self.refusal(request)) is not None:
            return refused
        bucket, key = request.match_info["bucket"], request.match_info.get("key", "")
        if request.method == "GET" and not key:
            return self._list(bucket, request)
        path = self.path(f"gs://{bucket}/{key}")
        answers: dict[str, Any] = {
            "PUT": self._put, "POST": self._post, "GET": self._get, "HEAD": self._get,
        }  # fmt: skip
        if request.method in answers:
            response: web.StreamResponse = await answers[request.method](request, path)
            return response
        if request.method == "DELETE":
            path.unlink(missing_ok=True)
            return web.Response(status=204)
        return error_answer(405, "MethodNotAllowed")

    async def _put(self, request: web.Request, path: Path) -> web.Response:
        part = request.query.get("partNumber")
        if part is not None:
            path = Path(f"{path}.{request.query['uploadId']}.{int(part):05}.part")
        path.write_bytes(await request.read())
        return web.Response(headers={"ETag": f'"{path.stat().st_size}"'})

    async def _post(self, request: web.Request, path: Path) -> web.Response:
        if "uploads" in request.query:
            number = next(self._uploads)
            return _xml(
                f"<InitiateMultipartUploadResult><Bucket>b</Bucket><Key>k</Key>"
                f"<UploadId>{number}</UploadId></InitiateMultipartUploadResult>"
            )
        await request.read()
        pieces = sorted(self._root.glob(f"{path.name}.{request.query['uploadId']}.*.part"))
        await asyncio.to_thread(_joined, pieces, path)
        return _xml(
            "<CompleteMultipartUploadResult><Location>l</Location><Bucket>b</Bucket><Key>k</Key>"
            '<ETag>"1"</ETag></CompleteMultipartUploadResult>'
        )

    async def _get(self, request: web.Request, path: Path) -> web.StreamResponse:
        if not path.exists():  # noqa: ASYNC240
            return error_answer(404, "NoSuchKey")
        return web.FileResponse(
            path, headers={"ETag": '"1"', "Last-Modified": "Tue, 05 May 2026 05:05:05 GMT"}
        )

    def _list(self, bucket: str, request: web.Request) -> web.Response:
        prefix = f"gs://{bucket}/{request.query.get('prefix', '')}"
        after = request.query.get("continuation-token", "")
        names = [name for name in self.names(prefix) if name > after]
        more = len(names) > _PAGE
        entries = "".join(
            f"<Contents><Key>{escape(name.split('/', 3)[3])}</Key>"
            f"<LastModified>2026-05-05T05:05:05.000Z</LastModified>"
            f'<ETag>"1"</ETag><Size>{self.path(name).stat().st_size}</Size></Contents>'
            for name in names[:_PAGE]
        )
        last = names[:_PAGE][-1] if names else ""
        token = f"<NextContinuationToken>{escape(last)}</NextContinuationToken>"
        return _xml(
            f"<ListBucketResult><Name>{bucket}</Name><IsTruncated>{str(more).lower()}</IsTruncated>"
            f"{token if more else ''}{entries}</ListBucketResult>"
        )


def _joined(pieces: list[Path], path: Path) -> None:
    whole = Path(f"{path}.whole.part")
    with whole.open("wb") as file:
        for piece in pieces:
            with piece.open("rb") as source:
                shutil.copyfileobj(source, file)
            piece.unlink()
    whole.rename(path)


def _xml(body: str) -> web.Response:
    return web.Response(text=f'<?xml version="1.0"?>{body}', content_type="application/xml")


def error_answer(status: int, code: str) -> web.Response:
    """A refusal in the store's words."""
    text = f"<Error><Code>{code}</Code><Message>{code}.</Message></Error>"
    return web.Response(status=status, text=text, content_type="application/xml")
