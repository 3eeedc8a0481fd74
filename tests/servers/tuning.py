"""Vertex AI's `tuningJobs`, with the checks that Google documents; it reads lines from a bucket.

Tuned models answer at `endpoints/1234567890`, as GeminiServer's do.
"""

import asyncio
import json
import re
from collections import deque
from datetime import UTC, datetime, timedelta
from typing import Any

from aiohttp import web

from tests.servers._gemini_check import refused
from tests.servers._google_bodies import BODIES, body
from tests.servers.bucket import BucketServer
from tests.servers.gemini import GeminiServer
from tests.servers.token import TokenServer

_JOBS = r"/v1/{parent:projects/[^/]+/locations/[^/]+}/tuningJobs"
_PAGE = 2
_LINE = {"systemInstruction", "contents", "tools", "generationConfig"}
_SIZES = {f"ADAPTER_SIZE_{word}" for word in ("ONE", "TWO", "FOUR", "EIGHT", "SIXTEEN")}


class TuningServer(GeminiServer):
    """`jobs`: documents in the order of creation. `looks`: how often a job is looked at before it
    ends, as `ends`. `drop`: answers of `create` that are lost after the job was made. `refuse`:
    statuses answered once each, before anything else."""

    def __init__(self, bucket: BucketServer, tokens: TokenServer) -> None:
        super().__init__(tokens=tokens)
        self.jobs: list[dict[str, Any]] = []
        self.looks = 2
        self.ends = "JOB_STATE_SUCCEEDED"
        self.drop = 0
        self.refuse: deque[int] = deque()
        self.asked: list[tuple[str, str]] = []
        self._bucket = bucket
        self._seen: dict[str, int] = {}

    def add_routes(self, app: web.Application) -> None:
        app.router.add_post(_JOBS, self._create)
        app.router.add_get(_JOBS, self._list)
        app.router.add_get(_JOBS + r"/{number}", self._get)
        super().add_routes(app)

    def _signed_in(self, request: web.Request) -> web.Response | None:
        self.asked.append((request.method, request.path))
        if self.refuse:
            status = self.refuse.popleft()
            return refused(*body(status, "UNAVAILABLE", "Try again later."))
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        assert self._tokens is not None
        return None if token in self._tokens.valid else refused(*BODIES["token_expired"])

    async def _create(self, request: web.Request) -> web.StreamResponse:
        if (no := self._signed_in(request)) is not None:
            return no
        given = await request.json()
        wrong = await asyncio.to_thread(self._wrong, given, request.match_info["parent"])
        if wrong:
            return refused(*body(400, "INVALID_ARGUMENT", wrong))
        number = str(1000 + len(self.jobs))
        made = datetime(2026, 11, 22, tzinfo=UTC) + timedelta(seconds=len(self.jobs))
        document = {
            **given,
            "name": f"{request.match_info['parent']}/tuningJobs/{number}",
            "state": "JOB_STATE_PENDING",
            "createTime": made.isoformat(),
        }
        self.jobs.append(document)
        if self.drop:
            self.drop -= 1
            assert request.transport is not None
            request.transport.abort()
        return web.json_response(document)

    async def _list(self, request: web.Request) -> web.StreamResponse:
        if (no := self._signed_in(request)) is not None:
            return no
        newest = self.jobs[::-1]
        start = int(request.query.get("pageToken", 0))
        answer: dict[str, Any] = {"tuningJobs": newest[start : start + _PAGE]}
        if start + _PAGE < len(newest):
            answer["nextPageToken"] = str(start + _PAGE)
        return web.json_response(answer)

    async def _get(self, request: web.Request) -> web.StreamResponse:
        if (no := self._signed_in(request)) is not None:
            return no
        number = request.match_info["number"]
        job = next(job for job in self.jobs if job["name"].endswith(f"/{number}"))
        self._seen[number] = self._seen.get(number, 0) + 1
        if self._seen[number] >= self.looks and job["state"] != self.ends:
            job["state"] = self.ends
            if self.ends == "JOB_STATE_SUCCEEDED":
                parent = request.match_info["parent"]
                job["tunedModel"] = {
                    "model": f"{parent}/models/77@1",
                    "endpoint": f"{parent}/endpoints/1234567890",
                }
            else:
                job["error"] = {"code": 3, "message": "The dataset could not be read."}
        elif job["state"] == "JOB_STATE_PENDING":
            job["state"] = "JOB_STATE_RUNNING"
        return web.json_response(job)

    def _wrong(self, given: dict[str, Any], parent: str) -> str | None:
        """What Google would say against the job and its lines."""
        if unknown := set(given) - {"baseModel", "supervisedTuningSpec", "tunedModelDisplayName"}:
            return f"Invalid JSON payload received. Unknown name {min(unknown)!r}."
        if not re.search(r"/locations/(us-central1|europe-west4)$", parent):
            return "Tuning is not supported in this region."
        spec = given["supervisedTuningSpec"]
        chosen = spec.get("hyperParameters", {})
        if chosen.get("adapterSize", "ADAPTER_SIZE_ONE") not in _SIZES:
            return "Invalid adapter size."
        for key in ("trainingDatasetUri", "validationDatasetUri"):
            if key in spec and (wrong := self._lines_wrong(spec[key])):
                return wrong
        return None

    def _lines_wrong(self, address: str) -> str | None:
        path = self._bucket.path(address)
        if not path.exists():
            return f"The file {address} does not exist."
        for number, text in enumerate(path.read_text().splitlines(), 1):
            try:
                line = json.loads(text)
                roles = [content["role"] for content in line["contents"]]
                parts = [part for content in line["contents"] for part in content["parts"]]
            except (ValueError, LookupError, TypeError):
                return f"Line {number} of {address} is malformed."
            if set(line) - _LINE or roles != ["user", "model"]:
                return f"Line {number} of {address}: roles must alternate, and end with the model."
            files = [part["fileData"] for part in parts if "fileData" in part]
            if any(set(file) != {"mimeType", "fileUri"} for file in files):
                return f"Line {number} of {address}: fileData needs mimeType and fileUri."
        return None
