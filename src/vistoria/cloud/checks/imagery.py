"""The linked data set: that it is there, and which products' tables it has."""

from collections.abc import Iterator

from vistoria.cloud.finding import Finding
from vistoria.cloud.imagery import look_at
from vistoria.cloud.visit import Visit


def after(visit: Visit) -> tuple[str, ...]:
    """The query found it."""
    del visit
    return ("query",)


def needless(visit: Visit) -> str | None:
    """Only for rows in BigQuery, in a data set that the address names."""
    if not visit.wants_bigquery:
        return "the rows are not in BigQuery"
    return None if visit.dataset_name else "the query names its tables by itself"


def look(visit: Visit) -> Iterator[Finding]:
    """Lists its tables."""
    assert visit.dataset_name is not None
    visit.dataset = found = look_at(visit.clients.bigquery(), visit.dataset_name)
    products = ", ".join(found.products)
    said = f"{found.name} in {found.location}: "
    said += products or f"{len(found.tables)} tables, none of Street View Insights"
    yield Finding(check="imagery", status="pass", said=said)
