"""What stands behind the BigQuery servers: a DuckDB database spoken to in BigQuery's SQL."""

import base64
import io
import itertools
import json
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import sqlglot
from duckdb.sqltypes import DuckDBPyType
from sqlglot import exp

from vistoria.sources import _dialect
from vistoria.sources._translation import QueryWrong

RESULTS = "_results"
LEAST_BILLED = 10 << 20
_SIZES = {"STRING": "strlen({}) + 2", "BOOLEAN": "1", "BYTES": "octet_length({})"}
_NAMES = {
    "varchar": "STRING", "boolean": "BOOLEAN", "double": "FLOAT", "float": "FLOAT",
    "date": "DATE", "time": "TIME", "blob": "BYTES", "decimal": "NUMERIC", "timestamp": "DATETIME",
    "timestamp with time zone": "TIMESTAMP", "geometry": "GEOGRAPHY",
}  # fmt: skip
_ARROW = {
    "STRING": pa.string(), "JSON": pa.string(), "GEOGRAPHY": pa.string(), "BOOLEAN": pa.bool_(),
    "FLOAT": pa.float64(), "INTEGER": pa.int64(), "DATE": pa.date32(), "BYTES": pa.binary(),
    "TIME": pa.time64("us"), "DATETIME": pa.timestamp("us"), "NUMERIC": pa.decimal128(38, 9),
    "TIMESTAMP": pa.timestamp("us", tz="UTC"),
}  # fmt: skip
Field = dict[str, Any]
"""A column as the REST API describes it: name, type, mode, fields."""


class Refusal(Exception):
    """An error as BigQuery gives it."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.status, self.reason, self.message = status, reason, message


class Name(NamedTuple):
    """A table's full name."""

    project: str
    dataset: str
    table: str

    @property
    def sql(self) -> str:
        """For DuckDB, which has a schema for each data set."""
        return f'"{self.project}.{self.dataset}"."{self.table}"'


@dataclass
class Understood:
    """A statement made ready: DuckDB's SQL, the tables it reads, bytes that BigQuery would scan."""

    sql: str
    kind: str
    tables: tuple[Name, ...]
    size: int
    location: str
    unbounded_order: bool
    parameters: tuple[str, ...] = ()
    fields: list[Field] = field(default_factory=list)


