"""FiftyOne: labels and places of the same photos.

`python -m benchmarks.automate --only readers` loads them into FiftyOne itself.
"""

import json
from pathlib import Path
from typing import ClassVar

import pytest

from tests.contracts.publishers import PublisherContract, Row, edition_of, town
from vistoria.errors import ConfigError
from vistoria.ledger import Ledger
from vistoria.publishers import PublisherOptions
from vistoria.publishers.fiftyone import open_publisher


class TestContract(PublisherContract):
    """One folder of data sets."""

    name: ClassVar[str] = "fiftyone"
    options: ClassVar[PublisherOptions] = PublisherOptions(values={"photos": "/copies"})

    def target(self, folder: Path) -> str:
        return f"fiftyone://{folder}"

    def read(self, address: str) -> dict[str, list[Row]]:
        found = {}
        for path in Path(address.removeprefix("fiftyone://")).glob("*/labels.json"):
            whole = json.loads(path.read_text("utf-8"))
            places = json.loads(path.with_name("data.json").read_text("utf-8"))
            assert places.keys() == whole["labels"].keys()
            found[path.parent.name] = [
                {"image": places[name], "label": self.label(target, whole["classes"])}
                for name, target in whole["labels"].items()
            ]
        return found

    def label(self, target: object, classes: list[str]) -> object:
        """As FiftyOne's importer reads it."""
        if isinstance(target, dict):
            return classes[target["label"]], target["confidence"]
        return None if target is None else classes[target]  # type: ignore[call-overload]

    def test_labels(self, ledger: Ledger, address: str) -> None:
        rows = town()
        rows[1] |= {"asset": "sign", "material": None, "leaning": None}
        self.open(address).publish(edition_of(ledger, rows))
        held = self.read(address)
        assert held["material"][0] == {"image": "/copies/p000.jpg", "label": ("wood", 0.8)}
        assert held["material"][1]["label"] is None
        assert held["leaning"][0]["label"] == ("yes", 0.7)

    def test_photos_on_this_machine_are_files(self, ledger: Ledger, address: str) -> None:
        rows = town(3)
        uris = ["file:///x/../photos/a%20b.jpg", "c.jpg", "https://h/x/d.jpg?size=9"]
        for row, uri in zip(rows, uris, strict=False):
            row["uri"] = uri
        self.open(address).publish(edition_of(ledger, rows))
        images = [row["image"] for row in self.read(address)["asset"]]
        assert images == ["/photos/a b.jpg", str(Path("c.jpg").absolute()), "/copies/x/d.jpg"]

    def test_photos_elsewhere_need_copies(self, ledger: Ledger, address: str) -> None:
        edition = edition_of(ledger, town())
        with pytest.raises(ConfigError, match="option photos"):
            open_publisher(address, PublisherOptions()).publish(edition)
        self.open(address).publish(edition)
        other = PublisherOptions(values={"photos": "/moved"})
        assert open_publisher(address, other).publish(edition).written
        assert self.read(address)["asset"][0]["image"] == "/moved/p000.jpg"
