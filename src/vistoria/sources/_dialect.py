"""BigQuery's SQL on DuckDB: the same condition, query and column expression on either.

Needs the extra `bigquery`. sqlglot translates; what means something else in its translation is
mended here, and what has no counterpart is refused instead of being guessed.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from vistoria.sources import Parameter
from vistoria.sources._translation import QueryWrong

__all__ = ["condition", "has_order", "query", "statement"]

Place = Callable[[tuple[str, ...]], str]
"""From the parts of a table's name, e.g. (project, data set, table), to DuckDB's SQL for it."""


def condition(sql: str, values: Mapping[str, Parameter] = MappingProxyType({})) -> str:
    """A condition or another expression over a table's columns, `values` put in for `@name`s.

    Raises QueryWrong.
    """
    try:
        wrapped = sqlglot.parse(f"SELECT (\n{sql}\n)", read="bigquery")
    except SqlglotError as error:
        raise _refused(sql, error) from None
    if len(wrapped) != 1 or not isinstance(wrapped[0], exp.Select):
        raise QueryWrong(f"expected one expression in BigQuery's SQL, not {sql!r}")
    return _duckdb(_filled(wrapped[0].expressions[0], values), sql)


def query(sql: str, place: Place, values: Mapping[str, Parameter] = MappingProxyType({})) -> str:
    """A query whose tables are looked up by `place`; raises QueryWrong, or what `place` raises."""
    tree = _parsed(sql)
    if not isinstance(tree, exp.Query):
        raise QueryWrong(f"expected a SELECT, not {sql!r}")
    return statement(_filled(tree, values), sql, place)


def statement(tree: exp.Expr, sql: str, place: Place) -> str:
    """A parsed statement of any kind, as DuckDB understands it; `sql` is named in errors."""
    named = {cte.alias_or_name for cte in tree.find_all(exp.CTE)}
    for table in list(tree.find_all(exp.Table)):
        # Elements of a column (`FROM t, t.list`) look like a table, and are not.
        if not isinstance(table.this, exp.Identifier):
            continue
        parts = tuple(part for piece in table.parts for part in piece.name.split("."))
        if len(parts) == 1 and parts[0] in named:
            continue
        found = sqlglot.parse_one(place(parts), read="duckdb", into=exp.Table)
        for part in ("this", "db", "catalog"):
            table.set(part, found.args.get(part))
        if not table.alias and isinstance(table.parent, exp.From | exp.Join):
            table.set("alias", exp.TableAlias(this=exp.to_identifier(parts[-1], quoted=True)))
    return _duckdb(tree, sql)


def has_order(sql: str) -> bool:
    """Whether a query says in which order its rows come; False where that cannot be told."""
    try:
        return _parsed(sql).args.get("order") is not None
    except QueryWrong:
        return False


def _filled(tree: exp.Expr, values: Mapping[str, Parameter]) -> exp.Expr:
    for parameter in list(tree.find_all(exp.Parameter)):
        name = parameter.name or parameter.this.name
        if name not in values:
            raise QueryWrong(f"no value for @{name}; give one in [source], parameters")
        parameter.replace(exp.convert(values[name]))
    return tree


def _parsed(sql: str) -> exp.Expr:
    try:
        trees = [tree for tree in sqlglot.parse(sql, read="bigquery") if tree is not None]
    except SqlglotError as error:
        raise _refused(sql, error) from None
    if len(trees) != 1:
        raise QueryWrong(f"expected one statement, found {len(trees)} in {sql!r}")
    return trees[0]


def _duckdb(tree: exp.Expr, sql: str) -> str:
    try:
        changed = tree.transform(_mended)
        return changed.sql("duckdb", unsupported_level=sqlglot.ErrorLevel.RAISE)
    except SqlglotError as error:
        raise _refused(sql, error) from None


def _refused(sql: str, error: SqlglotError) -> QueryWrong:
    said = " ".join(str(error).replace("\x1b[4m", "").replace("\x1b[0m", "").split())
    return QueryWrong(f"cannot read {sql!r} as BigQuery's SQL for DuckDB: {said}")


def _mended(node: exp.Expr) -> exp.Expr:
    mend = _MENDS.get(type(node))
    return node if mend is None else mend(node)


def _whole_units(node: exp.Expr) -> exp.Expr:
    # TIMESTAMP_DIFF counts whole units; DuckDB's date_diff counts the borders between them.
    unit = exp.Literal.string(node.text("unit") or "DAY")
    return exp.Anonymous(this="date_sub", expressions=[unit, node.expression, node.this])


def _first_of_array(node: exp.Expr) -> exp.Expr:
    if not isinstance(node.this, exp.Limit):
        return node
    inner, count = node.this.this, node.this.expression
    whole = node.copy()
    whole.set("this", inner.copy())
    bounds = [exp.Literal.number(1), count.copy()]
    return exp.Anonymous(this="list_slice", expressions=[whole, *bounds])


_MENDS: Mapping[type[exp.Expr], Callable[[exp.Expr], exp.Expr]] = {
    exp.TimestampDiff: _whole_units,
    exp.ArrayAgg: _first_of_array,
}
