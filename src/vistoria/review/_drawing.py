"""Which units are drawn: by a hash of seed and id within each stratum.

The same SQL on DuckDB and on BigQuery, but for the name of the hash and the quoting of texts, so
that the same seed draws the same units from the same table anywhere, and anyone can check it.
A unit (and all photos of one asset with it) is set apart for one purpose for good, whatever the
seed: a label that helped to choose a prompt can never certify what the prompt made.
"""

import hashlib
import re
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple, TypeAlias

import duckdb
import pyarrow as pa

from vistoria.ledger import Purpose

Dialect: TypeAlias = Literal["duckdb", "bigquery"]

SHARES: Mapping[Purpose, tuple[str, str]] = {
    "development": ("00000000", "33333333"),
    "calibration": ("33333333", "66666666"),
    "certification": ("66666666", "g"),
}
"""The first 8 hex digits of a unit's hash, from (inclusive) and to (exclusive): a fifth, a fifth,
three fifths."""


class Drawn(NamedTuple):
    """A unit that was drawn, and its place within its stratum, from 1."""

    unit: str
    stratum: str
    place: int


def purpose_of(split: str) -> Purpose:
    """What a unit is set apart for; `split` is its asset, or its own id."""
    digits = hashlib.md5(f"split:{split}".encode(), usedforsecurity=False).hexdigest()[:8]
    return next(name for name, (low, high) in SHARES.items() if low <= digits < high)


def drawing_sql(
    source: str,
    quotas: Mapping[str, int],
    seed: int,
    purpose: Purpose,
    dialect: Dialect = "duckdb",
) -> str:
    """Draws up to `quotas` units of each stratum; in the order of the hash.

    `source`: a table or query in brackets with the columns unit, split and stratum. Yields unit,
    stratum and place.
    """
    low, high = SHARES[purpose]
    digits = f"substr({hash_sql(_text('split:', dialect) + ' || split', dialect)}, 1, 8)"
    place = _text(f"{seed:d}:", dialect)
    cases = " ".join(f"WHEN {_text(s, dialect)} THEN {n:d}" for s, n in sorted(quotas.items()))
    return f"""
SELECT unit, stratum, place
FROM (
  SELECT unit, stratum, drawn_by,
    row_number() OVER (PARTITION BY stratum ORDER BY drawn_by, unit) AS place
  FROM (
    SELECT unit, stratum, {hash_sql(f"{place} || unit", dialect)} AS drawn_by
    FROM {source} AS frame
    WHERE {digits} >= '{low}' AND {digits} < '{high}'
  ) AS hashed
) AS ranked
WHERE place <= CASE stratum {cases} ELSE 0 END
ORDER BY drawn_by, unit
""".strip()


def counting_sql(source: str, purpose: Purpose, dialect: Dialect = "duckdb") -> str:
    """Per stratum: all units, and those set apart for the purpose."""
    low, high = SHARES[purpose]
    digits = f"substr({hash_sql(_text('split:', dialect) + ' || split', dialect)}, 1, 8)"
    return f"""
SELECT stratum, count(*) AS units,
  sum(CASE WHEN {digits} >= '{low}' AND {digits} < '{high}' THEN 1 ELSE 0 END) AS available
FROM {source} AS frame
GROUP BY stratum
ORDER BY stratum
""".strip()


def frame_sql(table: str, field: str, dialect: Dialect = "duckdb") -> str:
    """A source for the statements above from a table of labels as `vistoria export` writes it:
    observations, in strata by what the machine said about a choice or boolean."""
    assert re.fullmatch(r"[a-z][a-z0-9_]*", field)
    answer = f"coalesce(cast({field} AS {_STRING[dialect]}), '(does not apply)')"
    words = f"CASE {answer} WHEN 'true' THEN 'yes' WHEN 'false' THEN 'no' ELSE {answer} END"
    return (
        "(SELECT coalesce(snapshot_id, '') || '/' || coalesce(asset_id, '') || '/' || "
        "observation_id AS unit, coalesce(asset_id, observation_id) AS split, "
        f"{words} AS stratum FROM {table} WHERE status = 'answered')"
    )


def hash_sql(text: str, dialect: Dialect) -> str:
    """The MD5 of an SQL expression, as 32 hex digits."""
    return f"md5({text})" if dialect == "duckdb" else f"to_hex(md5({text}))"


_STRING: Mapping[Dialect, str] = {"duckdb": "VARCHAR", "bigquery": "STRING"}


def _text(value: str, dialect: Dialect) -> str:
    """A literal: BigQuery escapes with backslashes, DuckDB doubles the quote."""
    if dialect == "duckdb":
        return "'" + value.replace("'", "''") + "'"
    escaped = value.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n")
    return f"'{escaped}'"


def draw(frame: pa.Table, quotas: Mapping[str, int], seed: int, purpose: Purpose) -> list[Drawn]:
    """Draws from a frame with the columns unit, split and stratum, in the order of the hash."""
    rows = _rows(frame, drawing_sql("frame", quotas, seed, purpose))
    return [Drawn(unit, stratum, place) for unit, stratum, place in rows]


def available(frame: pa.Table, purpose: Purpose) -> dict[str, tuple[int, int]]:
    """Stratum → all units, and those set apart for the purpose."""
    rows = _rows(frame, counting_sql("frame", purpose))
    return {stratum: (units, free) for stratum, units, free in rows}


def _rows(frame: pa.Table, query: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(config={"threads": 1}) as database:
        database.register("frame", frame.select(["unit", "split", "stratum"]))
        rows: list[tuple[Any, ...]] = database.execute(query).fetchall()
    return rows
