"""The Google Cloud project that is billed."""

from collections.abc import Iterator

from vistoria.cloud.finding import Finding
from vistoria.cloud.visit import Visit


def after(visit: Visit) -> tuple[str, ...]:
    """The credentials may name it."""
    del visit
    return ("credentials",)


def needless(visit: Visit) -> str | None:
    """Only BigQuery and Vertex AI bill one."""
    wanted = visit.wants_bigquery or visit.wants_vertex
    return None if wanted else "nothing is billed to a project"


def look(visit: Visit) -> Iterator[Finding]:
    """Finds it."""
    name = visit.clients.project()
    origin = visit.project.origin("google.project")
    where = "the credentials" if origin == "default" else origin
    yield Finding(check="project", status="pass", said=f"{name}, from {where}")
