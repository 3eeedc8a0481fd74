"""A BigQuery table, view or query as a source: `bigquery://project.dataset.table`.

A dry run tells what a query would read before anything is billed. BigQuery chooses, orders and
limits the rows and keeps them for a day; they come over the Storage Read API as Arrow, only the
columns that are needed.
"""

import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import duckdb

from vistoria.errors import ConfigError, UnknownName, UserError
from vistoria.sources import Scan, Selection, Source, SourceOptions
from vistoria.sources._bigquery_columns import (
    Leaf,
    expression,
    flattened,
    leaves_of,
    quoted,
    used,
    whole_columns,
)
from vistoria.sources._bigquery_errors import (
    NoSuchTable,
    ResourcesExceeded,
    format_size,
    too_large,
)
from vistoria.sources._bigquery_service import BigQuery, Described, Rows
from vistoria.sources._bigquery_sql import Reading, Relation, reading
from vistoria.sources._casts import observation_sql
from vistoria.sources._columns import Found, find
from vistoria.sources._database import Database, brief, condition_message, identifier
from vistoria.sources._profiles import detect, map_columns, profile_named
from vistoria.sources._schema import SCHEMA
from vistoria.sources._translation import QueryWrong, dialect

if TYPE_CHECKING:
    import pyarrow as pa
    from google.cloud.bigquery import SchemaField

__all__ = ["SCHEMES", "SUFFIXES", "open_source"]

SCHEMES = ("bigquery", "bq")
SUFFIXES: tuple[str, ...] = ()

_log = logging.getLogger(__name__)
_SERVICE = "bigquery"
_LEAST = 10 << 20  # bytes billed for a query at least
_MOST = 100 << 30  # bytes billed for a query at most, unless the settings say otherwise


def open_source(address: str, options: SourceOptions) -> Source:
    """The rows of a table or view, or of `options.query`.

    `bigquery://project.dataset.table`; the table may also be `options.table`. A query may leave
    out the data set of its tables where the address names it. Needs the extra `bigquery` and Google
    credentials. Raises MissingExtra, AccessDenied, ConfigError, UnknownName, UserError.
    """
    name = re.sub(r"^(?i:bigquery|bq):/{0,2}", "", address).strip("/`").replace("/", ".")
    project, dataset, table = _parts(name, address)
    if options.query is not None and (options.table is not None or table):
        raise ConfigError(f"both a table and a query are given for {address!r}: leave one out")
    given = options.table or table
    home = f"{project}.{dataset}" if dataset else None
    service = BigQuery(options, project, home)
    if options.query is not None:
        return BigQuerySource(address, service, _query(options), options)
    if given is None or (dataset is None and "." not in given):
        raise ConfigError(
            f"{address!r} names no table: write bigquery://project.dataset.table, or give a query"
        )
    parts = given.split(".") if "." in given else [dataset or "", given]
    whole = parts if len(parts) == 3 else [project or service.project, *parts]
    return _table_source(address, service, tuple(whole), options)


def _parts(name: str, address: str) -> tuple[str | None, str | None, str | None]:
    """Project, data set and table, as far as they are named; a project may hold `domain.com:`."""
    prefix, _, rest = name.rpartition(":")
    parts = [part for part in rest.split(".") if part]
    if not all(re.fullmatch(r"[\w$ -]+", part) for part in parts) or len(parts) > 3:
        raise UserError(f"{address!r} is no BigQuery table: write bigquery://project.dataset.table")
    if prefix and parts:
        parts[0] = f"{prefix}:{parts[0]}"
    project, dataset, table = [*parts, None, None, None][:3]
    return project, dataset, table


def _query(options: SourceOptions) -> Relation:
    query = (options.query or "").rstrip().rstrip(";")
    ordered = query if dialect().has_order(query) else None
    return Relation(f"(\n{query}\n)", options.parameters, ordered)


def _table_source(
    address: str, service: BigQuery, parts: tuple[str, ...], options: SourceOptions
) -> "BigQuerySource":
    try:
        relation = Relation(quoted(*parts), options.parameters, table=".".join(parts))
        return BigQuerySource(address, service, relation, options)
    except NoSuchTable as error:
        raise _missing(service, parts, error) from None


