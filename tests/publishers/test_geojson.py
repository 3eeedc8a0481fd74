"""GeoJSON: RFC 7946, read by GDAL too."""

import json
from pathlib import Path
from typing import ClassVar

import geopandas
import pytest

from tests.contracts.publishers import PublisherContract, Row, edition_of, town
from vistoria.ledger import Ledger


class TestContract(PublisherContract):
    """One file of features."""

    name: ClassVar[str] = "geojson"

    def target(self, folder: Path) -> str:
        return str(folder / "poles.geojson")

    def read(self, address: str) -> dict[str, list[Row]]:
        whole = json.loads(Path(address).read_text("utf-8"))
        kind = next(iter(whole["vistoria"]["rows"]))
        return {kind: whole["features"]}

    def test_as_the_rfc_has_it(self, ledger: Ledger, address: str) -> None:
        self.open(address).publish(edition_of(ledger, town()))
        whole = json.loads(Path(address).read_text("utf-8"))
        assert whole["type"] == "FeatureCollection"
        assert whole["attribution"] == "Photos: photos"
        assert whole["bbox"] == pytest.approx([-46.6105, -23.4995, -46.6005, -23.4895])
        first = whole["features"][0]
        assert first["geometry"]["type"] == "Point"
        longitude, latitude = first["geometry"]["coordinates"]
        assert (longitude, latitude) == pytest.approx((-46.6005, -23.4995))
        assert first["properties"]["material"] == "wood"
        assert first["properties"]["attribution"] == "Photos: photos"
        for feature in whole["features"]:
            assert set(feature) == {"type", "id", "geometry", "properties"}
        assert not {"crs", "coordinates", "geometry", "properties"} & set(whole)  # RFC 7946, 4, 7.1
        ids = [feature["id"] for feature in whole["features"]]
        assert len(set(ids)) == len(ids) == 6

    def test_gdal_reads_it(self, ledger: Ledger, address: str) -> None:
        self.open(address).publish(edition_of(ledger, town(wood=5)))
        frame = geopandas.read_file(address)
        assert (len(frame), frame.crs.to_epsg()) == (6, 4326)
        assert frame.geometry.is_valid.all()
        assert frame.set_index("asset_id").loc["pole-002", "material_conflict"]

    def test_photos_where_nothing_names_an_asset(self, ledger: Ledger, address: str) -> None:
        rows = [{k: v for k, v in row.items() if k != "asset_id"} for row in town()]
        rows[3] |= {"latitude": None, "longitude": None}
        receipt = self.open(address).publish(edition_of(ledger, rows))
        assert receipt.rows == {"photos": 12}
        features = self.read(address)["photos"]
        assert [f["properties"]["observation_id"] for f in features][:2] == ["p000", "p001"]
        assert features[3]["geometry"] is None
