"""Parquet: one table, or a folder of all."""

import json
from pathlib import Path
from typing import ClassVar

import pyarrow.parquet as pq
import pytest

from tests.contracts.publishers import PublisherContract, Row, edition_of, town
from vistoria.errors import ConfigError, TransientError, UnknownName
from vistoria.ledger import Ledger
from vistoria.publishers import PublisherOptions
from vistoria.publishers._columns import TABLES
from vistoria.publishers.parquet import open_publisher


class TestContract(PublisherContract):
    """One file."""

    name: ClassVar[str] = "parquet"

    def target(self, folder: Path) -> str:
        return str(folder / "labels.parquet")

    def read(self, address: str) -> dict[str, list[Row]]:
        return {"labels": pq.read_table(address).to_pylist()}

    def test_a_label_with_its_provenance(self, ledger: Ledger, address: str) -> None:
        edition = edition_of(ledger, town())
        self.open(address).publish(edition)
        row = next(r for r in self.read(address)["labels"] if r["row_key"] == "1/material")
        assert (row["observation_id"], row["value"], row["value_json"]) == (
            "p000",
            "wood",
            '"wood"',
        )
        assert (row["run"], row["version"], row["confidence"]) == (
            edition.key,
            edition.version,
            0.8,
        )
        assert (row["model"], row["model_version"], row["asset_id"]) == ("m", "m-1", "pole-000")
        assert row["field_fingerprint"] == edition.fields[1].fingerprint
        leaning = next(r for r in self.read(address)["labels"] if r["row_key"] == "1/leaning")
        assert (leaning["value"], leaning["value_json"]) == ("yes", "true")

    def test_columns_say_what_they_mean(self, ledger: Ledger, address: str) -> None:
        self.open(address).publish(edition_of(ledger, town()))
        schema = pq.read_schema(address)
        described = {f.name: f.metadata[b"description"].decode() for f in schema}
        assert described == {column.name: column.text for column in TABLES["labels"]}

    def test_one_process_at_a_time(self, ledger: Ledger, address: str) -> None:
        edition = edition_of(ledger, town())

        def another(what: str, rows: int) -> None:
            with pytest.raises(TransientError, match="another process"):
                self.open(address).publish(edition)

        assert self.open(address).publish(edition, another).written
        assert self.open(address).publish(edition).written is False


class TestFolder(TestContract):
    """All tables."""

    def target(self, folder: Path) -> str:
        return f"parquet://{folder}"

    def read(self, address: str) -> dict[str, list[Row]]:
        folder = Path(address.removeprefix("parquet://"))
        assert {path.stem for path in folder.glob("*.parquet")} == set(TABLES)
        return {name: pq.read_table(folder / f"{name}.parquet").to_pylist() for name in TABLES}

    def test_columns_say_what_they_mean(self, ledger: Ledger, address: str) -> None:
        self.open(address).publish(edition_of(ledger, town()))
        folder = Path(address.removeprefix("parquet://"))
        for table, columns in TABLES.items():
            assert pq.read_schema(folder / f"{table}.parquet").names == [c.name for c in columns]
        mark = json.loads((folder / "vistoria.json").read_text())
        assert mark["rows"]["labels"] == 36

    def test_assets_counts_and_the_run(self, ledger: Ledger, address: str) -> None:
        self.open(address).publish(edition_of(ledger, town(wood=5)))
        tables = self.read(address)
        disputed = [r for r in tables["assets"] if r["field"] == "material" and r["conflict"]]
        assert [(r["asset_id"], r["share"], r["photos"]) for r in disputed] == [
            ("pole-002", 0.5, 2)
        ]
        counts = {(r["field"], r["answer"]): r["machine"] for r in tables["counts"]}
        assert counts["asset", "pole"] == 6
        assert tables["counts"][0]["corrected"] is None
        (run,) = tables["runs"]
        assert (run["total"], run["answered"], run["pending"]) == (13, 12, 1)


def test_another_table(tmp_path: Path) -> None:
    target = str(tmp_path / "assets.parquet")
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        edition = edition_of(ledger, town())
        open_publisher(target, PublisherOptions(values={"table": "assets"})).publish(edition)
        assert pq.read_table(target).num_rows == 18
        receipt = open_publisher(target, PublisherOptions()).publish(edition)  # labels in its place
        assert (receipt.rows, receipt.written) == ({"labels": 36}, True)
        assert pq.read_table(target).num_rows == 36
    with pytest.raises(UnknownName, match="did you mean 'assets'"):
        open_publisher(target, PublisherOptions(values={"table": "asets"}))
    with pytest.raises(ConfigError, match="gs://"):
        open_publisher("ftp://x/a.parquet", PublisherOptions()).publish(edition)
