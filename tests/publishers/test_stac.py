"""A STAC item collection, validated by pystac."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar

import pystac

from tests.contracts.publishers import PublisherContract, Row, edition_of, town
from vistoria.ledger import Ledger


class TestContract(PublisherContract):
    """One file."""

    name: ClassVar[str] = "stac"

    def target(self, folder: Path) -> str:
        return str(folder / "photos.stac.json")

    def read(self, address: str) -> dict[str, list[Row]]:
        return {"items": json.loads(Path(address).read_text("utf-8"))["features"]}

    def test_items_are_valid(self, ledger: Ledger, address: str) -> None:
        rows = town()
        rows[0]["captured_at"] = datetime(2024, 5, 1, 12, tzinfo=UTC)
        self.open(address).publish(edition_of(ledger, rows))
        items = pystac.ItemCollection.from_file(address)
        assert len(items) == 12
        for item in items:
            assert item.validate()  # by the schemas that pystac brings along
        first, second = items[0], items[1]
        assert first.datetime == datetime(2024, 5, 1, 12, tzinfo=UTC)
        assert second.datetime is None
        assert second.common_metadata.end_datetime is not None
        assert first.properties["vistoria:material"] == "wood"
        assert first.assets["image"].href == "gs://photos/p000.jpg"
