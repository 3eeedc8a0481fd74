"""GeoParquet 1.1, read by GeoPandas and held against the specification."""

import json
from pathlib import Path
from typing import ClassVar

import geopandas
import pyarrow.parquet as pq
import pytest

from tests.contracts.publishers import PublisherContract, Row, edition_of, town
from vistoria.ledger import Ledger


class TestContract(PublisherContract):
    """One file."""

    name: ClassVar[str] = "geoparquet"

    def target(self, folder: Path) -> str:
        return str(folder / "poles.geoparquet")

    def read(self, address: str) -> dict[str, list[Row]]:
        table = pq.read_table(address)
        return {"assets" if "asset_id" in table.column_names else "photos": table.to_pylist()}

    def test_geopandas_reads_it(self, ledger: Ledger, address: str) -> None:
        self.open(address).publish(edition_of(ledger, town(wood=5)))
        frame = geopandas.read_parquet(address)
        assert (len(frame), frame.crs.to_string()) == (6, "OGC:CRS84")
        assert frame.geometry.geom_type.eq("Point").all()
        assert frame.geometry.x.iloc[0] == pytest.approx(-46.6005)
        assert frame.geometry.y.iloc[0] == pytest.approx(-23.4995)
        near = geopandas.read_parquet(address, bbox=(-46.603, -23.6, -46.6, -23.4))
        assert list(near["asset_id"]) == ["pole-000", "pole-001"]

    def test_the_metadata(self, ledger: Ledger, address: str) -> None:
        self.open(address).publish(edition_of(ledger, town()))
        geo = json.loads(pq.read_metadata(address).metadata[b"geo"])
        assert (geo["version"], geo["primary_column"]) == ("1.1.0", "geometry")
        column = geo["columns"]["geometry"]
        assert (column["encoding"], column["geometry_types"]) == ("WKB", ["Point"])
        assert column["covering"]["bbox"]["xmin"] == ["bbox", "xmin"]
        assert column["bbox"] == pytest.approx([-46.6105, -23.4995, -46.6005, -23.4895])

    def test_a_place_that_is_not_known(self, ledger: Ledger, address: str) -> None:
        rows = town()
        for row in rows[:2]:
            row |= {"latitude": None, "longitude": None}
        self.open(address).publish(edition_of(ledger, rows))
        frame = geopandas.read_parquet(address)
        assert list(frame.geometry.isna()) == [True, False, False, False, False, False]
