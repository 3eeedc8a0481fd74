"""The rows: that a source on this machine can be read."""

from collections.abc import Iterator

from vistoria import opening
from vistoria.cloud.finding import Finding
from vistoria.cloud.visit import Visit


def after(visit: Visit) -> tuple[str, ...]:
    """Nothing."""
    del visit
    return ()


def needless(visit: Visit) -> str | None:
    """BigQuery has a check of its own."""
    return "the rows are in BigQuery (see query)" if visit.wants_bigquery else None


def look(visit: Visit) -> Iterator[Finding]:
    """Opens it, counts its rows and reads the first."""
    visit.source = visit.source or opening.open_source(visit.project)
    count = visit.source.count(opening.selection(visit.project))
    if not count and not visit.sample():
        yield Finding(
            check="source", status="fail", said=f"{visit.source.address} has no rows",
            mend="name another source, or choose more with where, limit and sample",
        )  # fmt: skip
        return
    rows = "rows" if count is None else f"{count:,} rows"
    said = f"{rows} in {visit.source.address}, read as {visit.source.profile}"
    yield Finding(check="source", status="pass", said=said)
