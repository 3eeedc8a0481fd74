"""Jobs in BigQuery under names of our choosing, so that none is done twice."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vistoria.errors import ConfigError, MissingExtra, TransientError
from vistoria.google_account import GoogleAccount, GoogleSettings, explained
from vistoria.sources._bigquery_errors import meaning

if TYPE_CHECKING:
    from google.cloud.bigquery import LoadJob, QueryJob, SchemaField

__all__ = ["Jobs"]

_LABELS = {"app": "vistoria"}
_TRIES = 20  # jobs of one name that may have failed before


class Jobs:
    """The official client, in one data set. A job that was begun before, by this process or by one
    that died, is waited for and not begun again; one that failed is begun under the next name."""

    def __init__(self, google: GoogleSettings, project: str | None, dataset: str) -> None:
        """Raises MissingExtra, SignInMissing, SignInFailed, ConfigError."""
        try:
            from google.cloud import bigquery  # noqa: PLC0415 - an extra
        except ImportError:
            raise MissingExtra("BigQuery publications", "bigquery") from None
        account = GoogleAccount(google, needed_for="BigQuery publications", extra="bigquery")
        credentials = account.credentials()
        billed = account.project_now() or project
        if billed is None:
            raise ConfigError(
                "no project is set that BigQuery may bill",
                looked_at=("project in [google]", "GOOGLE_CLOUD_PROJECT", "your credentials"),
            )
        endpoint = google.endpoints.get("bigquery")
        with answering():
            self.client = bigquery.Client(
                project=billed,
                credentials=credentials,
                client_options={"api_endpoint": endpoint} if endpoint else None,
            )
        self.dataset = f"{project or billed}.{dataset}"
        self._wanted = (google.location or "US").upper()
        self._location: str | None = None

    def prepare(self, tables: Mapping[str, "Sequence[SchemaField]"]) -> None:
        """Makes the data set and its tables where they are missing."""
        from google.cloud.bigquery import Dataset, Table  # noqa: PLC0415

        with answering():
            wanted = Dataset(self.dataset)
            wanted.location = self._wanted
            self._location = self.client.create_dataset(wanted, exists_ok=True).location
            for name, schema in tables.items():
                table = Table(f"{self.dataset}.{name}", schema=schema)
                table.clustering_fields = ["run"]
                table.labels = _LABELS
                self.client.create_table(table, exists_ok=True)

    def load(self, name: str, table: str, schema: "Sequence[SchemaField]", write: Any) -> "LoadJob":
        """The finished job that loaded `table`, which is there. `write` puts the rows into a
        Parquet file; it is called only where no job has done so before."""
        for number in count(1):
            job = before = self._begun(f"{name}_{number}")
            if job is None:
                job = self._upload(f"{name}_{number}", table, schema, write())
            if self._ended(job, number, before) and self.exists(table):
                return job  # type: ignore[no-any-return]
        raise AssertionError

    def _upload(
        self, job_id: str, table: str, schema: "Sequence[SchemaField]", file: Path
    ) -> "LoadJob":
        from google.api_core.exceptions import Conflict  # noqa: PLC0415
        from google.cloud.bigquery import LoadJobConfig, SourceFormat  # noqa: PLC0415

        config = LoadJobConfig(
            schema=list(schema),
            source_format=SourceFormat.PARQUET,
            write_disposition="WRITE_TRUNCATE",
            labels=_LABELS,
        )
        with answering(), file.open("rb") as stream:
            try:
                return self.client.load_table_from_file(
                    stream, f"{self.dataset}.{table}", size=file.stat().st_size, job_id=job_id,
                    location=self._location, job_config=config,
                )  # fmt: skip
            except Conflict:  # another process was faster
                return self.client.get_job(job_id, location=self._location)  # type: ignore[return-value]

    def change(self, name: str, sql: str, values: Mapping[str, str]) -> None:
        """Runs a statement, unless it ran before under this name."""
        from google.api_core.exceptions import Conflict  # noqa: PLC0415

        for number in count(1):
            job_id = f"{name}_{number}"
            job = before = self._begun(job_id)
            if job is None:
                with answering():
                    try:
                        # The client may not repeat a job that has a name; `_ended` tells.
                        job = self._query(sql, values, job_id=job_id, job_retry=None)
                    except Conflict:
                        job = self.client.get_job(job_id, location=self._location)
            if self._ended(job, number, before):
                return

    def rows(self, sql: str, values: Mapping[str, str]) -> list[tuple[Any, ...]]:
        """The rows of a query."""
        with answering():
            found = self._query(sql, values, job_id_prefix="vistoria_").result()
            return [tuple(row.values()) for row in found]

    def _query(self, sql: str, values: Mapping[str, str], **name: Any) -> "QueryJob":
        from google.cloud.bigquery import QueryJobConfig, ScalarQueryParameter  # noqa: PLC0415

        config = QueryJobConfig(
            labels=_LABELS,
            use_query_cache=False,
            query_parameters=[ScalarQueryParameter(n, "STRING", v) for n, v in values.items()],
        )
        return self.client.query(sql, job_config=config, location=self._location, **name)

    def exists(self, table: str) -> bool:
        """Whether a table is there."""
        from google.api_core.exceptions import NotFound  # noqa: PLC0415

        with answering():
            try:
                self.client.get_table(f"{self.dataset}.{table}")
            except NotFound:
                return False
        return True

    def stage(self, table: str, schema: "Sequence[SchemaField]", until: Any) -> None:
        """An empty table that BigQuery removes by itself `until` then, should nobody else."""
        from google.cloud.bigquery import Table  # noqa: PLC0415

        made = Table(f"{self.dataset}.{table}", schema=schema)
        made.expires, made.labels = until, _LABELS
        with answering():
            self.client.create_table(made, exists_ok=True)

    def drop(self, beginning: str) -> None:
        """Removes the tables whose names begin so."""
        with answering():
            for table in list(self.client.list_tables(self.dataset)):
                if table.table_id.startswith(beginning):
                    self.client.delete_table(table.reference, not_found_ok=True)

    def _begun(self, job_id: str) -> Any:
        """The job of that name; None where there is none."""
        from google.api_core.exceptions import NotFound  # noqa: PLC0415

        with answering():
            try:
                return self.client.get_job(job_id, location=self._location)
            except NotFound:
                return None

    def _ended(self, job: Any, number: int, before: Any) -> bool:
        """Waits; whether it did its work. That one begun `before` had failed is no news."""
        from google.api_core.exceptions import GoogleAPICallError  # noqa: PLC0415

        known = before is not None and before.error_result is not None
        with answering():
            try:
                job.result()
            except GoogleAPICallError:
                if not known or number >= _TRIES:
                    raise
                return False
        return True


@contextmanager
def answering() -> Iterator[None]:
    """Turns the errors of Google's libraries into ours."""
    from google.api_core.exceptions import GoogleAPICallError, RetryError  # noqa: PLC0415
    from google.auth.exceptions import GoogleAuthError  # noqa: PLC0415
    from requests.exceptions import ConnectionError as Unconnected  # noqa: PLC0415
    from requests.exceptions import Timeout  # noqa: PLC0415

    try:
        yield
    except GoogleAuthError as error:
        raise explained(error) from None
    except (Unconnected, Timeout) as error:
        raise TransientError(f"BigQuery does not answer: {error}") from error
    except (GoogleAPICallError, RetryError) as error:
        raise meaning(error) from error
