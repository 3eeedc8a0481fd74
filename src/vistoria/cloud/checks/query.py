"""BigQuery: that the project may query its rows, by a dry run, which costs nothing."""

from collections.abc import Iterator

from vistoria import opening
from vistoria.cloud.finding import Finding
from vistoria.cloud.visit import Visit, first_images
from vistoria.errors import UserError
from vistoria.sources import Metered, Selection

_MOST = 1 << 30  # bytes that the doctor reads to find an image: 0.6 cents
_UNIT = 1 << 20


def after(visit: Visit) -> tuple[str, ...]:
    """The project that is billed, and its API."""
    del visit
    return ("project", "apis bigquery")


def needless(visit: Visit) -> str | None:
    """Only for rows in BigQuery."""
    return None if visit.wants_bigquery else "the rows are not in BigQuery"


def look(visit: Visit) -> Iterator[Finding]:
    """Says what a run would read, and fetches a few rows where that is cheap."""
    try:
        visit.source = source = opening.open_source(visit.project)
    except UserError as error:
        if "Not found: Dataset" not in str(error):
            raise
        yield Finding(
            check="query", status="fail", said=str(error).split("\n")[0],
            mend="vistoria subscribe makes the linked data set; else check the name in [source]",
        )  # fmt: skip
        return
    said = f"may be run; read as {source.profile}"
    if isinstance(source, Metered):
        scan = source.scan(opening.selection(visit.project))
        said += f"; reads {scan.size / _UNIT:,.0f} MiB in {scan.location}"
        few = Selection(limit=3)
        if not visit.refs and source.scan(few).size <= _MOST:
            visit.refs = first_images(source, few)
    yield Finding(check="query", status="pass", said=said)
