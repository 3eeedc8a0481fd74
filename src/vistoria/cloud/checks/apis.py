"""The APIs that the project must have enabled, as Service Usage tells."""

from collections.abc import Iterator

from vistoria.cloud.clients import Clients
from vistoria.cloud.finding import Finding
from vistoria.cloud.visit import Visit
from vistoria.errors import AccessDenied, TransientError
from vistoria.google_problem import cause, read_problem


def after(visit: Visit) -> tuple[str, ...]:
    """The project that is asked about."""
    del visit
    return ("project",)


def needless(visit: Visit) -> str | None:
    """As the project."""
    return None if _needed(visit) else "no API of Google's is called"


def look(visit: Visit) -> Iterator[Finding]:
    """Asks once about all. Who may not ask learns it from the checks that follow."""
    project, wanted = visit.clients.project(), _needed(visit)
    try:
        states = _states(visit.clients, project, wanted)
    except AccessDenied as error:
        if "there is no projects/" in str(error):
            raise
        said = "you may not list the project's APIs; the checks below show what is off"
        yield Finding(check="apis", status="unchecked", said=said)
        return
    for api in wanted:
        name = f"apis {api.partition('.')[0]}"
        if states.get(api) == "ENABLED":
            yield Finding(check=name, status="pass", said=f"{api} is on")
        else:
            yield Finding(
                check=name, status="fail", said=f"the API {api} is off in {project}",
                mend=f"gcloud services enable {api} --project {project}",
            )  # fmt: skip


def _needed(visit: Visit) -> tuple[str, ...]:
    wanted = []
    if visit.wants_bigquery:
        wanted += ["bigquery.googleapis.com", "bigquerystorage.googleapis.com"]
    if visit.wants_vertex:
        wanted.append("aiplatform.googleapis.com")
    return tuple(wanted)


def _states(clients: Clients, project: str, apis: tuple[str, ...]) -> dict[str, str]:
    """API → "ENABLED" or "DISABLED"."""
    from requests import RequestException  # noqa: PLC0415 - of an extra

    parent = f"projects/{project}"
    url = f"{clients.host('serviceusage')}/v1/{parent}/services:batchGet"
    names = [("names", f"{parent}/services/{api}") for api in apis]
    try:
        answer = clients.session().get(url, params=names, timeout=30)
    except RequestException as error:
        raise TransientError(f"Service Usage does not answer: {error}") from None
    if answer.status_code >= 500:
        raise TransientError(f"Service Usage: HTTP {answer.status_code}")
    if answer.status_code >= 400:
        raise AccessDenied(cause(read_problem(answer.status_code, answer.content)))
    services = answer.json().get("services", ())
    return {one["name"].rpartition("/")[2]: one["state"] for one in services}
