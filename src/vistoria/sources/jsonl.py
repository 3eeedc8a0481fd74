"""JSON objects as a source: one per line, as BigQuery exports them, or in an array."""

from dataclasses import replace

from vistoria.sources import Source, SourceOptions
from vistoria.sources._columns import Column, column_of
from vistoria.sources._database import Database, identifier, literal
from vistoria.sources._table import Relation, TableSource, refuse_query, table_files

__all__ = ["SCHEMES", "SUFFIXES", "open_source"]

SCHEMES = ("jsonl",)
SUFFIXES = (".jsonl", ".ndjson", ".json")


def open_source(address: str, options: SourceOptions) -> Source:
    """The objects in file order; only a .json file may hold them in an array.

    Values are read as they are written, whatever types they have in other lines. Conditions see
    the types that the values suggest. Relative image addresses begin at the file's folder. Raises
    UserError if there is no such file or a line is no JSON object.
    """
    refuse_query(address, options)
    files = table_files(address, SCHEMES)
    form = "auto" if address.endswith(".json") else "newline_delimited"
    how = f"format='{form}', map_inference_threshold=-1"

    def relation(database: Database) -> Relation:
        guessed = database.describe(f"FROM read_json({files.sql}, {how})")
        as_json = ", ".join(f"{identifier(name)}: 'JSON'" for name in guessed)
        return Relation(
            sql=f"read_json({files.sql}, {how}, columns={{{as_json}}})",
            columns={name: _json(column_of(kind)) for name, kind in guessed.items()},
            own={name: _own(name, str(kind)) for name, kind in guessed.items()},
            name=files.name,
            folder=files.folder,
        )

    return TableSource(address, Database(), relation, options)


def _json(column: Column) -> Column:
    parts = {name: _json(part) for name, part in column.parts.items()}
    return replace(column, parts=parts, is_json=True)


def _own(name: str, kind: str) -> str:
    if kind == "JSON":
        return identifier(name)
    text = f"{identifier(name)} ->> {literal('$')}"
    nested = any(mark in kind for mark in ("STRUCT", "[", "MAP"))
    return f"TRY_CAST({identifier(name) if nested else f'({text})'} AS {kind})"