class BigQuerySource:
    """Rows of one table, view or query of BigQuery."""

    def __init__(
        self, address: str, service: BigQuery, relation: Relation, options: SourceOptions
    ) -> None:
        """Asks for the columns, without reading a row."""
        self.address = address
        self._service, self._relation = service, relation
        self._most = _MOST if options.max_bytes_billed is None else options.max_bytes_billed
        schema = self._schema()
        whole, leaves = whole_columns(schema), leaves_of(schema)
        self._known = tuple(whole)

        def has(path: str) -> Found | None:
            return there(path) or find(path, whole)

        def there(path: str) -> Found | None:
            return find(path, {path: leaf.column for path, leaf in leaves.items()})

        def evaluated(sql: str) -> Found | None:
            return self._expression(sql, leaves)

        name = (relation.table or "query").rpartition(".")[2]
        profile = profile_named(options.profile) if options.profile else detect(has, name)
        mapped = map_columns(
            profile, options.columns, there, evaluated, place=repr(address), present=self._known
        )
        self.profile = profile.name
        self.mapping: Mapping[str, str] = {ours: path for ours, (path, _) in mapped.items()}
        self._mapped = {ours: found for ours, (_, found) in mapped.items()}
        self._leaves = {n: leaves[n] for n in used(self._mapped.values(), leaves)}
        expressions = observation_sql(self._mapped, None).items()
        self._ours = f"SELECT {', '.join(f'{sql} AS {name}' for name, sql in expressions)} FROM its"
        self._done: tuple[Selection, Reading, Rows] | None = None

    def count(self, selection: Selection) -> int:
        """Rows that `batches` will yield; runs the query, whose rows `batches` then reads."""
        how, rows = self._rows(selection)
        return rows.total if how.rows is None else min(rows.total, how.rows)

    def scan(self, selection: Selection) -> Scan:
        """What BigQuery will bill, by a dry run."""
        described = self._described(self._reading(selection), selection)
        return Scan(
            service=_SERVICE,
            location=described.location.lower(),
            size=described.size,
            least=_LEAST if described.size else 0,
        )

    def batches(self, selection: Selection) -> "Iterator[pa.RecordBatch]":
        """The rows by id, or in the order of the query, or of their sample keys."""
        how, rows = self._rows(selection)
        database, left = Database(), how.rows
        tops = tuple(dict.fromkeys(leaf.path[0] for leaf in how.leaves.values() if leaf.path))
        for page in self._service.read(rows, tops if how.whole else ()):
            part = page if left is None else page.slice(0, left)
            left = None if left is None else left - part.num_rows
            part = flattened(part, how.leaves) if how.whole else part.rename_columns([*how.leaves])
            try:
                yield from (each.cast(SCHEMA) for each in database.computed(self._ours, part))
            except duckdb.Error as error:
                raise UserError(f"cannot read {self.address!r}: {brief(error)}") from error
            if left == 0:
                return

    def complete(self, batch: "pa.RecordBatch") -> "pa.RecordBatch":
        """`batch`: photos in the cloud are not opened for what the table lacks."""
        return batch

    def _schema(self) -> "Sequence[SchemaField]":
        """The columns; those of a table also where BigQuery wants a condition in every query."""
        try:
            return self._service.describe(self._relation.statement("*")).schema
        except QueryWrong as error:
            if self._relation.table is None or "without a filter" not in str(error):
                raise
            return self._service.columns(self._relation.table)

    def _reading(self, selection: Selection, *, sort: bool = True) -> Reading:
        return reading(self._relation, self._mapped, self._leaves, selection, sort=sort)

    def _rows(self, selection: Selection) -> tuple[Reading, Rows]:
        """The finished query of a selection: run once, also for a count before the rows."""
        if self._done is not None and self._done[0] == selection:
            return self._done[1], self._done[2]
        how = self._reading(selection)
        size = self._described(how, selection).size
        _log.info("BigQuery scans %s for %s", format_size(size), self.address)
        if size and max(size, _LEAST) > self._most:
            raise too_large(max(size, _LEAST), self._most)
        try:
            rows = self._service.run(how.statement, self._most)
        except ResourcesExceeded:
            if not how.sorted:
                raise
            how = self._reading(selection, sort=False)
            rows = self._service.run(how.statement, self._most)
        self._done = selection, how, rows
        return how, rows

    def _described(self, how: Reading, selection: Selection) -> Described:
        try:
            return self._service.describe(how.statement)
        except QueryWrong as error:
            if selection.where is None:
                raise
            known = ", ".join(self._known)
            message = condition_message(selection.where, repr(self.address), str(error), known)
            raise UserError(message) from error

    def _expression(self, sql: str, leaves: dict[str, Leaf]) -> Found | None:
        try:
            (field,) = self._service.describe(self._relation.statement(f"(\n{sql}\n) AS it")).schema
        except QueryWrong:
            return None
        name = f"vistoria expression {len(leaves)}"
        leaves[name] = expression(f"(\n{sql}\n)", field)
        return Found(identifier(name), leaves[name].column)


def _missing(service: BigQuery, parts: tuple[str, ...], error: NoSuchTable) -> UserError:
    """What to say about a table that is not there: the tables that are, or where it is."""
    project, dataset, table = parts
    place = f"{project}.{dataset}"
    try:
        tables = tuple(service.tables(place))
        location = service.location(place)
    except UserError:
        return UserError(
            f"BigQuery finds no data set {place!r}: {error}\n  check the name, or subscribe to the "
            "listing that brings it (`vistoria subscribe`)"
        )
    if table not in tables:
        return UnknownName(f"table in {place}", table, tables)
    return UserError(
        f"{place!r} lies in {location}, and the query ran in {error.location}: read tables of one "
        f"location together, or copy the others to {location}"
    )
