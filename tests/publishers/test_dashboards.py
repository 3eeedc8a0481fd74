"""Ready dashboards run over what was published; the page of columns is up to date."""

import json
from pathlib import Path

import pytest

from tests.contracts.publishers import edition_of, town
from tests.publishers.columns import PAGE, completed
from tests.servers.bigquery_data import Name
from tests.sources._bigquery import local_google, point_clients
from vistoria.errors import ConfigError
from vistoria.ledger import Ledger
from vistoria.publishers import PublisherOptions
from vistoria.publishers._columns import TABLES
from vistoria.publishers._dashboards import write_dashboards
from vistoria.publishers.bigquery import open_publisher

VALUES: dict[str, str] = {"dataset": "proj-1.poles", "prefix": "p_", "field": "material"}
VIEWS = ("p_newest_runs", "p_map", "p_dashboard_counts", "p_quality", "p_failure_reasons")


def test_views_run_over_the_published_tables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from google.cloud import bigquery

    files = write_dashboards(tmp_path / "dashboards", VALUES)
    with local_google(tmp_path) as (server, account):
        point_clients(monkeypatch, server, account)
        publisher = open_publisher(
            "bigquery://proj-1.poles", PublisherOptions(values={"prefix": "p_"})
        )
        with Ledger(tmp_path / "ledger.sqlite") as ledger:
            publisher.publish(edition_of(ledger, town()))
        client = bigquery.Client(project="proj-1")
        for file in files:
            if file.suffix == ".sql":
                client.query(file.read_text("utf-8")).result()
        cursor = server.data.cursor()
        held = {v: cursor.sql(f"FROM {Name('proj-1', 'poles', v).sql}").to_arrow_table().to_pylist()
                for v in VIEWS}  # fmt: skip
    assert len(held["p_map"]) == 18
    assert held["p_map"][0]["place"].startswith("-23.")
    best = {(r["field"], r["answer"]): r["best"] for r in held["p_dashboard_counts"]}
    assert best["material", "wood"] == 3
    assert [row["answered"] for row in held["p_quality"]] == [12]
    assert held["p_failure_reasons"] == []


def test_the_other_files(tmp_path: Path) -> None:
    files = {file.name: file.read_text("utf-8") for file in write_dashboards(tmp_path, VALUES)}
    assert not any("${" in text for text in files.values())
    layer = json.loads(files["kepler.json"])["config"]["visState"]["layers"][0]
    assert layer["visualChannels"]["colorField"]["name"] == "material"
    dbt = files["sources.yml"]
    assert "database: proj-1" in dbt
    for table, columns in TABLES.items():
        assert f"identifier: p_{table}" in dbt
        assert all(f"- name: {column.name}\n" in dbt for column in columns)
    with pytest.raises(ConfigError, match="colour"):
        write_dashboards(tmp_path, {"colour": "x"})


def test_the_page_says_what_is_published() -> None:
    page = PAGE.read_text("utf-8")
    assert page == completed(page), "run: python -m tests.publishers.columns"
