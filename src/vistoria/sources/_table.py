"""A table that DuckDB reads, as a source: mapped columns, selection, streaming."""

import glob
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import duckdb
import pyarrow as pa

from vistoria.errors import ConfigError, UserError
from vistoria.records import OBSERVATION_COLUMNS
from vistoria.sources import Selection, SourceOptions
from vistoria.sources._casts import observation_sql
from vistoria.sources._columns import Column, Found, column_of, find
from vistoria.sources._database import Database, brief, condition_message, identifier, literal
from vistoria.sources._exif import complete
from vistoria.sources._profiles import detect, map_columns, profile_named
from vistoria.sources._schema import SCHEMA, TIES, sample_sql
from vistoria.sources._translation import QueryWrong, dialect

__all__ = ["Relation", "TableFiles", "TableSource", "plain_relation", "refuse_query", "table_files"]

_OURS = {name: f"vistoria {name}" for name in OBSERVATION_COLUMNS}
"""Inside a query our columns bear names that no table has, so that theirs stay usable."""


class TableFiles(NamedTuple):
    """Files that make up one table: DuckDB's SQL for them, a name, and the folder they are in."""

    sql: str
    name: str
    folder: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Relation:
    """What a table source reads.

    `sql`: stands after FROM. `columns`: their shapes. `own`: the user's columns as expressions
    of the types that conditions expect (the rows of a text file are all text). `name`: of the
    table or file, which helps to detect the profile. `folder`: where relative image addresses
    begin. `ordered`: by a query of the user.
    """

    sql: str
    columns: Mapping[str, Column]
    own: Mapping[str, str]
    name: str
    folder: Path
    ordered: bool = False


class TableSource:
    """Rows of one relation of a DuckDB connection."""

    def __init__(
        self,
        address: str,
        database: Database,
        relation: Callable[[Database], Relation],
        options: SourceOptions,
    ) -> None:
        """`relation` may raise duckdb.Error; raises ConfigError, UnknownName or UserError."""
        self.address = address
        self._database = database
        with self._reading():
            its = relation(database)
        self._relation, shapes = its.sql, its.columns
        self._known = tuple(shapes)
        self._translated = options.dialect is not None
        self._values = options.parameters
        self._ordered = its.ordered

        def there(path: str) -> Found | None:
            return find(path, shapes)

        profile = profile_named(options.profile) if options.profile else detect(there, its.name)
        mapped = map_columns(
            profile, options.columns, there, self._expression, place=repr(address),
            present=self._known,
        )  # fmt: skip
        self.profile = profile.name
        self.mapping: Mapping[str, str] = {ours: path for ours, (path, _) in mapped.items()}
        self._select = _select(
            {ours: where for ours, (_, where) in mapped.items()},
            its,
        )

    def count(self, selection: Selection) -> int:
        """Rows that `batches` will yield."""
        query = f"SELECT count(*) FROM ({self._query(selection, ordered=False)})"
        with self._reading():
            rows = self._database.value(query)
        bounds = [n for n in (selection.limit, selection.sample) if n is not None]
        return min([rows, *bounds])

    def batches(self, selection: Selection) -> "Iterator[pa.RecordBatch]":
        """The rows in the order of the table, or of their sample keys."""
        query = self._query(selection, ordered=True)
        with self._reading():
            for batch in self._database.stream(query):
                yield batch.cast(SCHEMA)

    def complete(self, batch: "pa.RecordBatch") -> "pa.RecordBatch":
        """`batch`, with what local photos say where the table has no column for place and time."""
        return batch if {"latitude", "captured_at"} & set(self.mapping) else complete(batch)

    def _query(self, selection: Selection, *, ordered: bool) -> str:
        ours = ", ".join(f"{identifier(_OURS[n])} AS {n}" for n in OBSERVATION_COLUMNS)
        query = f"SELECT {ours} FROM (SELECT {self._select} FROM {self._relation})"
        if selection.where is not None:
            query = self._narrowed(query, selection.where)
        bounds = [n for n in (selection.limit, selection.sample) if n is not None]
        if not (ordered and bounds):
            return query
        order: tuple[str, ...] = ()
        if selection.sample is not None:
            key = sample_sql(selection.seed, identifier(_OURS["observation_id"]))
            order = (key, *(f"{identifier(_OURS[name])} NULLS FIRST" for name in TIES))
        elif self._translated and not self._ordered:  # BigQuery has no order but this one
            names = ("observation_id", *TIES)
            order = tuple(f"{identifier(_OURS[name])} NULLS FIRST" for name in names)
        sorting = f" ORDER BY {', '.join(order)}" if order else ""
        return f"{query}{sorting} LIMIT {min(bounds)}"

    def _narrowed(self, query: str, where: str) -> str:
        try:
            narrowed = f"{query} WHERE (\n{self._own_sql(where)}\n)"
            self._database.describe(narrowed)
        except (duckdb.Error, QueryWrong) as error:
            said = brief(error) if isinstance(error, duckdb.Error) else str(error)
            known = ", ".join(self._known)
            raise UserError(condition_message(where, repr(self.address), said, known)) from error
        return narrowed

    def _own_sql(self, text: str) -> str:
        return dialect().condition(text, self._values) if self._translated else text

    def _expression(self, text: str) -> Found | None:
        try:
            text = self._own_sql(text)
            kind = self._database.describe(f"SELECT ({text}\n) AS it FROM {self._relation}")["it"]
        except (duckdb.Error, QueryWrong):
            return None
        return Found(f"({text}\n)", column_of(kind))

    @contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except duckdb.Error as error:
            raise UserError(f"cannot read {self.address!r}: {brief(error)}") from error


