"""FiftyOne: labels and places of the same photos."""

import json
from pathlib import Path
from typing import ClassVar

from tests.contracts.publishers import PublisherContract, Row, edition_of, town
from vistoria.ledger import Ledger


class TestContract(PublisherContract):
    """One folder of data sets."""

    name: ClassVar[str] = "fiftyone"

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
        assert held["material"][0] == {"image": "gs://photos/p000.jpg", "label": ("wood", 0.8)}
        assert held["material"][1]["label"] is None
        assert held["leaning"][0]["label"] == ("yes", 0.7)
