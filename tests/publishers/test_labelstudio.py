"""Label Studio: tasks and interface fit each other."""

import json
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import ClassVar

from tests.contracts.publishers import PublisherContract, Row, edition_of, town
from vistoria.ledger import Ledger


class TestContract(PublisherContract):
    """One folder."""

    name: ClassVar[str] = "labelstudio"

    def target(self, folder: Path) -> str:
        return f"labelstudio://{folder}"

    def read(self, address: str) -> dict[str, list[Row]]:
        folder = Path(address.removeprefix("labelstudio://"))
        return {"tasks": json.loads((folder / "tasks.json").read_text("utf-8"))}

    def test_every_answer_has_a_control_that_shows_it(self, ledger: Ledger, address: str) -> None:
        self.open(address).publish(edition_of(ledger, town()))
        folder = Path(address.removeprefix("labelstudio://"))
        view = ET.parse(folder / "config.xml").getroot()
        choices = {
            one.get("name"): {choice.get("value") for choice in one} for one in view.iter("Choices")
        }
        assert set(choices) == {"asset", "material", "leaning"}
        for task in self.read(address)["tasks"]:
            (prediction,) = task["predictions"]
            assert prediction["model_version"] == "m-1"
            assert prediction["score"] == 0.7
            for result in prediction["result"]:
                assert set(result["value"]["choices"]) <= choices[result["from_name"]]
                assert result["to_name"] == view.find("Image").get("name")  # type: ignore[union-attr]
            assert task["data"]["image"].startswith("gs://photos/")