class Warehouse:
    """Data sets of `project`. `versions` counts the changes of a table."""

    def __init__(self, project: str) -> None:
        self.project = project
        self.locations: dict[tuple[str, str], str] = {}
        self._database = duckdb.connect(config={"autoinstall_known_extensions": "false"})
        self._database.execute("SET GLOBAL TimeZone = 'UTC'")
        self._sizes: dict[tuple[Name, str], int] = {}
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        self.add_dataset(RESULTS)

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """For one thread."""
        return self._database.cursor()

    def add_dataset(self, dataset: str, location: str = "US", project: str | None = None) -> None:
        """An empty data set."""
        key = (project or self.project, dataset)
        self.locations[key] = location
        self.cursor().execute(f'CREATE SCHEMA IF NOT EXISTS "{".".join(key)}"')

    def add_database(self, path: Path, dataset: str, location: str = "US") -> None:
        """A data set with the tables of a DuckDB file, which is read in place."""
        self.add_dataset(dataset, location)
        cursor, held = self.cursor(), f"file_{next(self._numbers)}"
        cursor.execute(f"ATTACH '{path}' AS {held} (READ_ONLY)")
        tables = cursor.execute(
            "SELECT schema_name, table_name FROM duckdb_tables() WHERE database_name = ?", [held]
        ).fetchall()
        for schema, table in tables:
            place = Name(self.project, dataset, table).sql
            cursor.execute(f'CREATE VIEW {place} AS FROM {held}."{schema}"."{table}"')

    def tables(self, project: str, dataset: str) -> list[str]:
        """The names of a data set's tables; Refusal if there is no such data set."""
        self.location(project, dataset)
        rows = self.cursor().execute(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = ? ORDER BY ALL",
            [f"{project}.{dataset}"],
        )
        return [name for (name,) in rows.fetchall()]

    def location(self, project: str, dataset: str) -> str:
        """Where a data set lies; Refusal if there is none."""
        if (project, dataset) not in self.locations:
            raise Refusal(404, "notFound", f"Not found: Dataset {project}:{dataset}")
        return self.locations[project, dataset]

    def find(self, project: str, dataset: str, table: str, location: str | None = None) -> Name:
        """A table that is there; else Refusal, in BigQuery's words."""
        there = self.locations.get((project, dataset))
        where = location or there or "US"
        if there is None or there.upper() != where.upper():
            raise Refusal(
                404, "notFound",
                f"Not found: Dataset {project}:{dataset} was not found in location {where}",
            )  # fmt: skip
        if table not in self.tables(project, dataset):
            raise Refusal(
                404, "notFound",
                f"Not found: Table {project}:{dataset}.{table} was not found in location {where}",
            )  # fmt: skip
        return Name(project, dataset, table)

    def fields(self, name: Name) -> list[Field]:
        """The columns of a table."""
        relation = self.cursor().sql(f"FROM {name.sql}")
        return _fields(relation.columns, relation.types)

    def understand(
        self,
        sql: str,
        parameters: Mapping[str, Any],
        location: str | None,
        home: tuple[str, ...] = (),
    ) -> Understood:
        """Translates, looks up and checks a statement without running it."""
        try:
            trees = [tree for tree in sqlglot.parse(sql, read="bigquery") if tree]
        except sqlglot.errors.SqlglotError as error:
            raise Refusal(400, "invalidQuery", f"Syntax error: {_plain(error)}") from None
        if len(trees) != 1:
            raise Refusal(400, "invalidQuery", "Syntax error: Expected end of input but got ;")
        (tree,) = trees
        parameters = _used(tree, parameters)
        found: list[Name] = []

        def place(parts: tuple[str, ...]) -> str:
            parts = (*home, *parts) if len(parts) == 1 else parts
            if len(parts) == 1:
                raise Refusal(
                    400, "invalid",
                    f'Table "{parts[0]}" must be qualified with a dataset (e.g. dataset.table).',
                )  # fmt: skip
            project, dataset, table = (self.project, *parts)[-3:]
            if isinstance(tree, exp.Create) and not found:
                self.location(project, dataset)
                name = Name(project, dataset, table)
            else:
                there = location or (self._place_of(found) if found else None)
                name = self.find(project, dataset, table, there)
            found.append(name)
            return name.sql

        try:
            its = Understood(
                sql=_dialect.statement(tree.copy(), sql, place),
                kind=tree.key.upper() if not isinstance(tree, exp.Query) else "SELECT",
                tables=tuple(found),
                size=0,
                location=location or self._place_of(found),
                unbounded_order=bool(tree.args.get("order")) and not tree.args.get("limit"),
                parameters=tuple(parameters),
            )
            if its.kind == "SELECT":
                relation = self.cursor().sql(its.sql, params=dict(parameters) or None)
                its.fields = _fields(relation.columns, relation.types)
        except QueryWrong as error:
            raise Refusal(400, "invalidQuery", str(error)) from None
        except duckdb.Error as error:
            raise Refusal(400, "invalidQuery", _spoken(error)) from None
        if its.kind == "SELECT":
            its.size = sum(self._scanned(name, tree) for name in dict.fromkeys(found))
        return its

    def run(self, its: Understood, parameters: Mapping[str, Any]) -> tuple[Name, int]:
        """Runs a SELECT into a new table: its name and number of rows."""
        name = Name(self.project, RESULTS, f"anon{next(self._numbers)}")
        cursor, given = self.cursor(), {n: parameters[n] for n in its.parameters}
        try:
            cursor.execute(f"CREATE TABLE {name.sql} AS {its.sql}", given or None)
        except duckdb.Error as error:
            raise Refusal(400, "invalidQuery", _spoken(error)) from None
        row = cursor.execute(f"SELECT count(*) FROM {name.sql}").fetchone()
        assert row is not None
        return name, int(row[0])

    def change(self, its: Understood, parameters: Mapping[str, Any]) -> int:
        """Runs any other statement; the number of rows that it changed."""
        with self._lock:
            self._sizes.clear()
            given = {n: parameters[n] for n in its.parameters}
            try:
                row = self.cursor().execute(its.sql, given or None).fetchone()
            except duckdb.Error as error:
                raise Refusal(400, "invalidQuery", _spoken(error)) from None
        return int(row[0]) if row and isinstance(row[0], int) else 0

    def create(self, name: Name, fields: Sequence[Field]) -> None:
        """An empty table of these columns; Refusal if it is there."""
        self.location(name.project, name.dataset)
        if name.table in self.tables(name.project, name.dataset):
            said = f"Already Exists: Table {name.project}:{name.dataset}.{name.table}"
            raise Refusal(409, "duplicate", said)
        self.cursor().execute(f"CREATE TABLE {name.sql} ({_columns(fields)})")

    def insert(self, name: Name, rows: Sequence[Mapping[str, Any]]) -> None:
        """Appends rows given as JSON objects."""
        with self._lock:
            self._sizes.clear()
        cursor, fields = self.cursor(), self.fields(name)
        parts = [
            f"CAST({_read_json(each)} AS {_duckdb(each)})" for each in fields
        ]  # fmt: skip
        lines = pa.table({"line": pa.array([json.dumps(dict(row)) for row in rows], pa.string())})
        cursor.register("lines", lines)
        cursor.execute(f"INSERT INTO {name.sql} SELECT {', '.join(parts)} FROM lines")

    def insert_parquet(self, name: Name, content: bytes) -> int:
        """Appends the rows of a Parquet file, by the names of its columns; how many they were."""
        with self._lock:
            self._sizes.clear()
        table = pq.read_table(io.BytesIO(content))
        cursor = self.cursor()
        cursor.register("given", table)
        cursor.execute(f"INSERT INTO {name.sql} BY NAME FROM given")
        return int(table.num_rows)

    def drop(self, name: Name) -> None:
        """Removes a table."""
        self.cursor().execute(f"DROP TABLE {name.sql}")

    def rows(self, name: Name, first: int, count: int) -> list[list[Any]]:
        """Rows in their order, as the REST API writes them."""
        fields = self.fields(name)
        found = self.cursor().sql(f"FROM {name.sql} LIMIT {count} OFFSET {first}").to_arrow_table()
        return [[_cell(row[f["name"]], f) for f in fields] for row in found.to_pylist()]

    def count(self, name: Name) -> int:
        """How many rows a table has."""
        row = self.cursor().execute(f"SELECT count(*) FROM {name.sql}").fetchone()
        assert row is not None
        return int(row[0])

    def _place_of(self, names: Sequence[Name]) -> str:
        return next((self.locations[n.project, n.dataset] for n in names), "US")

    def _scanned(self, name: Name, tree: exp.Expr) -> int:
        read = _Read(tree)
        return sum(
            self._size(name, path, kind)
            for path, kind in _leaves(self.fields(name), ())
            if read.reads(path)
        )

    def _size(self, name: Name, path: tuple[str, ...], kind: str) -> int:
        key = (name, ".".join(path))
        if key not in self._sizes:
            leaf = ".".join(f'"{part}"' for part in path)
            size = _SIZES.get(kind, "8").format(f"({leaf})")
            query = f"SELECT coalesce(sum(CASE WHEN {leaf} IS NOT NULL THEN {size} END), 0)"
            row = self.cursor().execute(f"{query} FROM {name.sql}").fetchone()
            assert row is not None
            self._sizes[key] = int(row[0])
        return self._sizes[key]


