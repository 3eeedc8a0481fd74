"""Gemini on Vertex AI with batch jobs: `batchPredictionJobs` over files in a BucketServer.

Online calls are answered as well. Each job behaves by the next of `scripts`; faults of single
pictures are those of GeminiServer, and "missing": no line in the results.
"""

import asyncio
import json
import random
import re
import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from tests.servers._gemini_check import read_call, refused
from tests.servers._google_bodies import BODIES, body
from tests.servers._model import Behaviour, Call, Fault, RefusedRequest
from tests.servers.bigquery_data import Name, Warehouse
from tests.servers.bucket import BucketServer
from tests.servers.gemini import MODELS, GeminiServer
from tests.servers.token import TokenServer

_JOBS = r"/v1/{parent:projects/[^/]+/locations/[^/]+}/batchPredictionJobs"
_FILTER = re.compile(r'display_name="(?P<name>[^"]*)"')
_MAXIMUM = 200_000


@dataclass(frozen=True, kw_only=True)
class Script:
    """How one job goes. `missing` and `invalid`: shares of rows; `disorder`: share of rows that
    come back out of order. `stop_at`: the share of rows after which it ends as `state`. `seconds`
    until it begins. `error`: code and message of a job that fails. `begins`: waited for first."""

    missing: float = 0.0
    invalid: float = 0.0
    disorder: float = 0.0
    stop_at: float = 1.0
    state: str = "SUCCEEDED"
    seconds: float = 0.0
    error: tuple[int, str] | None = None
    begins: threading.Event | None = None


@dataclass(slots=True)
class BatchRecord:
    """A job. `rows`: how many its input had, `answered`: how many of them were billed."""

    document: dict[str, Any]
    script: Script
    rows: int = 0
    answered: int = 0
    cancel: bool = False
    keys: list[str] = field(default_factory=list)


