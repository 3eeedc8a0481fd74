"""BigQuery's REST API v2, as far as the official client needs it, with the Storage Read API beside.

    with BigQueryServer(tokens=token_server.valid) as server:
        server.data.add_database(town / "town.duckdb", "imagery_insights___us")
        monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", server.url)   # honoured by the client

Queries are BigQuery's SQL, which runs in DuckDB; bytes are counted as BigQuery counts them.
"""

import asyncio
import json
import time
import traceback
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

from aiohttp import web

from tests.servers._serving import Serving
from tests.servers.bigquery_data import (
    LEAST_BILLED,
    RESULTS,
    Name,
    Refusal,
    Understood,
    Warehouse,
)
from tests.servers.bigquery_storage import StorageRead
from tests.servers.bigquery_uploads import Uploads

Body = dict[str, Any]
_PAGE = 10_000


@dataclass
class _Job:
    resource: Body
    error: Refusal | None = None
    table: Name | None = None
    rows: int = 0


class BigQueryServer(Serving):
    """REST at `url`, gRPC at `storage_url`.

    `tokens`: those that are taken (None: any). `refusals`: each is given once, to the next call,
    instead of an answer. `denied`: permissions that the account lacks. `disabled`: the API is off.
    `sorts`: rows beyond which ORDER BY without LIMIT is too much. `sent`: the configuration of
    each job, `billed`: the bytes of each that ran.
    """

    def __init__(self, *, project: str = "proj-1", tokens: set[str] | None = None) -> None:
        super().__init__()
        self.project, self.tokens = project, tokens
        self.data = Warehouse(project)
        self.storage = StorageRead(self.data, tokens)
        self.uploads = Uploads(self._begin)
        self.refusals: deque[Refusal] = deque()
        self.denied: set[str] = set()
        self.disabled = False
        self.sorts: int | None = None
        self.sent: list[Body] = []
        self.billed: list[int] = []
        self._jobs: dict[str, _Job] = {}
        self._cache: dict[str, tuple[Name, int]] = {}

    @property
    def storage_url(self) -> str:
        """Where the Storage Read API listens."""
        return f"http://127.0.0.1:{self.storage.port}"

    def __enter__(self) -> Self:
        self.storage.start()
        return super().__enter__()

    def __exit__(self, *given: object) -> None:
        self.storage.stop()
        super().__exit__(*given)

    def add_routes(self, app: web.Application) -> None:
        app.middlewares.append(self._guard)
        root, router = "/bigquery/v2/projects/{project}", app.router
        for method, path, answer in (
            ("POST", "/jobs", self._insert_job),
            ("GET", "/jobs/{job}", self._get_job),
            ("GET", "/queries/{job}", self._results),
            ("GET", "/datasets", self._list_datasets),
            ("POST", "/datasets", self._insert_dataset),
            ("GET", "/datasets/{dataset}", self._get_dataset),
            ("GET", "/datasets/{dataset}/tables", self._list_tables),
            ("POST", "/datasets/{dataset}/tables", self._insert_table),
            ("GET", "/datasets/{dataset}/tables/{table}", self._get_table),
            ("DELETE", "/datasets/{dataset}/tables/{table}", self._delete_table),
            ("GET", "/datasets/{dataset}/tables/{table}/data", self._list_rows),
            ("POST", "/datasets/{dataset}/tables/{table}/insertAll", self._insert_all),
        ):
            router.add_route(method, root + path, answer)
        router.add_post("/upload" + root + "/jobs", self.uploads.begin)
        router.add_put("/upload" + root + "/jobs", self.uploads.go_on)

    @web.middleware
    async def _guard(self, request: web.Request, handler: Any) -> web.StreamResponse:
        try:
            self._check(request)
            response: web.StreamResponse = await handler(request)
            return response
        except Refusal as refusal:
            return web.json_response(_error(refusal), status=refusal.status)
        except Exception:  # noqa: BLE001 - a fault of this server: not an error that is retried
            fault = Refusal(501, "notImplemented", traceback.format_exc())
            return web.json_response(_error(fault), status=501)

    def _check(self, request: web.Request) -> None:
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if self.tokens is not None and token not in self.tokens:
            raise Refusal(
                401, "authError",
                "Request had invalid authentication credentials. Expected OAuth 2 access token, "
                "login cookie or other valid authentication credential.",
            )  # fmt: skip
        if self.disabled:
            raise Refusal(
                403, "accessNotConfigured",
                f"BigQuery API has not been used in project {self.project} before or it is "
                "disabled. Enable it by visiting https://console.developers.google.com/apis/api/"
                f"bigquery.googleapis.com/overview?project={self.project} then retry. If you "
                "enabled this API recently, wait a few minutes for the action to propagate to our "
                "systems and retry.",
            )  # fmt: skip
        if self.refusals:
            raise self.refusals.popleft()

    # Jobs

    async def _insert_job(self, request: web.Request) -> web.Response:
        return web.json_response(await self._begin(request, await request.json()))

    async def _begin(self, request: web.Request, given: Body, lines: bytes = b"") -> Body:
        project = request.match_info["project"]
        if "bigquery.jobs.create" in self.denied or project != self.project:
            raise Refusal(
                403, "accessDenied",
                f"Access Denied: Project {project}: User does not have bigquery.jobs.create "
                f"permission in project {project}.",
            )  # fmt: skip
        self.sent.append(given["configuration"])
        reference = given.get("jobReference", {})
        if reference.get("jobId") in self._jobs:
            raise Refusal(409, "duplicate", f"Already Exists: Job {reference['jobId']}")
        if "load" in given["configuration"]:
            return await asyncio.to_thread(self._load, given, lines)
        return await asyncio.to_thread(self._query, given)

    def _query(self, given: Body) -> Body:
        configuration, reference = given["configuration"], dict(given.get("jobReference", {}))
        asked, dry = configuration["query"], bool(configuration.get("dryRun"))
        parameters = {p["name"]: _value(p) for p in asked.get("queryParameters", ())}
        resource: Body = {
            "kind": "bigquery#job",
            "configuration": configuration,
            "jobReference": {"projectId": self.project, "location": "US", **reference},
            "status": {"state": "DONE"},
        }
        job = _Job(resource)
        try:
            home = asked.get("defaultDataset")
            its = self.data.understand(
                asked["query"], parameters, reference.get("location"),
                (home["projectId"], home["datasetId"]) if home else (),
            )  # fmt: skip
            resource["jobReference"]["location"] = its.location
            self._allow(its)
            self._fill(job, asked, its, parameters, dry=dry)
        except Refusal as refusal:
            if dry:
                raise
            job.error = refusal
            error = {"reason": refusal.reason, "message": refusal.message}
            resource["status"] |= {"errorResult": error, "errors": [error]}
        if not dry:
            self._jobs[reference["jobId"]] = job
            resource["id"] = f"{self.project}:{reference['jobId']}"
        return resource

    def _fill(
        self, job: _Job, asked: Body, its: Understood, parameters: Body, *, dry: bool
    ) -> None:
        key = json.dumps([asked["query"], parameters, asked.get("defaultDataset")], default=str)
        hit = bool(asked.get("useQueryCache", True)) and key in self._cache and not dry
        size = 0 if hit else its.size
        billed = max(LEAST_BILLED, -(-size // (1 << 20)) << 20) if size else 0
        most = asked.get("maximumBytesBilled")
        if most is not None and billed > int(most) and not dry:
            raise Refusal(
                400, "bytesBilledLimitExceeded",
                f"Query exceeded limit for bytes billed: {most}. {billed} or higher required.",
            )  # fmt: skip
        now = str(int(time.time() * 1000))
        query: Body = {
            "totalBytesProcessed": str(size), "totalBytesBilled": "0" if dry else str(billed),
            "cacheHit": hit, "statementType": its.kind,
        }  # fmt: skip
        job.resource["statistics"] = {
            "creationTime": now, "startTime": now, "endTime": now,
            "totalBytesProcessed": str(size), "query": query,
        }  # fmt: skip
        if not dry:
            self.billed.append(billed)
        if dry:
            query["schema"] = {"fields": its.fields}
        elif its.kind != "SELECT":
            query["numDmlAffectedRows"] = str(self.data.change(its, parameters))
            self._cache.clear()
        else:
            job.table, job.rows = self._cache[key] if hit else self.data.run(its, parameters)
            if self.sorts is not None and its.unbounded_order and job.rows > self.sorts:
                raise Refusal(
                    400, "resourcesExceeded",
                    "Resources exceeded during query execution: The query could not be executed "
                    "in the allotted memory. Peak usage: 133% of limit. Top memory consumer(s): "
                    "sort operations used for ORDER BY: 99% other/unattributed: 1%",
                )  # fmt: skip
            self._cache[key] = job.table, job.rows
            asked["destinationTable"] = {
                "projectId": job.table.project, "datasetId": job.table.dataset,
                "tableId": job.table.table,
            }  # fmt: skip

    def _allow(self, its: Understood) -> None:
        if "bigquery.tables.getData" in self.denied and its.tables:
            project, dataset, table = its.tables[0]
            place = f"{project}:{dataset}.{table}"
            raise Refusal(
                403, "accessDenied",
                f"Access Denied: Table {place}: User does not have permission to query table "
                f"{place}, or perhaps it does not exist.",
            )  # fmt: skip

    def _job(self, request: web.Request) -> _Job:
        job = self._jobs.get(request.match_info["job"])
        if job is None:
            said = f"Not found: Job {self.project}:{request.match_info['job']}"
            raise Refusal(404, "notFound", said)
        return job

    async def _get_job(self, request: web.Request) -> web.Response:
        return web.json_response(self._job(request).resource)

    async def _results(self, request: web.Request) -> web.Response:
        job = self._job(request)
        if job.error is not None:
            raise job.error
        body: Body = {
            "jobReference": job.resource["jobReference"], "jobComplete": True, "cacheHit": False,
            "totalBytesProcessed": job.resource["statistics"]["totalBytesProcessed"],
        }  # fmt: skip
        if job.table is not None:
            body["schema"] = {"fields": self.data.fields(job.table)}
            body |= await asyncio.to_thread(self._page, job.table, request, job.rows)
        return web.json_response(body)

    def _page(self, name: Name, request: web.Request, total: int) -> Body:
        asked = request.query
        first = int(asked.get("pageToken") or asked.get("startIndex") or 0)
        count = min(int(asked.get("maxResults", _PAGE)), _PAGE)
        rows = self.data.rows(name, first, count)
        body: Body = {"totalRows": str(total)}
        if rows:
            body["rows"] = [{"f": [{"v": value} for value in row]} for row in rows]
        if first + len(rows) < total:
            body["pageToken"] = str(first + len(rows))
        return body

    # Loading: newline-delimited JSON or Parquet

    def _load(self, given: Body, lines: bytes) -> Body:
        wanted = given["configuration"]["load"]
        place = wanted["destinationTable"]
        name = Name(place["projectId"], place["datasetId"], place["tableId"])
        there = name.table in self.data.tables(name.project, name.dataset)
        if there and wanted.get("writeDisposition") == "WRITE_TRUNCATE":
            self.data.drop(name)
            there = False
        if not there:
            self.data.create(name, wanted["schema"]["fields"])
        if wanted.get("sourceFormat") == "PARQUET":
            loaded = self.data.insert_parquet(name, lines)
        else:
            rows = [json.loads(line) for line in lines.splitlines() if line.strip()]
            self.data.insert(name, rows)
            loaded = len(rows)
        self._cache.clear()
        resource = {
            "kind": "bigquery#job", "configuration": given["configuration"],
            "jobReference": given["jobReference"], "status": {"state": "DONE"},
            "statistics": {"load": {"outputRows": str(loaded)}},
        }  # fmt: skip
        self._jobs[given["jobReference"]["jobId"]] = _Job(resource)
        return resource

    # Data sets and tables

    async def _list_datasets(self, request: web.Request) -> web.Response:
        project = request.match_info["project"]
        found = [self._dataset(*k) for k in self.data.locations if k[0] == project]
        shown = [d for d in found if d["datasetReference"]["datasetId"] != RESULTS]
        return web.json_response({"kind": "bigquery#datasetList", "datasets": shown})

    async def _get_dataset(self, request: web.Request) -> web.Response:
        return web.json_response(self._dataset(*_place(request, "project", "dataset")))

    async def _insert_dataset(self, request: web.Request) -> web.Response:
        given = await request.json()
        dataset = given["datasetReference"]["datasetId"]
        if (self.project, dataset) in self.data.locations:
            raise Refusal(409, "duplicate", f"Already Exists: Dataset {self.project}:{dataset}")
        self.data.add_dataset(dataset, given.get("location", "US"))
        return web.json_response(self._dataset(self.project, dataset))

    def _dataset(self, project: str, dataset: str) -> Body:
        return {
            "kind": "bigquery#dataset", "id": f"{project}:{dataset}",
            "datasetReference": {"projectId": project, "datasetId": dataset},
            "location": self.data.location(project, dataset),
        }  # fmt: skip

    async def _list_tables(self, request: web.Request) -> web.Response:
        project, dataset = _place(request, "project", "dataset")
        names = self.data.tables(project, dataset)
        tables = [_table(Name(project, dataset, table)) for table in names]
        return web.json_response({"tables": tables, "totalItems": len(tables)})

    async def _get_table(self, request: web.Request) -> web.Response:
        return web.json_response(self._whole_table(self._named(request)))

    def _whole_table(self, name: Name) -> Body:
        location = self.data.location(name.project, name.dataset)
        fields = {"fields": self.data.fields(name)}
        rows = str(self.data.count(name))
        return _table(name) | {"schema": fields, "numRows": rows, "location": location}

    async def _insert_table(self, request: web.Request) -> web.Response:
        given = await request.json()
        place = given["tableReference"]
        name = Name(place["projectId"], place["datasetId"], place["tableId"])
        self.data.create(name, given.get("schema", {}).get("fields", ()))
        return web.json_response(self._whole_table(name))

    async def _delete_table(self, request: web.Request) -> web.Response:
        self.data.drop(self._named(request))
        return web.Response(status=204)

    async def _list_rows(self, request: web.Request) -> web.Response:
        name = self._named(request)
        return web.json_response(self._page(name, request, self.data.count(name)))

    async def _insert_all(self, request: web.Request) -> web.Response:
        given = await request.json()
        self.data.insert(self._named(request), [row["json"] for row in given["rows"]])
        return web.json_response({"kind": "bigquery#tableDataInsertAllResponse"})

    def _named(self, request: web.Request) -> Name:
        return self.data.find(*_place(request, "project", "dataset", "table"))


def _place(request: web.Request, *parts: str) -> tuple[Any, ...]:
    return tuple(request.match_info[part] for part in parts)


def _table(name: Name) -> Body:
    return {
        "kind": "bigquery#table", "id": f"{name.project}:{name.dataset}.{name.table}",
        "tableReference": {
            "projectId": name.project, "datasetId": name.dataset, "tableId": name.table,
        },
        "type": "TABLE",
    }  # fmt: skip


def _value(parameter: Body) -> Any:
    kind, value = parameter["parameterType"]["type"], parameter["parameterValue"].get("value")
    if value is None:
        return None
    casts: dict[str, Callable[[str], Any]] = {
        "INT64": int,
        "FLOAT64": float,
        "BOOL": lambda text: text == "true",
    }
    return casts.get(kind, str)(value)


def _error(refusal: Refusal) -> Body:
    states = {400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED",
              404: "NOT_FOUND", 409: "ALREADY_EXISTS"}  # fmt: skip
    one = {"message": refusal.message, "domain": "global", "reason": refusal.reason}
    error: Body = {
        "code": refusal.status, "message": refusal.message, "errors": [one],
        "status": states.get(refusal.status, "UNKNOWN"),
    }  # fmt: skip
    if refusal.reason == "accessNotConfigured":
        project = refusal.message.partition("in project ")[2].partition(" ")[0]
        error["details"] = [
            {
                "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                "reason": "SERVICE_DISABLED",
                "domain": "googleapis.com",
                "metadata": {
                    "service": "bigquery.googleapis.com",
                    "consumer": f"projects/{project}",
                    "activationUrl": "https://console.developers.google.com/apis/api/"
                    f"bigquery.googleapis.com/overview?project={project}",
                },
            }
        ]
    return {"error": error}