def _used(tree: exp.Expr, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters that a statement names: BigQuery takes more, DuckDB does not."""
    named = [parameter.this.name for parameter in tree.find_all(exp.Parameter)]
    for name in named:
        if name not in parameters:
            raise Refusal(400, "invalidQuery", f"Query parameter '{name}' not found at [1:1]")
    return {name: parameters[name] for name in named}


class _Read:
    """Which columns a statement names: BigQuery bills for those only."""

    def __init__(self, tree: exp.Expr) -> None:
        self.tree = tree

    @cached_property
    def named(self) -> list[list[str]]:
        """The parts of every name, tables and aliases included."""
        found = [[part.name for part in column.parts] for column in self.tree.find_all(exp.Column)]
        dots = self.tree.find_all(exp.Dot)
        return found + [[part.name for part in dot.parts] for dot in dots]

    def reads(self, path: tuple[str, ...]) -> bool:
        """Whether a column, or a part of it, is read; `*` reads all."""
        if any(not isinstance(star.parent, exp.Count) for star in self.tree.find_all(exp.Star)):
            return True
        wanted = list(path)
        for names in self.named:
            for start in range(len(names)):
                rest = names[start:]
                if rest == wanted[: len(rest)] or wanted == rest[: len(wanted)]:
                    return True
        return False


def arrow_schema(fields: Sequence[Field]) -> pa.Schema:
    """The Arrow types in which the Storage Read API gives these columns."""
    return pa.schema([(each["name"], _arrow(each)) for each in fields])


def _arrow(its: Field) -> pa.DataType:
    record = its["type"] == "RECORD"
    kind = pa.struct(list(arrow_schema(its["fields"]))) if record else _ARROW[its["type"]]
    return pa.list_(kind) if its["mode"] == "REPEATED" else kind


def _fields(names: Sequence[str], kinds: Sequence[DuckDBPyType]) -> list[Field]:
    return [_field(name, kind) for name, kind in zip(names, kinds, strict=True)]


def _field(name: str, kind: DuckDBPyType) -> Field:
    if kind.id in ("list", "array"):
        return {**_field(name, kind.children[0][1]), "mode": "REPEATED"}  # type: ignore[arg-type]
    if kind.id == "struct":
        parts = [_field(part, inner) for part, inner in kind.children]  # type: ignore[arg-type]
        return {"name": name, "type": "RECORD", "mode": "NULLABLE", "fields": parts}
    text = str(kind).lower()
    named = "JSON" if text == "json" else _NAMES.get(text, _NAMES.get(str(kind.id), "INTEGER"))
    return {"name": name, "type": named, "mode": "NULLABLE"}


def _leaves(fields: Sequence[Field], above: tuple[str, ...]) -> list[tuple[tuple[str, ...], str]]:
    found = []
    for each in fields:
        path = (*above, each["name"])
        if each["type"] == "RECORD" and each["mode"] != "REPEATED":
            found += _leaves(each["fields"], path)
        else:
            found.append((path, "INTEGER" if each["mode"] == "REPEATED" else each["type"]))
    return found


_TYPES = {
    "INTEGER": "BIGINT", "INT64": "BIGINT", "FLOAT": "DOUBLE", "FLOAT64": "DOUBLE",
    "STRING": "VARCHAR", "TIMESTAMP": "TIMESTAMPTZ", "DATETIME": "TIMESTAMP", "BYTES": "BLOB",
    "BOOL": "BOOLEAN", "NUMERIC": "DECIMAL(38, 9)",
}  # fmt: skip


def _duckdb(its: Field) -> str:
    named: str = its["type"]
    kind = _TYPES.get(named, named)
    if its["type"] in ("RECORD", "STRUCT"):
        kind = f"STRUCT({_columns(its['fields'])})"
    return f"{kind}[]" if its.get("mode") == "REPEATED" else kind


def _columns(fields: Sequence[Field]) -> str:
    return ", ".join(f'"{each["name"]}" {_duckdb(each)}' for each in fields)


def _read_json(its: Field) -> str:
    nested = its["mode"] == "REPEATED" or its["type"] in ("RECORD", "JSON")
    return f"(line {'->' if nested else '->>'} '$.\"{its['name']}\"')"


def _cell(value: Any, its: Field) -> Any:
    if its["mode"] == "REPEATED":
        one = {**its, "mode": "NULLABLE"}
        return [{"v": _cell(each, one)} for each in value or ()]
    if value is None:
        return None
    if its["type"] == "RECORD":
        return {"f": [{"v": _cell(value[part["name"]], part)} for part in its["fields"]]}
    if isinstance(value, datetime) and its["type"] == "TIMESTAMP":
        return str(round(value.timestamp() * 1e6))
    return _text(value)


def _text(value: Any) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case datetime() | date() | time():
            return value.isoformat()
        case bytes():
            return base64.b64encode(value).decode()
    return str(value)


def _plain(error: Exception) -> str:
    return " ".join(str(error).replace("\x1b[4m", "").replace("\x1b[0m", "").split())


def _spoken(error: duckdb.Error) -> str:
    said = str(error).partition("\n")[0]
    found = said.partition('Referenced column "')[2].partition('"')[0]
    return f"Unrecognized name: {found} at [1:1]" if found else said