class BatchServer(GeminiServer):
    """`jobs`: in the order of creation. `creations`: what happens to the next calls that create a
    job, before it is answered: "busy" (503, no job), "unheard" (a job, and 503), or an Event that
    is waited for with the job made."""

    def __init__(
        self, bucket: BucketServer, *, tokens: TokenServer | None = None, page: int = 100,
        behaviour: Behaviour | None = None, port: int = 0, data: Warehouse | None = None,
    ) -> None:  # fmt: skip
        """`page`: the most jobs in one answer of a list. `data`: BigQuery's, for jobs over
        tables of requests."""
        super().__init__(behaviour, tokens=tokens, record=False, port=port)
        self.jobs: list[BatchRecord] = []
        self.scripts: deque[Script] = deque()
        self.creations: deque[str | threading.Event] = deque()
        self._counting = threading.Lock()
        self.looks = 0
        self._bucket, self._page, self._data = bucket, page, data
        self._running: set[asyncio.Task[None]] = set()

    def add_routes(self, app: web.Application) -> None:
        app.on_cleanup.append(self._end)
        app.router.add_post(_JOBS, self._create)
        app.router.add_get(_JOBS, self._list)
        app.router.add_get(_JOBS + "/{number}", self._get)
        app.router.add_post(_JOBS + "/{number}:cancel", self._cancel)
        super().add_routes(app)

    # The service's own calls

    async def _create(self, request: web.Request) -> web.StreamResponse:
        try:
            self._check_sign_in(request, vertex=True)
            given = await request.json()
            model = self._checked(request.match_info["parent"], given)
        except RefusedRequest as error:
            return error.response
        turn = self.creations.popleft() if self.creations else ""
        if turn == "busy":
            return refused(*BODIES["overloaded"])
        record = self._started(request.match_info["parent"], given, model)
        if turn == "unheard":
            return refused(*BODIES["overloaded"])
        if isinstance(turn, threading.Event):
            await asyncio.to_thread(turn.wait)
        return web.json_response(record.document)

    def _checked(self, parent: str, given: dict[str, Any]) -> str:
        known = {"displayName", "model", "inputConfig", "outputConfig", "labels"}
        if unknown := set(given) - known:
            _refuse(400, "INVALID_ARGUMENT", f'Unknown name "{unknown.pop()}": Cannot find field.')
        model = str(given.get("model")).removeprefix("publishers/google/models/")
        if model not in MODELS:
            _refuse(404, "NOT_FOUND", f"Publisher Model `{given.get('model')}` was not found.")
        source, target = given["inputConfig"], given["outputConfig"]
        if source["instancesFormat"] == target["predictionsFormat"] == "bigquery":
            self._check_table(parent, source["bigquerySource"]["inputUri"])
            return model
        uris = source["gcsSource"]["uris"]
        fits = source["instancesFormat"] == target["predictionsFormat"] == "jsonl"
        if not fits or len(uris) != 1 or not given.get("displayName"):
            _refuse(400, "INVALID_ARGUMENT", "The batch job's configuration is invalid.")
        if uris[0] not in self._bucket.names(uris[0]):
            _refuse(400, "FAILED_PRECONDITION", f"Cannot read {uris[0]}.")
        return model

    def _check_table(self, parent: str, uri: str) -> None:
        """In a single region, the one where the job runs."""
        assert self._data is not None
        name = _name(uri)
        place = self._data.location(name.project, name.dataset)
        if place.upper() in ("US", "EU") or place != parent.rpartition("/")[2]:
            said = f"The dataset is in {place}, which this job cannot read."
            _refuse(400, "INVALID_ARGUMENT", said)
        self._data.find(name.project, name.dataset, name.table)

    def _started(self, parent: str, given: dict[str, Any], model: str) -> BatchRecord:
        now = datetime.now(UTC).isoformat()
        number = 10**18 + len(self.jobs)
        document = {
            **given, "name": f"{parent}/batchPredictionJobs/{number}", "createTime": now,
            "updateTime": now, "state": "JOB_STATE_PENDING", "modelVersionId": "1",
        }  # fmt: skip
        script = self.scripts.popleft() if self.scripts else Script()
        record = BatchRecord(document, script)
        self.jobs.append(record)
        task = asyncio.get_running_loop().create_task(self._work(record, model))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return record

    async def _list(self, request: web.Request) -> web.Response:
        found = _FILTER.fullmatch(request.query.get("filter", ""))
        name = found["name"] if found else None
        chosen = [j.document for j in self.jobs if name in (None, j.document["displayName"])]
        size = min(self._page, int(request.query.get("pageSize", "100")))
        first = int(request.query.get("pageToken", "0"))
        answer: dict[str, Any] = {}
        if chosen:
            answer["batchPredictionJobs"] = chosen[first : first + size]
        if first + size < len(chosen):
            answer["nextPageToken"] = str(first + size)
        return web.json_response(answer)

    def _found(self, request: web.Request) -> BatchRecord | None:
        number = request.match_info["number"]
        return next((j for j in self.jobs if j.document["name"].endswith(f"/{number}")), None)

    async def _get(self, request: web.Request) -> web.Response:
        self.looks += 1
        job = self._found(request)
        if job is None:
            return refused(*body(404, "NOT_FOUND", "The BatchPredictionJob does not exist."))
        return web.json_response(job.document)

    async def _cancel(self, request: web.Request) -> web.Response:
        job = self._found(request)
        if job is None:
            return refused(*body(404, "NOT_FOUND", "The BatchPredictionJob does not exist."))
        job.cancel = True
        if job.script.begins is not None:
            job.script.begins.set()
        return web.json_response({})

    # The work of a job

    async def _end(self, app: web.Application) -> None:
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    async def _work(self, job: BatchRecord, model: str) -> None:
        script, document = job.script, job.document
        if script.begins is not None:
            while not script.begins.is_set():  # noqa: ASYNC110 - set in another thread
                await asyncio.sleep(0.01)
        await asyncio.sleep(script.seconds)
        document["state"] = "JOB_STATE_RUNNING"
        await asyncio.to_thread(self._answer_all, job, model)
        state = "CANCELLED" if job.cancel else script.state
        stats = {"successfulCount": str(job.answered), "failedCount": "0"}
        document["completionStats"] = stats | {"incompleteCount": str(job.rows - job.answered)}
        if script.error is not None:
            state = "FAILED"
            document["error"] = {"code": script.error[0], "message": script.error[1]}
        document["endTime"] = datetime.now(UTC).isoformat()
        document["state"] = f"JOB_STATE_{state}"

    def _answer_all(self, job: BatchRecord, model: str) -> None:
        """Writes results as the real service does: into a folder of its own below the prefix."""
        document, dice = job.document, random.Random(len(self.jobs))
        lines = self._lines(document["inputConfig"])
        job.rows = len(lines)
        if job.rows > _MAXIMUM:
            document["error"] = {"code": 3, "message": f"more than {_MAXIMUM} rows"}
            return
        if job.cancel or job.script.error:
            return
        done = lines[: int(len(lines) * job.script.stop_at)]
        out = list(self._results(job, model, done, dice))
        moved = dice.sample(range(len(out)), int(len(out) * job.script.disorder))
        for place, line in zip(sorted(moved), [out[i] for i in moved], strict=True):
            out[place] = line
        self._write(document, out)

    def _lines(self, source: dict[str, Any]) -> list[bytes]:
        if "gcsSource" in source:
            return self._bucket.path(source["gcsSource"]["uris"][0]).read_bytes().splitlines()
        assert self._data is not None
        name = _name(source["bigquerySource"]["inputUri"])
        found = self._data.cursor().sql(f"SELECT key, request FROM {name.sql}").fetchall()
        return [
            json.dumps({"key": key, "request": json.loads(request)}).encode()
            for key, request in found
        ]

    def _write(self, document: dict[str, Any], out: list[bytes]) -> None:
        target = document["outputConfig"]
        if "gcsDestination" in target:
            prefix = target["gcsDestination"]["outputUriPrefix"]
            folder = f"{prefix}/prediction-model-2026-11-22T10:00:00.000000Z"
            document["outputInfo"] = {"gcsOutputDirectory": folder}
            self._bucket.path(f"{folder}/predictions.jsonl").write_bytes(b"".join(out))
            return
        assert self._data is not None
        name = _name(target["bigqueryDestination"]["outputUri"])
        columns = ("key", "request", "response", "status")
        fields = [{"name": c, "type": "STRING", "mode": "NULLABLE"} for c in columns]
        self._data.create(name, fields)
        rows = [json.loads(line) for line in out]
        texts = [
            {c: row[c] if isinstance(row[c], str) else json.dumps(row[c]) for c in columns}
            for row in rows
        ]
        self._data.insert(name, texts)

    def _results(
        self, job: BatchRecord, model: str, lines: list[bytes], dice: random.Random
    ) -> Iterator[bytes]:
        script = job.script
        for line in lines:
            if dice.random() < script.missing:
                continue
            given = json.loads(line)
            assert set(given) <= {"request", "key"}
            with self._counting:  # jobs are answered in threads of their own
                invalid = dice.random() < script.invalid
                status, response = self._one(given["request"], model, invalid)
            if response is None:
                continue
            job.answered += not status
            at = datetime.now(UTC).isoformat()
            yield (
                json.dumps(
                    {"status": status, "processed_time": at, **given, "response": response}
                ).encode()
                + b"\n"
            )

    def _one(
        self, request: dict[str, Any], model: str, invalid: bool
    ) -> tuple[str, dict[str, Any] | None]:
        """Status and response of a row; None: there is no line for it."""
        try:
            call = read_call(request, model, vertex=True)
        except RefusedRequest as error:
            return f"Bad Request: {_text(error.response)}", {}
        corrected = len(request["contents"][0]["parts"]) > 2
        fault = self._next_fault(call.image) if self._faults else None
        if fault is None and invalid and not corrected:
            fault = Fault(kind="not_json")
        if fault is None:
            return "", json.loads(_text(self.reply(call, self.text(call))))
        if fault.kind == "missing":
            return "", None
        answer = self.misbehave(fault, call)
        if answer.status != 200:
            return f"{answer.reason}: {_text(answer)}", {}
        return "", json.loads(_text(answer))

    def spent(self, price: tuple[int, int]) -> int:
        """The bill at a price per input and output token."""
        return self.tokens["input"] * price[0] + self.tokens["output"] * price[1]


class MaximalServer(BatchServer):
    """Bills the dearest that is allowed: a token per byte of text, and all output."""

    def _bill(
        self, call: Call, tokens: int, answer: Any, *, thoughts: int = 0, answered: bool = True
    ) -> web.Response:
        request = call.body
        texts = [p["text"] for p in request["contents"][0]["parts"] if "text" in p]
        schema = json.dumps(call.schema or {})
        most = sum(len(text.encode()) for text in (*texts, schema))
        context = {**call.context, "input_tokens": most + 280}
        tokens, thoughts = int(call.context["max_output_tokens"]), 0
        call = Call(image=call.image, schema=call.schema, body=request, context=context)
        return super()._bill(call, tokens, answer, thoughts=thoughts, answered=answered)


def _name(uri: str) -> Name:
    return Name(*uri.removeprefix("bq://").split("."))


def _text(response: web.Response) -> str:
    assert isinstance(response.body, bytes)
    return response.body.decode()


def _refuse(status: int, state: str, message: str) -> None:
    raise RefusedRequest(refused(*body(status, state, message)))
