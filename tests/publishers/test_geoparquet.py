"""GeoParquet 1.1, read by GeoPandas and DuckDB, and held against the specification."""

import json
from pathlib import Path
from typing import ClassVar

import duckdb
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

    def test_duckdb_knows_its_geometry(self, ledger: Ledger, address: str) -> None:
        self.open(address).publish(edition_of(ledger, town()))
        found = duckdb.execute(
            "SELECT typeof(geometry), geometry::VARCHAR FROM read_parquet(?) "
            "WHERE bbox.xmin > -46.603",
            [address],
        ).fetchall()
        assert [kind for kind, _ in found] == ["GEOMETRY('OGC:CRS84')"] * 2
        assert found[0][1].startswith("POINT (-46.6005")

    @pytest.mark.parametrize("unplaced", [0, 2, 13])
    def test_as_the_specification_has_it(self, ledger: Ledger, address: str, unplaced: int) -> None:
        rows = town()
        for row in rows[:unplaced]:
            row |= {"latitude": None, "longitude": None}
        self.open(address).publish(edition_of(ledger, rows))
        file = pq.ParquetFile(address)
        geo = json.loads(file.metadata.metadata[b"geo"])
        assert (geo["version"], geo["primary_column"]) == ("1.1.0", "geometry")
        assert set(geo["columns"]) == {"geometry"}
        column = geo["columns"]["geometry"]
        assert (column["encoding"], column["geometry_types"]) == ("WKB", ["Point"])
        assert "crs" not in column  # which means longitude and latitude on WGS 84
        assert set(column) <= {"encoding", "geometry_types", "bbox", "covering"}
        leaves = {leaf.path: leaf for leaf in map(file.schema.column, range(len(file.schema)))}
        assert leaves["geometry"].physical_type == "BYTE_ARRAY"
        assert leaves["geometry"].max_repetition_level == 0
        covering = column["covering"]["bbox"]
        assert set(covering) == {"xmin", "ymin", "xmax", "ymax"}
        assert all(leaves[".".join(path)].physical_type == "DOUBLE" for path in covering.values())
        table = file.read()
        places = geopandas.read_parquet(address).geometry
        assert table["bbox"].is_null().to_pylist() == places.isna().tolist()
        bounds = [] if places.isna().all() else list(places.total_bounds)
        assert column.get("bbox", []) == pytest.approx(bounds)

    def test_a_place_that_is_not_known(self, ledger: Ledger, address: str) -> None:
        rows = town()
        for row in rows[:2]:
            row |= {"latitude": None, "longitude": None}
        self.open(address).publish(edition_of(ledger, rows))
        frame = geopandas.read_parquet(address)
        assert list(frame.geometry.isna()) == [True, False, False, False, False, False]
