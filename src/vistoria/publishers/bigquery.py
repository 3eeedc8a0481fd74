"""BigQuery: every table in a data set, merged run by run.

`bigquery://project.dataset` has the tables `vistoria_labels` and so on; the option `prefix` names
another beginning. Each table is loaded as Parquet into a staging table, and merged from there; both
jobs bear names made of the edition, so that after a crash the same call goes on where it stopped
and nothing is loaded or merged twice. The table of runs is merged last: a run has the edition that
its row there names. Staging tables are removed then, and by BigQuery itself after a day.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from vistoria.errors import ConfigError
from vistoria.publishers import Advance, Publisher, PublisherOptions, Receipt, quiet
from vistoria.publishers._bigquery_jobs import Jobs
from vistoria.publishers._columns import TABLES
from vistoria.publishers._edition import Edition
from vistoria.publishers._files import bare, check_options
from vistoria.publishers.parquet import write_table

if TYPE_CHECKING:
    from google.cloud.bigquery import SchemaField

__all__ = ["EXTRA", "SCHEMES", "SUFFIXES", "open_publisher"]

SCHEMES = ("bigquery", "bq")
SUFFIXES: tuple[str, ...] = ()
EXTRA = "bigquery"
_TYPES: Mapping[pa.DataType, str] = {
    pa.string(): "STRING", pa.float64(): "FLOAT", pa.int64(): "INTEGER", pa.bool_(): "BOOLEAN",
    pa.timestamp("us", "UTC"): "TIMESTAMP",
}  # fmt: skip
_KEPT = timedelta(days=1)  # for which a staging table is kept if nobody comes back


def open_publisher(address: str, options: PublisherOptions) -> Publisher:
    """A data set, made where it is missing in `[google] location`.

    Raises MissingExtra, AccessDenied, ConfigError.
    """
    check_options(options, "prefix")
    prefix = options.values.get("prefix", "vistoria_")
    place = bare(address, *SCHEMES).strip("/`").replace("/", ".")
    project, _, dataset = place.rpartition(".")
    if not re.fullmatch(r"\w+", dataset) or not re.fullmatch(r"[\w.:-]*", project):
        raise ConfigError(f"{address!r} is no data set: write bigquery://project.dataset")
    if not re.fullmatch(r"\w*", prefix):
        raise ConfigError(f"the prefix {prefix!r} may hold letters, digits and _ only")
    jobs = Jobs(options.google, project or None, dataset)
    return _Warehouse(address, jobs, prefix)


class _Warehouse:
    def __init__(self, address: str, jobs: Jobs, prefix: str) -> None:
        self.address = address
        self._jobs, self._prefix = jobs, prefix

    def publish(self, edition: Edition, advance: Advance = quiet) -> Receipt:
        """Loads and merges what is not there yet."""
        schemas = {table: schema_fields(table) for table in TABLES}
        self._jobs.prepare({self._prefix + table: fields for table, fields in schemas.items()})
        written = not self._has(edition)
        if written:
            rows = {table: self._load(table, schemas[table], edition, advance) for table in TABLES}
            for table, (name, _) in rows.items():
                self._jobs.change(
                    f"{name}_merge", self._merge(table, edition), {"run": edition.key}
                )
                advance(f"{table} merged", 0)
        self._jobs.drop(f"{self._prefix}staging__{edition.key}")  # also what older ones left
        counts = {t: n for t, (_, n) in rows.items()} if written else self._counts(edition)
        return Receipt(
            address=self.address, version=edition.version, rows=counts, written=written
        )  # fmt: skip

    def _load(
        self, table: str, schema: "Sequence[SchemaField]", edition: Edition, advance: Advance
    ) -> tuple[str, int]:
        """The name of the job that filled the staging table, and how many rows that has."""
        staging = self._staging(table, edition)
        place = f"{self._jobs.dataset}.{self._prefix}"
        where = hashlib.sha256(place.encode()).hexdigest()[:8]
        name = f"vistoria_{where}_{edition.key}_{edition.version}_{table}"
        with TemporaryDirectory(prefix="vistoria-") as folder:

            def write() -> Path:
                self._jobs.stage(staging, schema, datetime.now(UTC) + _KEPT)
                path = Path(folder) / f"{table}.parquet"
                write_table(path, edition, advance, table=table)
                return path

            job = self._jobs.load(name, staging, schema, write)
        advance(f"{table} loaded", 0)
        return str(job.job_id), int(job.output_rows or 0)

    def _staging(self, table: str, edition: Edition) -> str:
        return f"{self._prefix}staging__{edition.key}_{edition.version}_{table}"

    def _merge(self, table: str, edition: Edition) -> str:
        """Rows of this run are changed, added and removed; those of others stay."""
        names = [column.name for column in TABLES[table]]
        dataset = self._jobs.dataset
        return (
            f"MERGE `{dataset}.{self._prefix}{table}` AS T "
            f"USING `{dataset}.{self._staging(table, edition)}` AS S "
            "ON T.run = S.run AND T.row_key = S.row_key "
            f"WHEN MATCHED THEN UPDATE SET {', '.join(f'{n} = S.{n}' for n in names)} "
            f"WHEN NOT MATCHED THEN INSERT ({', '.join(names)}) "
            f"VALUES ({', '.join(f'S.{n}' for n in names)}) "
            "WHEN NOT MATCHED BY SOURCE AND T.run = @run THEN DELETE"
        )

    def _has(self, edition: Edition) -> bool:
        table = f"`{self._jobs.dataset}.{self._prefix}runs`"
        found = self._jobs.rows(
            f"SELECT version FROM {table} WHERE run = @run", {"run": edition.key}
        )
        return found == [(edition.version,)]

    def _counts(self, edition: Edition) -> dict[str, int]:
        parts = [
            f"SELECT '{table}' AS part, COUNT(*) AS held "
            f"FROM `{self._jobs.dataset}.{self._prefix}{table}` WHERE run = @run"
            for table in TABLES
        ]
        held: dict[Any, Any] = dict(
            self._jobs.rows(" UNION ALL ".join(parts), {"run": edition.key})
        )
        return {table: int(held[table]) for table in TABLES}


def schema_fields(table: str) -> "list[SchemaField]":
    """The columns of a table as BigQuery has them, with their meanings."""
    from google.cloud.bigquery import SchemaField  # noqa: PLC0415 - an extra

    return [
        SchemaField(column.name, _TYPES[column.type], description=column.text)
        for column in TABLES[table]
    ]
