"""CSV with its notes."""

import csv
import json
from pathlib import Path
from typing import ClassVar

from tests.contracts.publishers import PublisherContract, Row, edition_of, town
from vistoria.ledger import Ledger
from vistoria.publishers import PublisherOptions
from vistoria.publishers._columns import TABLES
from vistoria.publishers.csv import open_publisher


class TestContract(PublisherContract):
    """One file."""

    name: ClassVar[str] = "csv"

    def target(self, folder: Path) -> str:
        return str(folder / "labels.csv")

    def read(self, address: str) -> dict[str, list[Row]]:
        return {"labels": _rows(Path(address))}

    def test_notes_beside_it(self, ledger: Ledger, address: str) -> None:
        edition = edition_of(ledger, town())
        self.open(address).publish(edition)
        notes = json.loads(Path(f"{address}-metadata.json").read_text())
        assert notes["url"] == "labels.csv"
        named = [column["name"] for column in notes["tableSchema"]["columns"]]
        assert named == list(self.read(address)["labels"][0])
        assert notes["vistoria:edition"]["version"] == edition.version

    def test_another_table_takes_its_place(self, ledger: Ledger, address: str) -> None:
        edition = edition_of(ledger, town())
        self.open(address).publish(edition)
        receipt = open_publisher(address, PublisherOptions(values={"table": "runs"})).publish(
            edition
        )
        assert (receipt.rows, receipt.written) == ({"runs": 1}, True)
        assert len(self.read(address)["labels"]) == 1


class TestFolder(PublisherContract):
    """All tables."""

    name: ClassVar[str] = "csv"

    def target(self, folder: Path) -> str:
        return f"csv://{folder}"

    def read(self, address: str) -> dict[str, list[Row]]:
        folder = Path(address.removeprefix("csv://"))
        return {name: _rows(folder / f"{name}.csv") for name in TABLES}


def _rows(path: Path) -> list[Row]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))
