"""The SQL that reads observations out of BigQuery. Values travel as parameters, never as text."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from vistoria.errors import ConfigError
from vistoria.sources import Parameter, Selection
from vistoria.sources._bigquery_columns import Leaf
from vistoria.sources._columns import Found
from vistoria.sources._database import identifier
from vistoria.sources._schema import TIES

__all__ = ["Reading", "Relation", "Statement", "reading"]


class Statement(NamedTuple):
    """SQL and the values of its parameters."""

    sql: str
    parameters: Mapping[str, Parameter]


class Relation(NamedTuple):
    """What is read: SQL that stands after FROM with values of its parameters; the query itself if
    it has an order of its own that is to be kept; the table's full name if it is one."""

    sql: str
    parameters: Mapping[str, Parameter]
    ordered: str | None = None
    table: str | None = None

    def statement(self, select: str) -> Statement:
        """A SELECT of something out of all of it."""
        return Statement(f"SELECT {select} FROM {self.sql} AS its", self.parameters)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How a selection is read: `statement` yields the columns of `leaves` by place, or with
    `whole` the user's own columns, of which the first `rows` rows count. `sorted`: by us."""

    statement: Statement
    leaves: Mapping[str, Leaf]
    whole: bool = False
    rows: int | None = None
    sorted: bool = False


def reading(
    relation: Relation,
    mapped: Mapping[str, Found],
    leaves: Mapping[str, Leaf],
    selection: Selection,
    *,
    sort: bool = True,
) -> Reading:
    """The way to read a selection of `relation`.

    Rows come by id, address, snapshot, time and box, so that each reading has the same order and
    a limit means the same rows; a sample by the key that every source shares. A query's own order
    is kept where no condition and no sample stand between. `sort`: False leaves out the order,
    which BigQuery can't make of very many rows, where it decides about nothing.
    """
    bounds = [n for n in (selection.limit, selection.sample) if n is not None]
    rows = min(bounds, default=None)
    plain = selection.where is None and selection.sample is None
    if relation.ordered is not None and plain and all(leaf.path for leaf in leaves.values()):
        return Reading(
            statement=Statement(relation.ordered, relation.parameters),
            leaves=leaves,
            whole=True,
            rows=rows,
        )
    columns = [f"{leaf.sql} AS c{place}" for place, leaf in enumerate(leaves.values())]
    sql = f"SELECT {', '.join(columns)}\nFROM {relation.sql} AS its"
    parameters = dict(relation.parameters)
    if selection.where is not None:
        sql += f"\nWHERE (\n{selection.where}\n)"
    if sort or bounds:
        sql += f"\nORDER BY {', '.join(_order(mapped, leaves, selection))}"
    if selection.sample is not None:
        parameters["vistoria_seed"] = selection.seed
    if rows is not None:
        sql += "\nLIMIT @vistoria_rows"
        parameters["vistoria_rows"] = rows
    return Reading(statement=Statement(sql, parameters), leaves=leaves, sorted=sort and not bounds)


def _order(
    mapped: Mapping[str, Found], leaves: Mapping[str, Leaf], selection: Selection
) -> Sequence[str]:
    uri = _text("uri", mapped, leaves)
    key = f"COALESCE(NULLIF({_text('observation_id', mapped, leaves)}, ''), {uri}, '')"
    if selection.sample is not None:
        key = f"TO_HEX(MD5(CONCAT(CAST(@vistoria_seed AS STRING), ':', {key})))"
    ties = [leaf for name in TIES[1:] if (leaf := _leaf(name, mapped, leaves)) and leaf.sortable]
    return key, uri, *(leaf.sql for leaf in ties)


def _text(ours: str, mapped: Mapping[str, Found], leaves: Mapping[str, Leaf]) -> str:
    leaf = _leaf(ours, mapped, leaves)
    if leaf is None:
        raise ConfigError(
            f"{ours} lies inside a value that BigQuery is not told to open; give an expression, "
            f"e.g. columns = {{ {ours} = \"JSON_VALUE(image, '$.id')\" }}"
        )
    return f"JSON_VALUE({leaf.sql})" if leaf.column.is_json else f"CAST({leaf.sql} AS STRING)"


def _leaf(ours: str, mapped: Mapping[str, Found], leaves: Mapping[str, Leaf]) -> Leaf | None:
    """The leaf that our column is, unless it is only a part of one."""
    sql = mapped[ours].sql if ours in mapped else None
    return next((leaf for name, leaf in leaves.items() if identifier(name) == sql), None)
