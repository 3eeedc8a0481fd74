"""Batch jobs: that their files can be written, and jobs be asked for, in one place."""

import os
from collections.abc import Iterator
from typing import Any

from vistoria.cloud.finding import Finding
from vistoria.cloud.visit import Visit
from vistoria.errors import AccessDenied, ConfigError, TransientError, UserError
from vistoria.google_problem import cause, read_problem

_PERMISSIONS = (
    "storage.objects.create",
    "storage.objects.delete",
    "storage.objects.get",
    "storage.objects.list",
)


def after(visit: Visit) -> tuple[str, ...]:
    """Who may ask online has the same role for jobs."""
    del visit
    return ("project", "apis aiplatform", "answer")


def needless(visit: Visit) -> str | None:
    """Only where a folder for their files is set."""
    return None if visit.wants_vertex and visit.staging else "no staging is set in [model]"


def look(visit: Visit) -> Iterator[Finding]:
    """Asks for the bucket's place, what may be done in it, and the list of jobs."""
    staging = visit.staging or ""
    bucket = staging.removeprefix("gs://").split("/")[0]
    if not staging.startswith("gs://") or not bucket:
        raise ConfigError(f"staging is {staging!r}; set it to gs://bucket/folder")
    storage = f"{visit.clients.host('storage')}/storage/v1/b/{bucket}"
    asked = [("permissions", permission) for permission in _PERMISSIONS]
    try:
        held = _get(visit, f"{storage}/iam/testPermissions", asked).get("permissions", ())
        place = str(_get(visit, storage, [("fields", "location")]).get("location", ""))
    except UserError as error:
        yield visit.failed("batch", error)
        return
    missing = [permission for permission in _PERMISSIONS if permission not in held]
    if missing:
        lacks = AccessDenied(f"in gs://{bucket} you lack {', '.join(missing)}")
        yield visit.failed("batch", lacks)
        return
    project, region = visit.clients.project(), visit.google.region or "global"
    jobs = f"{_vertex(visit, region)}/v1/projects/{project}/locations/{region}/batchPredictionJobs"
    _get(visit, jobs, [("pageSize", "1")])
    said = f"jobs may be run in {region}; gs://{bucket} in {place} may be written"
    yield Finding(check="batch", status="pass", said=said)


def _vertex(visit: Visit, region: str) -> str:
    given = visit.google.endpoints.get("aiplatform") or os.environ.get("GOOGLE_VERTEX_BASE_URL")
    if given or region == "global":
        return (given or visit.clients.host("aiplatform")).rstrip("/")
    return f"https://{region}-aiplatform.googleapis.com"


def _get(visit: Visit, url: str, parameters: list[tuple[str, str]]) -> dict[str, Any]:
    from requests import RequestException  # noqa: PLC0415 - of an extra

    try:
        answer = visit.clients.session().get(url, params=parameters, timeout=30)
    except RequestException as error:
        raise TransientError(f"no answer from {url}: {error}") from None
    if answer.status_code == 404:
        raise ConfigError(
            f"there is nothing at {url}: {read_problem(404, answer.content).said}; make the "
            "bucket in the region where jobs run: gcloud storage buckets create"
        )
    if answer.status_code >= 500:
        raise TransientError(f"HTTP {answer.status_code} from {url}")
    if answer.status_code >= 400:
        raise AccessDenied(cause(read_problem(answer.status_code, answer.content)))
    found: dict[str, Any] = answer.json()
    return found
