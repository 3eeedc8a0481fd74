"""The rows of a Gemini batch job as a table of requests in BigQuery, its results as another.

The data set lies in one region, where the jobs run too: a multi-region, as that of the linked data
set of a subscription, is refused by Google.
"""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from vistoria.errors import ConfigError, MissingExtra
from vistoria.google_account import GoogleAccount, GoogleSettings
from vistoria.google_problem import translated
from vistoria.models._batch import BatchResult
from vistoria.models._gemini_batch_lines import read_row
from vistoria.models._gemini_staging import Places

if TYPE_CHECKING:
    from google.cloud.bigquery import Client

_DATASET = re.compile(r"bq://(?P<project>[a-z0-9.:-]+)\.(?P<dataset>\w+)")
_PAGE = 5_000
_T = TypeVar("_T")


class Tables:
    """Tables named after the job, in one data set. Needs the extra `bigquery`."""

    def __init__(self, address: str, project: str | None) -> None:
        """`address`: `bq://project.dataset`. `project`: that pays, unless it is the same.

        Raises ConfigError or MissingExtra.
        """
        found = _DATASET.fullmatch(address)
        if found is None:
            raise ConfigError(f"staging must be like 'bq://project.dataset', got {address!r}")
        try:
            from google.cloud import bigquery  # noqa: F401, PLC0415 - of an extra
        except ImportError:
            raise MissingExtra("batch jobs over BigQuery", "bigquery") from None
        self._dataset = f"{found['project']}.{found['dataset']}"
        self._account = GoogleAccount(
            GoogleSettings(project=project or found["project"]),
            needed_for="batch jobs over BigQuery", extra="bigquery",
        )  # fmt: skip
        self._opened: Client | None = None

    def line(self, key: str, request: bytes) -> bytes:
        """The key in a column of its own, which Google passes through."""
        return json.dumps({"key": key, "request": request.decode()}).encode() + b"\n"

    async def put(self, name: str, file: Path, location: str) -> None:
        """By a load job, in place of what is there."""
        await self._ask(lambda: self._load(name, file, location))

    def places(self, name: str) -> Places:
        """Two tables."""
        source, target = f"bq://{self._table(name)}", f"bq://{self._table(name)}_out"
        return Places(
            {"instancesFormat": "bigquery", "bigquerySource": {"inputUri": source}},
            {"predictionsFormat": "bigquery", "bigqueryDestination": {"outputUri": target}},
        )

    async def results(self, name: str, asked: str) -> AsyncIterator[BatchResult]:
        """Page by page; nothing where the job has made no table yet."""
        from google.api_core.exceptions import NotFound  # noqa: PLC0415

        try:
            rows = await asyncio.to_thread(
                lambda: self._client().list_rows(
                    self._client().get_table(f"{self._table(name)}_out"), page_size=_PAGE
                )
            )
        except NotFound:
            return
        pages = rows.pages
        while page := await self._ask(lambda: list(next(pages, ()))):
            for row in page:
                if found := read_row(dict(row.items()), asked):
                    yield found

    async def remove(self, name: str) -> None:
        """Both tables."""
        for table in (self._table(name), f"{self._table(name)}_out"):
            await self._ask(
                lambda table=table: self._client().delete_table(table, not_found_ok=True)  # type: ignore[misc]
            )

    def _table(self, name: str) -> str:
        return f"{self._dataset}.{name.replace('-', '_')}"

    def _load(self, name: str, file: Path, location: str) -> None:
        from google.cloud import bigquery  # noqa: PLC0415

        client = self._client()
        place = client.get_dataset(self._dataset).location
        if place.upper() in ("US", "EU") or place.lower() != location:
            raise ConfigError(
                f"the data set {self._dataset!r} lies in {place}, and batch jobs run in "
                f"{location!r}: both must be the same single region, like 'us-central1'. Make a "
                "data set there (not the linked one), or set the option location"
            )
        how = bigquery.LoadJobConfig(
            schema=[
                bigquery.SchemaField("key", "STRING"),
                bigquery.SchemaField("request", "STRING"),
            ],
            source_format=bigquery.SourceFormat.NEWLINE_DELIMITED_JSON,
            write_disposition=bigquery.WriteDisposition.WRITE_TRUNCATE,
        )
        with file.open("rb") as lines:
            client.load_table_from_file(
                lines, self._table(name), size=file.stat().st_size, location=place, job_config=how
            ).result()

    def _client(self) -> "Client":
        if self._opened is None:
            from google.cloud import bigquery  # noqa: PLC0415

            credentials = self._account.credentials()
            self._opened = bigquery.Client(
                project=self._account.project_now(), credentials=credentials
            )
        return self._opened

    async def _ask(self, call: Callable[[], _T]) -> _T:
        """In a thread; raises our error for one of Google's."""
        from google.api_core.exceptions import GoogleAPICallError  # noqa: PLC0415

        try:
            return await asyncio.to_thread(call)
        except GoogleAPICallError as error:
            raise translated(error) from None
