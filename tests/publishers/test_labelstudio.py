"""Label Studio: tasks and interface fit each other.

`python -m benchmarks.automate --only readers` loads them into Label Studio itself.
"""

import json
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import ClassVar

import pytest

from tests.contracts.publishers import PublisherContract, Row, edition_of, town
from vistoria.errors import ConfigError
from vistoria.ledger import Ledger
from vistoria.publishers import PublisherOptions
from vistoria.publishers.labelstudio import open_publisher

TASK = """
name = "pole"
instructions = "Look at the street."
[[fields]]
name = "asset"
kind = "choice"
help = "What is it?"
choices = ["pole", "sign", "none"]
[[fields]]
name = "material"
kind = "choice"
help = "Of what?"
choices = ["wood", "steel"]
only_if = { asset = ["pole"] }
[[fields]]
name = "leaning"
kind = "boolean"
help = "Does it lean?"
only_if = { asset = ["pole"] }
"""


def offered(folder: Path) -> tuple[ET.Element, dict[str, set[str]]]:
    """The interface, and the answers that it offers for each field."""
    view = ET.parse(folder / "config.xml").getroot()
    return view, {
        one.get("name", ""): {choice.get("value", "") for choice in one}
        for one in view.iter("Choices")
    }


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
        view, choices = offered(folder)
        assert set(choices) == {"asset", "material", "leaning"}
        for task in self.read(address)["tasks"]:
            (prediction,) = task["predictions"]
            assert prediction["model_version"] == "m-1"
            assert prediction["score"] == 0.7
            for result in prediction["result"]:
                assert set(result["value"]["choices"]) <= choices[result["from_name"]]
                assert result["to_name"] == view.find("Image").get("name")  # type: ignore[union-attr]
            assert task["data"]["image"].startswith("gs://photos/")

    def test_all_answers_of_a_task_are_offered(
        self, ledger: Ledger, address: str, tmp_path: Path
    ) -> None:
        edition = edition_of(ledger, town())
        self.open(address).publish(edition)
        folder = Path(address.removeprefix("labelstudio://"))
        assert offered(folder)[1]["asset"] == {"pole"}
        (tmp_path / "pole.toml").write_text(TASK)
        named = PublisherOptions(values={"task": str(tmp_path / "pole.toml")})
        assert open_publisher(address, named).publish(edition).written
        assert offered(folder)[1]["asset"] == {"pole", "sign", "none"}
        assert offered(folder)[1]["leaning"] == {"yes", "no"}
        another = PublisherOptions(values={"task": "road_sign"})
        with pytest.raises(ConfigError, match="another one"):
            open_publisher(address, another).publish(edition)

    def test_photos_on_this_machine_are_served_by_it(self, ledger: Ledger, address: str) -> None:
        rows = town(1)
        rows[0]["uri"] = "file:///photos/a%20b.jpg"
        self.open(address).publish(edition_of(ledger, rows))
        (task,) = self.read(address)["tasks"]
        assert task["data"]["image"] == "/data/local-files/?d=photos/a%20b.jpg"
