"""Batch jobs of Gemini on Vertex AI: `batchPredictionJobs` over files, or tables of requests.

A job has a number that Google gives; what we fix beforehand is its display name, by which it is
looked up before it is created, so that a crash between the two makes no second one.
"""

import json
import re
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from vistoria.errors import (
    AccessDenied,
    ConfigError,
    ObservationError,
    TransientError,
    UserError,
    VistoriaError,
)
from vistoria.models._batch import BatchJob, BatchResult, BatchRow, BatchState
from vistoria.models._gemini_batch_lines import mark_of
from vistoria.models._gemini_request import Request
from vistoria.models._gemini_service import Service
from vistoria.models._gemini_staging import Staging
from vistoria.models._google_errors import google_error
from vistoria.models._http import Answer, Http
from vistoria.records import Picture
from vistoria.task import Task

_TARGET = re.compile(
    r"(?P<base>.+)/(?P<parent>projects/[^/]+/locations/[^/]+)/(?P<model>.+):generateContent"
)
_STATES: Mapping[str, BatchState] = {
    "QUEUED": "queued",
    "PENDING": "queued",
    "SUCCEEDED": "succeeded",
    "PARTIALLY_SUCCEEDED": "succeeded",
    "FAILED": "failed",
    "CANCELLED": "cancelled",
    "EXPIRED": "expired",
}  # what is not here is on its way: RUNNING, PAUSED, CANCELLING, UPDATING
_OURS = frozenset({3, 5, 7, 9, 16})  # google.rpc codes that a person has to mend


class GeminiBatches:
    """The batch jobs of one model in one project and location."""

    def __init__(
        self, service: Service, http: Http, request: Request, staging: Staging,
        labels: Mapping[str, str], *, keep: bool,
    ) -> None:  # fmt: skip
        """`staging`: where rows and results go. `keep`: leave them there when a job is done."""
        self._service, self._http, self._request = service, http, request
        self._staging, self._labels, self._keep = staging, labels, keep

    def row(self, task: Task, picture: Picture, key: str, correction: str | None) -> BatchRow:
        """See `models.Batches`, as for all of these."""
        request = self._request.encoded(task, picture, correction)
        return BatchRow(self._staging.line(key, request), mark_of(picture))

    async def upload(self, name: str, file: Path) -> None:
        """To where the job will find it."""
        place = await self._place()
        await self._staging.put(name, file, place["parent"].rpartition("/")[2])

    async def find(self, name: str) -> BatchJob | None:
        """Among the jobs of the project and location, by display name."""
        given = {"filter": f'display_name="{name}"', "pageSize": "100"}
        found: list[dict[str, Any]] = []
        while True:
            page = await self._call("GET", f"?{urlencode(given)}")
            jobs = page.get("batchPredictionJobs") or ()
            found += [job for job in jobs if job.get("displayName") == name]
            if not page.get("nextPageToken"):
                break
            given["pageToken"] = page["nextPageToken"]
        first = min(found, key=lambda job: str(job.get("createTime")), default=None)
        return _read(first) if first else None

    async def submit(self, name: str) -> BatchJob:
        """On the file uploaded under this name."""
        source, target = self._staging.places(name)
        body: dict[str, Any] = {
            "displayName": name,
            "model": (await self._place())["model"],
            "inputConfig": source,
            "outputConfig": target,
        }
        if self._labels:
            body["labels"] = dict(self._labels)
        return _read(await self._call("POST", "", body))

    async def look(self, resource: str) -> BatchJob | None:
        """By its resource name."""
        try:
            return _read(await self._call("GET", f"/{resource.rpartition('/')[2]}"))
        except _NoJob:
            return None

    async def results(self, name: str, resource: str) -> AsyncIterator[BatchResult]:
        """From whatever the job has written so far."""
        del resource
        asked = (await self._place())["model"].rpartition("/")[2]
        async for found in self._staging.results(name, asked):
            yield found

    async def cancel(self, resource: str) -> None:
        """Google ends it some time later."""
        await self._call("POST", f"/{resource.rpartition('/')[2]}:cancel", {})

    async def clear(self, name: str) -> None:
        """Rows and results, unless they are to be kept."""
        if not self._keep:
            await self._staging.remove(name)

    async def _place(self) -> Mapping[str, str]:
        """base, parent and model of the service's addresses."""
        found = _TARGET.fullmatch((await self._service.target()).url)
        if found is None or not found["model"].startswith("publishers/"):
            raise ConfigError(
                "batch jobs take Google's own models by name, in a Cloud project: a tuned model's "
                "endpoint answers online only. Run without batch"
            )
        return found.groupdict()

    async def _call(
        self, method: str, path: str, body: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        place = await self._place()
        headers = (await self._service.target()).headers
        url = f"{place['base']}/{place['parent']}/batchPredictionJobs{path}"
        if method == "GET":
            answer = await self._http.get(url, headers)
        else:
            answer = await self._http.post(url, headers, json.dumps(body).encode())
        if answer.status == 200:
            return _document(answer)
        if answer.status == 401 and self._service.refused(headers):
            raise TransientError("Google refused a token before its time; fetching another")
        if answer.status == 404 and method == "GET" and path.startswith("/"):
            raise _NoJob
        raise _explained(answer, place["model"].rpartition("/")[2])


class _NoJob(Exception):
    """There is no such job."""


def _document(answer: Answer) -> dict[str, Any]:
    try:
        given = json.loads(answer.body)
        if isinstance(given, dict):
            return given
        said = "it is no object"
    except ValueError as error:
        said = str(error)
    raise TransientError(f"Google's answer is cut or malformed: {said}", outcome_unknown=True)


def _explained(answer: Answer, model: str) -> VistoriaError:
    error = google_error(answer, model=model, uri="", by_reference=False)
    if isinstance(error, ObservationError):  # of a job, not of a picture
        return UserError(f"Google refuses the batch job: {error}")
    if isinstance(error, TransientError) and answer.status >= 500:
        error.outcome_unknown = True
    return error


def _read(given: Mapping[str, Any]) -> BatchJob:
    state = _STATES.get(str(given.get("state")).removeprefix("JOB_STATE_"), "running")
    counts = given.get("completionStats") or {}
    done = [int(counts[key]) for key in ("successfulCount", "failedCount") if key in counts]
    return BatchJob(
        resource=str(given["name"]),
        state=state,
        done=sum(done) if done else None,
        error=_failure(given.get("error") or {}) if state == "failed" else None,
    )


def _failure(given: Mapping[str, Any]) -> VistoriaError:
    said = f"Google's batch job failed: {given.get('message') or 'no reason given'}"
    if given.get("code") == 7:
        return AccessDenied(
            f"{said}\n  grant roles/storage.objectUser on the staging bucket, and "
            "roles/storage.objectViewer on the images', to the project's Vertex AI service agent, "
            "service-PROJECT_NUMBER@gcp-sa-aiplatform.iam.gserviceaccount.com"
        )
    return UserError(said) if given.get("code") in _OURS else TransientError(said)
