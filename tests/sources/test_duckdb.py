"""`duckdb`: tables, views and queries of a database file, read-only."""

from pathlib import Path
from typing import ClassVar

import duckdb
import pyarrow as pa
import pytest

from tests.contracts.sources import SourceContract, ids, rows
from vistoria.errors import ConfigError, UnknownName, UserError
from vistoria.sources import Selection, SourceOptions
from vistoria.sources.duckdb import open_source


class TestContract(SourceContract):
    name = "duckdb"
    condition: ClassVar[str] = "n < 10"

    def make(self, folder: Path, count: int) -> str:
        with duckdb.connect(str(folder / "rows.duckdb")) as database:
            database.execute(
                "CREATE TABLE rows AS SELECT 'row-' || n AS id, 'gs://b/' || n AS uri, n"
                f" FROM range({count}) AS t(n)"
            )
        return str(folder / "rows.duckdb")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    with duckdb.connect(str(tmp_path / "city.duckdb")) as database:
        database.execute("CREATE TABLE poles AS SELECT 'p' AS id, 'p.jpg' AS path")
        database.execute("CREATE SCHEMA old; CREATE TABLE old.signs AS SELECT 's' id, 's.jpg' uri")
        database.execute("""CREATE VIEW "the view" AS SELECT 'v' AS id, '/v.jpg' AS uri""")
    return tmp_path / "city.duckdb"


def test_tables_views_and_queries(path: Path) -> None:
    (row,) = rows(open_source(f"duckdb://{path}", SourceOptions(table="poles")))
    assert (row["observation_id"], row["uri"]) == ("p", f"{path.parent}/p.jpg")
    assert ids(open_source(str(path), SourceOptions(table="main.poles"))) == ["p"]
    assert ids(open_source(str(path), SourceOptions(table="old.signs"))) == ["s"]
    assert ids(open_source(str(path), SourceOptions(table="the view"))) == ["v"]
    query = "SELECT id, path AS photo FROM poles UNION ALL SELECT 'q', 'q.jpg' ORDER BY id -- all"
    source = open_source(str(path), SourceOptions(query=query))
    assert ids(source) == ["p", "q"]
    assert ids(source, Selection(where="photo LIKE 'q%'")) == ["q"]


def test_which_table_is_meant(path: Path) -> None:
    with pytest.raises(ConfigError, match=r"3 tables: old\.signs, poles, the view"):
        open_source(str(path), SourceOptions())
    with pytest.raises(UnknownName, match="did you mean 'poles'"):
        open_source(str(path), SourceOptions(table="pole"))
    with pytest.raises(ConfigError, match="leave one out"):
        open_source(str(path), SourceOptions(table="poles", query="SELECT 1"))
    with pytest.raises(UserError, match="syntax error"):
        open_source(str(path), SourceOptions(query="SELEC 1"))
    with pytest.raises(UserError, match="one expression"):
        open_source(str(path), SourceOptions(query="SELECT 1 AS uri); DROP TABLE poles; SELECT (1"))


def test_is_read_only_and_takes_no_variables_of_ours(path: Path) -> None:
    frame = pa.table({"uri": ["a.jpg"]})
    assert frame.num_rows == 1
    with pytest.raises(UserError, match="frame"):
        open_source(str(path), SourceOptions(query="SELECT * FROM frame"))
    source = open_source(str(path), SourceOptions(table="poles"))
    with pytest.raises(UserError, match="condition"):
        rows(source, Selection(where="(INSERT INTO poles VALUES ('x', 'y')) IS NULL"))
    assert source.count(Selection()) == 1


def test_not_a_database(tmp_path: Path) -> None:
    (tmp_path / "a.db").write_bytes(b"SQLite format 3\0" + bytes(4096))
    with pytest.raises(UserError, match="cannot open"):
        open_source(str(tmp_path / "a.db"), SourceOptions())
