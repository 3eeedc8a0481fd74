"""DuckDB as the reader of table files: one quiet connection, a cursor per statement."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pyarrow as pa
from duckdb.sqltypes import DuckDBPyType

from vistoria.errors import UserError
from vistoria.sources._schema import BATCH_ROWS

__all__ = ["Database", "brief", "condition_message", "identifier", "literal"]

_ROW = "vistoria row"
_TABLES = "SELECT table_schema, table_name FROM information_schema.tables ORDER BY ALL"

_SETTINGS = {
    "python_enable_replacements": "false",  # else SQL could name this process's Python variables
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "enable_external_file_cache": "false",  # a table is read once; the cache would grow with it
}


class Database:
    """A DuckDB connection that only reads.

    `path` is a database file, or None to read other files from memory.
    """

    def __init__(self, path: Path | None = None) -> None:
        """Raises UserError if `path` is no readable database."""
        try:
            self._connection = duckdb.connect(
                ":memory:" if path is None else str(path),
                read_only=path is not None,
                config=dict(_SETTINGS),
            )
            # GLOBAL: each cursor is a session of its own and would fall back to the local zone.
            self._connection.execute("SET GLOBAL TimeZone = 'UTC'")
        except duckdb.Error as error:
            raise UserError(f"cannot open {str(path)!r} as a DuckDB database: {error}") from error

    def describe(self, query: str) -> dict[str, DuckDBPyType]:
        """Column name → type, without reading rows; raises duckdb.Error.

        Whatever a person wrote passes through here first, so more than one statement is refused.
        """
        if len(duckdb.extract_statements(query)) != 1:
            raise duckdb.ParserException("expected one expression, not several statements")
        relation = self._connection.cursor().sql(query)
        return dict(zip(relation.columns, relation.types, strict=True))

    def tables(self) -> list[tuple[str, str]]:
        """Schema and name of each table and view, sorted."""
        return self._connection.cursor().execute(_TABLES).fetchall()

    def value(self, query: str) -> int:
        """The single integer that a query answers; raises duckdb.Error."""
        row = self._connection.cursor().execute(query).fetchone()
        assert row is not None
        return int(row[0])

    def stream(self, query: str) -> "Iterator[pa.RecordBatch]":
        """The rows of a query as they are computed; raises duckdb.Error."""
        # `sql` rather than `execute`: a DB-API result would be copied once more into Arrow.
        cursor = self._connection.cursor()
        yield from cursor.sql(query).to_arrow_reader(2 * BATCH_ROWS)

    def computed(self, query: str, batch: "pa.RecordBatch") -> "list[pa.RecordBatch]":
        """The rows of a query over `batch`, which it calls `its`; raises duckdb.Error."""
        cursor = self._connection.cursor()
        cursor.register("its", pa.table(batch))
        return list(cursor.sql(query).to_arrow_reader(2 * BATCH_ROWS))

    def condition(
        self, where: str, columns: "pa.Schema", *, place: str
    ) -> "Callable[[pa.Table], list[int]]":
        """A function that tells which rows of a table of these columns meet an SQL condition.

        Raises UserError if the condition cannot be understood; `place` is named in its message.
        """
        query = f"SELECT {identifier(_ROW)} FROM its WHERE (\n{where}\n)"

        def rows(table: "pa.Table") -> list[int]:
            cursor = self._connection.cursor()
            numbers = pa.array(range(table.num_rows), pa.int64())
            cursor.register("its", table.append_column(_ROW, numbers))
            try:
                return [int(row) for (row,) in cursor.sql(query).fetchall()]
            except duckdb.Error as error:
                known = ", ".join(columns.names)
                message = condition_message(where, place, brief(error), known)
                raise UserError(message) from error

        rows(columns.empty_table())
        return rows


def condition_message(where: str, place: str, said: str, known: str) -> str:
    """What to tell a person whose condition is refused; `known`: the columns there are."""
    return f"the condition {where!r} does not fit {place}: {said}\nColumns you can use: {known}."


def brief(error: duckdb.Error) -> str:
    """What DuckDB says, without its drawing and its list of names made here."""
    return re.split(r"\n\n|\nCandidate bindings", str(error))[0].strip()


def identifier(name: str) -> str:
    """`name` quoted as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """`text` quoted as an SQL string."""
    return "'" + text.replace("'", "''") + "'"
