"""What BigQuery's errors mean, and who must act."""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from vistoria.errors import AccessDenied, TransientError, UserError, VistoriaError
from vistoria.google_problem import problem_of, translated
from vistoria.sources._translation import QueryWrong

if TYPE_CHECKING:
    from google.api_core.exceptions import GoogleAPICallError, RetryError

__all__ = ["NoSuchTable", "ResourcesExceeded", "format_size", "meaning", "too_large"]

_PLACE = re.compile(r"was not found in location (?P<location>[\w-]+)")
_NEEDED = re.compile(r"(\d+) or higher required")


class NoSuchTable(UserError):
    """There is no such table, data set or project, or not where the job ran."""

    def __init__(self, said: str) -> None:
        """`said`: BigQuery's message."""
        found = _PLACE.search(said)
        self.location = found["location"] if found else None
        super().__init__(
            f"{said}\n  check the names in FROM, project.dataset.table, and that its tables lie in "
            "one location"
        )


class ResourcesExceeded(UserError):
    """The query is too much for BigQuery, most often by its ORDER BY."""


_MEANINGS: Mapping[str, tuple[type[UserError], str]] = {
    "invalid": (QueryWrong, "{}"),
    "invalidQuery": (QueryWrong, "{}"),
    "notFound": (NoSuchTable, "{}"),
    "quotaExceeded": (
        UserError,
        "a quota of BigQuery is used up: {}\n  see https://console.cloud.google.com/iam-admin/quotas",
    ),
    "resourcesExceeded": (
        ResourcesExceeded,
        "the query is too much for BigQuery: {}\n  leave out its ORDER BY, or choose fewer rows",
    ),
    "responseTooLarge": (UserError, "the result is too large: {}\n  choose fewer rows with where"),
}
"""BigQuery's reason → what it is, and what to say."""


def meaning(error: "GoogleAPICallError | RetryError", most: int | None = None) -> VistoriaError:
    """The error of ours that an error of BigQuery stands for; `most`: the byte cap of the query."""
    from google.api_core.exceptions import RetryError  # noqa: PLC0415

    if isinstance(error, RetryError):
        return TransientError(f"BigQuery does not answer: {error.cause}")
    problem = problem_of(error)
    given = [entry.get("reason", "") for entry in error.errors if isinstance(entry, dict)]
    reason = "notFound" if error.code == 404 else problem.reason or "".join(given[:1])
    said = re.sub(r"^\d{3} \w+ \S+: ", "", problem.said)  # POST https://… of the client
    said = re.sub(r"; reason: .*|\n\nLocation: .*", "", said, flags=re.DOTALL)
    if reason == "bytesBilledLimitExceeded":
        needed = _NEEDED.search(said)
        return too_large(int(needed[1]) if needed else None, most)
    if "permission to query table" in said:  # without the name of the permission
        return AccessDenied(
            "the account you run as may not read the table; grant it roles/bigquery.dataViewer on "
            f"the data set\n  Google: {said}"
        )
    if reason in _MEANINGS:
        kind, form = _MEANINGS[reason]
        return kind(form.format(said))
    return translated(error)


def too_large(needed: int | None, most: int | None) -> UserError:
    """A query that would be billed for more bytes than allowed."""
    would = format_size(needed) if needed is not None else "more"
    cap = format_size(most) if most is not None else "the cap"
    return UserError(
        f"BigQuery would bill {would} for this query, and max_bytes_billed is {cap}. Choose fewer "
        "rows or columns (a condition on a partition or cluster column reads less), or raise "
        "max_bytes_billed in [source]."
    )


def format_size(size: int) -> str:
    """`512 B`, `1.9 GiB`."""
    number, units = float(size), ["B", "KiB", "MiB", "GiB", "TiB"]
    while number >= 1023.95 and len(units) > 1:
        number, _ = number / 1024, units.pop(0)
    return f"{number:.0f} B" if units[0] == "B" else f"{number:,.1f} {units[0]}"
