"""BigQuery as this project reaches it: what a query reads, its rows, and what went wrong."""

import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from vistoria.errors import AccessDenied, ConfigError, MissingExtra
from vistoria.google_account import GoogleAccount, explained
from vistoria.sources import SourceOptions
from vistoria.sources._bigquery_errors import ResourcesExceeded, meaning
from vistoria.sources._bigquery_sql import Statement
from vistoria.sources._bigquery_stream import StorageReader

if TYPE_CHECKING:
    import pyarrow as pa
    from google.cloud.bigquery import QueryJob, QueryJobConfig, SchemaField, TableReference

__all__ = ["BigQuery", "Described", "ResourcesExceeded", "Rows"]

_PAGE = 10_000
_TYPES = {str: "STRING", bool: "BOOL", int: "INT64", float: "FLOAT64"}
_log = logging.getLogger(__name__)


class Described(NamedTuple):
    """What a query would read: `size` in bytes, in the data set's `location`."""

    schema: "Sequence[SchemaField]"
    size: int
    location: str


class Rows(NamedTuple):
    """The rows of a finished query, kept by BigQuery for a day."""

    total: int
    table: "TableReference"


class BigQuery:
    """The official clients with the person's credentials.

    `endpoints` of the Google settings may lead them elsewhere: "bigquery" (REST, as does
    BIGQUERY_EMULATOR_HOST) and "bigquerystorage" (`http://127.0.0.1:…` for a local server).
    `home`: the data set of tables that a query names without one.
    """

    def __init__(self, options: SourceOptions, billed: str | None, home: str | None) -> None:
        """`billed`: the project that pays, unless settings or credentials name one.

        Raises MissingExtra, SignInMissing, SignInFailed, ConfigError.
        """
        try:
            from google.cloud import bigquery, bigquery_storage  # noqa: F401, PLC0415 - an extra
        except ImportError:
            raise MissingExtra("BigQuery sources", "bigquery") from None
        account = GoogleAccount(options.google, needed_for="BigQuery sources", extra="bigquery")
        credentials = account.credentials()
        project = account.project_now() or billed
        if project is None:
            raise ConfigError(
                "no project is set that BigQuery may bill",
                looked_at=("project in [google]", "GOOGLE_CLOUD_PROJECT", "your credentials"),
            )
        self.project = project
        endpoint = options.google.endpoints.get("bigquery")
        with self._answering():
            self.client = bigquery.Client(
                project=self.project,
                credentials=credentials,
                client_options={"api_endpoint": endpoint} if endpoint else None,
            )
        self._home = f"{project}.{home}" if home and "." not in home else home
        storage = options.google.endpoints.get("bigquerystorage")
        self._storage: StorageReader | None = None
        # A client that was led elsewhere must not ask Google for the rows.
        if storage or not (endpoint or os.environ.get("BIGQUERY_EMULATOR_HOST")):
            self._storage = StorageReader(credentials, storage)

    def describe(self, statement: Statement) -> Described:
        """What a query would read and yield; costs nothing, and reads nothing."""
        with self._answering():
            job = self._insert(statement, self._config(statement, dry_run=True, cached=False))
            return Described(job.schema or (), int(job.total_bytes_processed or 0), job.location)

    def run(self, statement: Statement, most: int | None) -> Rows:
        """Runs a query, unless it would be billed for more than `most` bytes."""
        with self._answering(most):
            config = self._config(statement, dry_run=False, cached=True)
            config.maximum_bytes_billed = most
            job = self._insert(statement, config)
            done = job.result(page_size=1)  # one row: the others come another way
            return Rows(done.total_rows or 0, job.destination)

    def read(self, rows: Rows, columns: Sequence[str] = ()) -> "Iterator[pa.RecordBatch]":
        """The rows in their order, all columns or these; goes on after a broken connection."""
        if not rows.total:
            return
        with self._answering():
            if self._storage is not None:
                try:
                    stream = self._storage.open(self.project, rows.table, columns)
                except AccessDenied as error:
                    _log.warning("reading slowly, page by page: %s", error)
                    self._storage = None
                else:
                    yield from self._storage.batches(stream)
                    return
            pages = self.client.list_rows(rows.table, page_size=_PAGE)
            yield from pages.to_arrow_iterable(bqstorage_client=None)

    def columns(self, table: str) -> "Sequence[SchemaField]":
        """The columns of `project.dataset.table`, without a query."""
        with self._answering():
            return tuple(self.client.get_table(table).schema)

    def tables(self, dataset: str) -> list[str]:
        """The names of the tables of `project.dataset`."""
        with self._answering():
            return [table.table_id for table in self.client.list_tables(dataset)]

    def location(self, dataset: str) -> str:
        """Where `project.dataset` lies, e.g. "US"."""
        with self._answering():
            return str(self.client.get_dataset(dataset).location)

    def _insert(self, statement: Statement, config: "QueryJobConfig") -> "QueryJob":
        return self.client.query(statement.sql, job_config=config, job_id_prefix="vistoria_")

    def _config(self, statement: Statement, *, dry_run: bool, cached: bool) -> "QueryJobConfig":
        from google.cloud.bigquery import QueryJobConfig, ScalarQueryParameter  # noqa: PLC0415

        return QueryJobConfig(
            dry_run=dry_run,
            use_query_cache=cached,
            labels={"app": "vistoria"},
            default_dataset=self._home,
            query_parameters=[
                ScalarQueryParameter(name, _TYPES[type(value)], value)
                for name, value in statement.parameters.items()
            ],
        )

    @contextmanager
    def _answering(self, most: int | None = None) -> Iterator[None]:
        """Turns the errors of Google's libraries into ours."""
        from google.api_core.exceptions import GoogleAPICallError, RetryError  # noqa: PLC0415
        from google.auth.exceptions import GoogleAuthError  # noqa: PLC0415

        try:
            yield
        except GoogleAuthError as error:
            raise explained(error) from None
        except (GoogleAPICallError, RetryError) as error:
            raise meaning(error, most) from error
