"""FlatGeobuf, read back by GDAL."""

from pathlib import Path
from typing import ClassVar

import pyogrio

from tests.contracts.publishers import PublisherContract, Row, edition_of, town
from vistoria.ledger import Ledger


class TestContract(PublisherContract):
    """One file of features."""

    name: ClassVar[str] = "flatgeobuf"

    def target(self, folder: Path) -> str:
        return str(folder / "poles.fgb")

    def read(self, address: str) -> dict[str, list[Row]]:
        frame = pyogrio.read_dataframe(address)
        kind = "assets" if "asset_id" in frame.columns else "photos"
        rows = sorted(frame.to_wkt().to_dict("records"), key=str)
        return {kind: [{str(k): str(v) for k, v in row.items()} for row in rows]}

    def test_the_index_finds_what_is_near(self, ledger: Ledger, address: str) -> None:
        self.open(address).publish(edition_of(ledger, town()))
        info = pyogrio.read_info(address)
        assert (info["driver"], info["crs"], info["geometry_type"]) == (
            "FlatGeobuf", "EPSG:4326", "Point",
        )  # fmt: skip
        assert info["capabilities"]["fast_spatial_filter"]
        near = pyogrio.read_dataframe(address, bbox=(-46.603, -23.6, -46.6, -23.4))
        assert sorted(near["asset_id"]) == ["pole-000", "pole-001"]

    def test_a_place_that_is_not_known(self, ledger: Ledger, address: str) -> None:
        rows = town()
        for row in rows[:2]:
            row |= {"latitude": None, "longitude": None}
        self.open(address).publish(edition_of(ledger, rows))
        assert int(pyogrio.read_dataframe(address).geometry.isna().sum()) == 1
