"""A Hugging Face data set: the card is read by their own library."""

from pathlib import Path
from typing import ClassVar

import pyarrow.parquet as pq
from huggingface_hub import DatasetCard

from tests.contracts.publishers import PublisherContract, Row, edition_of, town
from vistoria.ledger import Ledger
from vistoria.publishers._columns import TABLES


class TestContract(PublisherContract):
    """One folder."""

    name: ClassVar[str] = "huggingface"

    def target(self, folder: Path) -> str:
        return f"hf://{folder}"

    def read(self, address: str) -> dict[str, list[Row]]:
        folder = Path(address.removeprefix("hf://")) / "data"
        return {name: pq.read_table(folder / f"{name}.parquet").to_pylist() for name in TABLES}

    def test_the_card(self, ledger: Ledger, address: str) -> None:
        edition = edition_of(ledger, town())
        self.open(address).publish(edition)
        folder = Path(address.removeprefix("hf://"))
        card = DatasetCard.load(folder / "README.md")
        assert card.data.pretty_name == "Pole, labelled by m"
        configs = {one["config_name"]: one["data_files"] for one in card.data.configs}
        assert set(configs) == {"labels", "assets", "counts", "runs"}  # an empty one loads nowhere
        assert all((folder / file).exists() for file in configs.values())
        assert edition.version in card.text
        assert "Nothing is certified." in card.text