def refuse_query(address: str, options: SourceOptions) -> None:
    """Raises ConfigError if a table or query is asked of a file that is one table."""
    if options.table is not None or options.query is not None:
        raise ConfigError(
            f"{address!r} is one table: leave out table and query, or choose rows with where."
        )


def table_files(address: str, schemes: tuple[str, ...]) -> TableFiles:
    """The files that an address such as `data.csv`, `csv://data.csv` or `data/*.csv` names.

    Raises UserError if there are none.
    """
    path = address
    for scheme in schemes:
        path = path.removeprefix(f"{scheme}://")
    found = Path(path).absolute()
    if found.is_file():
        if not found.stat().st_size:
            raise UserError(f"{path!r} is empty.")
        escaped = re.sub(r"([\[*?])", r"[\1]", str(found))  # a name is not a pattern
        return TableFiles(literal(escaped), found.stem, found.parent)
    if any(letter in path for letter in "*?["):
        if not glob.glob(str(found), recursive=True):  # noqa: PTH207 - a Path takes no absolute one
            raise UserError(f"no file matches {path!r} (looked for {str(found)!r}).")
        return TableFiles(literal(str(found)), found.parent.name, _fixed_part(found))
    raise UserError(
        f"no file {path!r} (looked at {str(found)!r}). Check the spelling or give a full path."
    )


def _fixed_part(pattern: Path) -> Path:
    return next(p for p in pattern.parents if not any(letter in str(p) for letter in "*?["))


def plain_relation(database: Database, sql: str, name: str, folder: Path) -> Relation:
    """A relation whose columns have types of their own; raises duckdb.Error."""
    kinds = database.describe(f"FROM {sql}")
    return Relation(
        sql=sql,
        columns={column: column_of(kind) for column, kind in kinds.items()},
        own={column: identifier(column) for column in kinds},
        name=name,
        folder=folder,
    )


def _select(mapped: Mapping[str, Found], its: Relation) -> str:
    ours = observation_sql(mapped, str(its.folder))
    parts = [f"{sql} AS {identifier(_OURS[name])}" for name, sql in ours.items()]
    parts += [f"{sql} AS {identifier(name)}" for name, sql in its.own.items()]
    return ", ".join(parts)
