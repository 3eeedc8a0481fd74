"""Drawing by hash: the same units from DuckDB's SQL, BigQuery's SQL and plain Python."""

import hashlib
from collections import Counter
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
import sqlglot
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.labelled import POLE, add_run, poles
from vistoria.ledger import Ledger, Purpose
from vistoria.review import Wish, counting_sql, draw_sample, drawing_sql, frame_sql, purpose_of

PURPOSES: tuple[Purpose, ...] = ("development", "calibration", "certification")


def frame(rows: list[tuple[str, str, str]]) -> pa.Table:
    """Columns unit, split and stratum."""
    names = ("unit", "split", "stratum")
    return pa.table({n: [row[i] for row in rows] for i, n in enumerate(names)})


def rows_of(table: pa.Table, sql: str) -> list[tuple[object, ...]]:
    """A query's rows over a table named `frame`."""
    with duckdb.connect() as database:
        database.register("frame", table)
        return database.execute(sql).fetchall()


def from_bigquery(sql: str) -> str:
    """BigQuery's SQL as DuckDB understands it; raises where it is none."""
    [found] = sqlglot.transpile(
        sql,
        read="bigquery",
        write="duckdb",
    )
    return found


def by_hand(
    rows: list[tuple[str, str, str]], quotas: dict[str, int], seed: int, purpose: Purpose
) -> list[tuple[str, str]]:
    """The same with nothing but hashlib."""

    def key(unit: str) -> str:
        return hashlib.md5(f"{seed}:{unit}".encode()).hexdigest()

    taken: Counter[str] = Counter()
    found = []
    for unit, split, stratum in sorted(rows, key=lambda row: (key(row[0]), row[0])):
        if purpose_of(split) == purpose and taken[stratum] < quotas.get(stratum, 0):
            taken[stratum] += 1
            found.append((unit, stratum))
    return found


names = st.text(min_size=1, max_size=6).filter(lambda text: "\x00" not in text)


@given(
    st.lists(st.tuples(names, names, st.sampled_from(["a", "it's", "b\\'s", "é\n"])), max_size=30,
             unique_by=lambda row: row[0]),
    st.integers(-3, 99), st.sampled_from(PURPOSES), st.integers(0, 6),
)  # fmt: skip
@settings(max_examples=60, deadline=None)
def test_three_ways_to_draw_the_same(
    rows: list[tuple[str, str, str]], seed: int, purpose: Purpose, quota: int
) -> None:
    quotas = {"a": quota, "it's": 2, "b\\'s": 3, "é\n": 1}
    table = frame(rows)
    duck = rows_of(table, drawing_sql("frame", quotas, seed, purpose))
    big = rows_of(table, from_bigquery(drawing_sql("frame", quotas, seed, purpose, "bigquery")))
    assert duck == big
    assert [row[:2] for row in duck] == by_hand(rows, quotas, seed, purpose)
    counts = rows_of(table, counting_sql("frame", purpose))
    assert counts == rows_of(table, from_bigquery(counting_sql("frame", purpose, "bigquery")))
    assert sum(int(str(row[1])) for row in counts) == len(rows)


def test_each_asset_serves_one_purpose() -> None:
    shares = Counter(purpose_of(f"asset-{i}") for i in range(20_000))
    assert shares["development"] == pytest.approx(4_000, abs=250)
    assert shares["calibration"] == pytest.approx(4_000, abs=250)
    assert shares["certification"] == pytest.approx(12_000, abs=300)


def test_a_larger_sample_holds_the_smaller_one() -> None:
    table = frame([(f"u{i}", f"u{i}", "a") for i in range(500)])
    small, large = (
        rows_of(table, drawing_sql("frame", {"a": n}, 3, "certification")) for n in (50, 80)
    )
    assert large[:50] == small
    other = rows_of(table, drawing_sql("frame", {"a": 50}, 4, "certification"))
    assert {row[0] for row in other} != {row[0] for row in small}


@pytest.mark.parametrize("dialect", ["duckdb", "bigquery"])
def test_anyone_can_draw_it_again_from_exported_labels(tmp_path: Path, dialect: str) -> None:
    """What `vistoria export` writes and one query give the sample that the ledger holds."""
    rows = poles(300, signs=200, snapshot_id="s1")
    for i, row in enumerate(rows):
        row["asset_id"] = f"a{i // 2}"
    with Ledger(tmp_path / "l.sqlite") as ledger:
        run = add_run(ledger, rows)
        labels = pa.Table.from_batches(ledger.batches(run))
        for field in ("material", "leaning"):
            sample = draw_sample(
                ledger, run, POLE, Wish(size=120, by_field=field, seed=5, fields=(field,))
            )
            units = ledger.reviews.units(sample)
            quotas = dict(Counter(unit.stratum for unit in units))
            source = frame_sql("frame", field, dialect)  # type: ignore[arg-type]
            sql = drawing_sql(source, quotas, 5, "certification", dialect)  # type: ignore[arg-type]
            found = rows_of(labels, from_bigquery(sql) if dialect == "bigquery" else sql)
            assert [row[0] for row in found] == [unit.unit for unit in units]
            counting = counting_sql(source, "certification", dialect)  # type: ignore[arg-type]
            text = from_bigquery(counting) if dialect == "bigquery" else counting
            assert {row[0]: row[1] for row in rows_of(labels, text)} == dict(sample.strata)
