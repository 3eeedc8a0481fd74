"""A table, view or query of a DuckDB database file as a source."""

from dataclasses import replace
from functools import partial
from pathlib import Path

from vistoria.errors import ConfigError, UnknownName, UserError
from vistoria.sources import Source, SourceOptions
from vistoria.sources._database import Database, identifier
from vistoria.sources._table import Relation, TableSource, plain_relation
from vistoria.sources._translation import dialect

__all__ = ["SCHEMES", "SUFFIXES", "open_source"]

SCHEMES = ("duckdb",)
SUFFIXES = (".duckdb", ".db", ".ddb")


def open_source(address: str, options: SourceOptions) -> Source:
    """The rows of `options.table` or `options.query`, or of the only table there is.

    The database is opened for reading only. A query in BigQuery's SQL names its tables as there,
    `project.dataset.table`: in the schema of the data set's name, else in the main one. Relative
    image addresses begin at the database's folder. Rows come in the order in which they were
    inserted; a query says its own. Raises UserError if there is no such database, ConfigError if it
    is not clear which table is meant.
    """
    path = Path(address.removeprefix("duckdb://")).absolute()
    if not path.is_file():
        raise UserError(
            f"no database {address!r} (looked at {str(path)!r}). Check the spelling or give a full "
            "path."
        )
    if options.table is not None and options.query is not None:
        raise ConfigError(f"both a table and a query are given for {address!r}: leave one out")
    database = Database(path)
    tables, ordered = database.tables(), False
    if options.query is None:
        sql, name = _table(tables, options.table, address)
    else:
        query, name = options.query, "query"
        if options.dialect is not None:
            ordered = dialect().has_order(query)
            query = dialect().query(query, partial(_placed, tables), options.parameters)
        sql = f"({query}\n)"

    def relation(database: Database) -> Relation:
        return replace(plain_relation(database, sql, name, path.parent), ordered=ordered)

    return TableSource(address, database, relation, options)


def _placed(tables: list[tuple[str, str]], parts: tuple[str, ...]) -> str:
    """DuckDB's SQL for a table by its name in BigQuery."""
    wanted = ".".join(parts[-2:]) if parts[-2:] in tables else parts[-1]
    return _table(tables, wanted, parts[-1])[0]


def _table(tables: list[tuple[str, str]], wanted: str | None, address: str) -> tuple[str, str]:
    """The table as SQL, and its name."""
    known = {f"{schema}.{name}": (schema, name) for schema, name in tables}
    known |= {name: (schema, name) for schema, name in tables if schema == "main"}
    names = tuple(name for name in known if not name.startswith("main."))
    if wanted is None:
        if len(tables) != 1:
            raise ConfigError(
                f"{address!r} has {len(tables)} tables: {', '.join(names) or 'none'}. "
                'Say which one to read, e.g. table = "observations".'
            )
        wanted = next(iter(known))
    if wanted not in known:
        raise UnknownName("table", wanted, names)
    return ".".join(map(identifier, known[wanted])), known[wanted][1]
