"""A DuckDB file of all tables."""

from pathlib import Path
from typing import ClassVar

import duckdb
import pytest

from tests.contracts.publishers import Crash, PublisherContract, Row, edition_of, town
from vistoria.errors import UserError
from vistoria.ledger import Ledger
from vistoria.publishers._columns import TABLES


class TestContract(PublisherContract):
    """One database."""

    name: ClassVar[str] = "duckdb"

    def target(self, folder: Path) -> str:
        return str(folder / "results.duckdb")

    def read(self, address: str) -> dict[str, list[Row]]:
        with duckdb.connect(address, read_only=True) as db:
            return {
                table: db.sql(f"FROM {table} ORDER BY ALL").to_arrow_table().to_pylist()
                for table in TABLES
            }

    def test_the_old_edition_stays_until_the_new_one_is_whole(
        self, ledger: Ledger, address: str
    ) -> None:
        self.open(address).publish(edition_of(ledger, town(wood=6)))
        before = self.read(address)
        new, seen = edition_of(ledger, town(wood=10)), []

        def die(what: str, rows: int) -> None:
            seen.append(what)
            if what == "runs":
                raise Crash

        with pytest.raises(Crash):
            self.open(address).publish(new, die)
        assert set(seen) >= {"labels", "assets", "counts", "runs"}
        assert self.read(address) == before

    def test_runs_stand_side_by_side(self, ledger: Ledger, address: str, tmp_path: Path) -> None:
        mine = self.open(address).publish(edition_of(ledger, town()))
        with Ledger(tmp_path / "other.sqlite") as other:
            self.open(address).publish(edition_of(other, town(4)))
        tables = self.read(address)
        assert len(tables["runs"]) == 2
        assert len(tables["labels"]) == mine.rows["labels"] + 12

    def test_columns_say_what_they_mean(self, ledger: Ledger, address: str) -> None:
        self.open(address).publish(edition_of(ledger, town()))
        with duckdb.connect(address, read_only=True) as db:
            said = dict(
                db.sql(
                    "SELECT column_name, comment FROM duckdb_columns() WHERE table_name = 'labels'"
                ).fetchall()
            )
        assert said == {column.name: column.text for column in TABLES["labels"]}

    def test_a_file_that_is_no_database(self, ledger: Ledger, address: str) -> None:
        Path(address).write_text("not a database, but long enough to be looked at" * 400)
        with pytest.raises(UserError, match="DuckDB"):
            self.open(address).publish(edition_of(ledger, town()))
