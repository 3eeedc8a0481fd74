"""Finds a path such as `location.latitude` in whatever shape a table holds it.

The same value comes nested (a struct), as JSON or a printed dict in a text column, or flattened
to `location.latitude` or `location_latitude`; a point comes as two numbers, GeoJSON, WKT or WKB.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from duckdb.sqltypes import DuckDBPyType

from vistoria.sources._database import identifier, literal

__all__ = ["Column", "Found", "column_of", "find", "plain"]

_KINDS = {
    "struct": "struct",
    "map": "map",
    "list": "list",
    "array": "list",
    "varchar": "text",
    "geometry": "geometry",
    "blob": "bytes",
    "date": "time",
}
_POINT_ORDER = {"longitude": 1, "latitude": 2}  # x before y in GeoJSON, WKT and WKB
_WELL_KNOWN_TEXT = r"POINT\s*Z?M?\s*\(\s*([-+0-9.eE]+)[\s,]+([-+0-9.eE]+)"


@dataclass(frozen=True, slots=True)
class Column:
    """The shape of a column or of a part of one.

    `kind`: "struct" (with its `parts`), "map", "list", "text" (which may hold JSON), "time",
    "geometry", "bytes" (which may hold WKB) or "other"; `is_json`: its values are JSON in SQL,
    whatever their shape is.
    """

    kind: str
    parts: "Mapping[str, Column]" = field(default_factory=dict)
    is_json: bool = False


class Found(NamedTuple):
    """A value in a table: an SQL expression and the shape of what it yields."""

    sql: str
    column: Column


def column_of(kind: DuckDBPyType) -> Column:
    """The shape of a DuckDB type."""
    if str(kind) == "JSON":
        return Column("text", is_json=True)
    if kind.id == "struct":
        return Column("struct", dict(map(_part, kind.children)))
    return Column("time" if kind.id.startswith("timestamp") else _KINDS.get(kind.id, "other"))


def _part(child: tuple[str, object]) -> tuple[str, Column]:
    name, kind = child
    assert isinstance(kind, DuckDBPyType)
    return name, column_of(kind)


def find(path: str, columns: Mapping[str, Column]) -> Found | None:
    """Where `path` is in a table of these columns, or None if it is not there.

    A path is names joined by dots, list places counted from 0; `@latitude` or `@longitude` at its
    end takes a coordinate out of a point in any form.
    """
    path, _, coordinate = path.partition("@")
    folded = {name.casefold(): name for name in reversed(list(columns))}
    names = path.split(".")
    for length in range(len(names), 0, -1):
        for head in (".".join(names[:length]), "_".join(names[:length])):
            name = head if head in columns else folded.get(head.casefold())
            if name is None:
                continue
            found = _descend(Found(identifier(name), columns[name]), names[length:])
            if found is not None:
                return _point(found, coordinate) if coordinate else found
    return find(f"{path}.{coordinate}", columns) if coordinate else None


def plain(found: Found) -> str:
    """The found value as SQL; a JSON string loses its quotes, JSON null becomes NULL."""
    return f"({found.sql} ->> '$')" if found.column.is_json else found.sql


def _descend(found: Found, names: list[str]) -> Found | None:
    if not names:
        return found
    (sql, column), (name, *rest) = found, names
    part = column.parts.get(name)
    if column.kind == "struct" and part is None:
        return None
    if column.is_json or column.kind == "text":
        key = f"[{name}]" if name.isdigit() else f'."{name}"'
        sql = f"({_json(found)} -> {literal('$' + key)})"
        return _descend(Found(sql, replace(part or Column("text"), is_json=True)), rest)
    if part is not None:
        return _descend(Found(f"struct_extract({sql}, {literal(name)})", part), rest)
    if column.kind == "list" and name.isdigit():
        return _descend(Found(f"{sql}[{int(name) + 1}]", Column("other")), rest)
    return None


def _json(found: Found) -> str:
    if found.column.is_json:
        return found.sql
    # Python prints dicts with single quotes, and such text ends up in many a CSV.
    double_quoted = f"replace({found.sql}, '''', '\"')"
    return f"coalesce(TRY_CAST({found.sql} AS JSON), TRY_CAST({double_quoted} AS JSON))"


def _point(found: Found, coordinate: str) -> Found | None:
    place = _POINT_ORDER[coordinate]
    kind, is_json = found.column.kind, found.column.is_json
    if kind == "struct" and not is_json:
        return _descend(found, ["coordinates", str(place - 1)]) or _descend(found, [coordinate])
    if kind == "bytes":
        found = Found(f"TRY(st_astext(st_geomfromwkb({found.sql})))", Column("text"))
    elif kind == "geometry":
        found = Found(f"st_astext({found.sql})", Column("text"))
    pattern = literal(_WELL_KNOWN_TEXT)
    choices = (
        f"nullif(regexp_extract({plain(found)}, {pattern}, {place}, 'i'), '')",
        f"({_json(found)} ->> '$.coordinates[{place - 1}]')",
        f"({_json(found)} ->> '$.{coordinate}')",
    )
    return Found(f"coalesce({', '.join(choices)})", Column("text"))
