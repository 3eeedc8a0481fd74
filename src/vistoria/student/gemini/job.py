"""A tuning job on Vertex AI: looked up by its name before it is made, then watched.

Google gives a job its number; what we fix beforehand is the display name of the tuned model. It
contains a hash of all that goes into the job, so the same command again finds the same job, also
after a crash between asking for it and learning its number.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal, TypeAlias
from urllib.parse import urlencode

from vistoria.errors import AccessDenied, RateLimited, TransientError, UserError, VistoriaError
from vistoria.google_account import GoogleAccount
from vistoria.google_problem import cause, read_problem
from vistoria.models._http import Answer, Http

__all__ = ["Job", "JobSpec", "State", "TuningService"]

State: TypeAlias = Literal["queued", "running", "succeeded", "failed", "cancelled"]
_STATES: Mapping[str, State] = {
    "QUEUED": "queued",
    "PENDING": "queued",
    "SUCCEEDED": "succeeded",
    "PARTIALLY_SUCCEEDED": "succeeded",
    "FAILED": "failed",
    "EXPIRED": "failed",
    "CANCELLED": "cancelled",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSpec:
    """What is asked for. `lines`: a hash of training and validation lines. None: Google chooses."""

    base: str
    lines: str
    adapter: int | None = None
    epochs: int | None = None
    learning_rate: float | None = None

    @property
    def name(self) -> str:
        """The display name, the same for the same job."""
        parts = [self.base, self.lines, self.adapter, self.epochs, self.learning_rate]
        return f"vistoria-{sha256(json.dumps(parts).encode()).hexdigest()[:20]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A job as Google tells of it. `endpoint`: where the tuned model answers, once it does."""

    resource: str
    state: State
    endpoint: str | None
    error: str | None


def digest_of(*paths: Path) -> str:
    """A hash of files, by content."""
    held = sha256()
    for path in paths:
        held.update(sha256(path.read_bytes()).digest())
    return held.hexdigest()[:20]


class TuningService:
    """The tuning jobs of a project in a region."""

    def __init__(self, base_url: str, project: str, region: str, account: GoogleAccount) -> None:
        """`base_url`: without version."""
        self._url = f"{base_url}/v1/projects/{project}/locations/{region}/tuningJobs"
        self._account = account
        self._http = Http(timeout=120.0)

    async def find(self, name: str) -> Job | None:
        """The first job of that name, on whichever page of the list it is."""
        given = {"pageSize": "100"}
        found: list[dict[str, Any]] = []
        while True:
            page = await self._call("GET", f"?{urlencode(given)}")
            jobs = page.get("tuningJobs") or ()
            found += [job for job in jobs if job.get("tunedModelDisplayName") == name]
            if not page.get("nextPageToken"):
                break
            given["pageToken"] = page["nextPageToken"]
        # One that failed is no reason not to try again.
        live = [job for job in found if _state(job) not in ("failed", "cancelled")]
        first = min(live, key=lambda job: str(job.get("createTime")), default=None)
        return _read(first) if first else None

    async def submit(self, spec: JobSpec, training: str, validation: str | None) -> Job:
        """Starts a job on files in Cloud Storage; raises TransientError with `outcome_unknown`
        where it may have been started after all: then `find` tells."""
        tuning: dict[str, Any] = {"trainingDatasetUri": training}
        if validation:
            tuning["validationDatasetUri"] = validation
        chosen: dict[str, Any] = {}
        if spec.epochs is not None:
            chosen["epochCount"] = str(spec.epochs)
        if spec.learning_rate is not None:
            chosen["learningRateMultiplier"] = spec.learning_rate
        if spec.adapter is not None:
            chosen["adapterSize"] = f"ADAPTER_SIZE_{_WORDS[spec.adapter]}"
        if chosen:
            tuning["hyperParameters"] = chosen
        body = {
            "baseModel": spec.base, "supervisedTuningSpec": tuning,
            "tunedModelDisplayName": spec.name,
        }  # fmt: skip
        return _read(await self._call("POST", "", body))

    async def look(self, resource: str) -> Job:
        """How a job stands."""
        return _read(await self._call("GET", f"/{resource.rpartition('/')[2]}"))

    async def aclose(self) -> None:
        """Closes connections."""
        await self._http.aclose()

    async def _call(
        self, method: str, path: str, body: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        headers = await self._account.headers()
        if method == "GET":
            answer = await self._http.get(self._url + path, headers)
        else:
            answer = await self._http.post(self._url + path, headers, json.dumps(body).encode())
        if answer.status == 401 and self._account.refused(headers):
            raise TransientError("Google refused a token before its time; fetching another")
        if answer.status != 200:
            raise _explained(answer)
        try:
            found: dict[str, Any] = json.loads(answer.body)
        except ValueError as error:
            raise TransientError(
                f"Google's answer is cut or malformed: {error}", outcome_unknown=True
            ) from None
        return found


_WORDS = {1: "ONE", 2: "TWO", 4: "FOUR", 8: "EIGHT", 16: "SIXTEEN"}


def _explained(answer: Answer) -> VistoriaError:
    problem = read_problem(answer.status, answer.body)
    if answer.status == 429:
        return RateLimited(f"Google: {problem.said}", retry_after=problem.wait)
    if answer.status >= 500 or answer.status == 408:
        return TransientError(
            f"Google: {problem.said}", retry_after=problem.wait, outcome_unknown=True
        )
    if answer.status in (401, 403):
        return AccessDenied(f"Google refuses the tuning job: {cause(problem)}")
    return UserError(f"Google refuses the tuning job: {problem.said}")


def _state(given: Mapping[str, Any]) -> State:
    return _STATES.get(str(given.get("state")).removeprefix("JOB_STATE_"), "running")


def _read(given: Mapping[str, Any]) -> Job:
    error = (given.get("error") or {}).get("message")
    endpoint = (given.get("tunedModel") or {}).get("endpoint")
    return Job(resource=str(given["name"]), state=_state(given), endpoint=endpoint, error=error)
