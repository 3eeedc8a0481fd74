"""`bigquery`: tables, views and queries, by Google's own clients against local servers."""

import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import ClassVar

import click
import pytest

from tests.contracts.sources import SourceContract, ids, rows
from tests.servers.bigquery import BigQueryServer
from tests.servers.relay import Relay
from tests.sources._bigquery import local_google, over_grpc, point_clients
from vistoria import opening, registry
from vistoria.cli._reading import announce
from vistoria.errors import ConfigError, MissingExtra, UserError
from vistoria.google_account import GoogleSettings
from vistoria.pricing import load_prices
from vistoria.project import load_project
from vistoria.sources import Metered, Selection, Source, SourceOptions
from vistoria.sources.bigquery import BigQuerySource, open_source

Google = tuple[BigQueryServer, Path]


@pytest.fixture(scope="module")
def google(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Google]:
    with local_google(tmp_path_factory.mktemp("google")) as found:
        yield found


@pytest.fixture(autouse=True)
def server(google: Google, monkeypatch: pytest.MonkeyPatch) -> BigQueryServer:
    found, account = google
    point_clients(monkeypatch, found, account)
    found.sent.clear()
    found.storage.reads.clear()
    return found


class TestContract(SourceContract):
    name = "bigquery"
    condition: ClassVar[str] = "n < 10"
    server: BigQueryServer

    @pytest.fixture(autouse=True)
    def _server(self, server: BigQueryServer) -> None:
        type(self).server = server

    def make(self, folder: Path, count: int) -> str:
        dataset = self.place(folder)
        self.server.data.add_dataset(dataset)
        self.server.data.cursor().execute(
            f'CREATE OR REPLACE TABLE "proj-1.{dataset}"."rows" AS '
            "SELECT 'row-' || n AS id, 'gs://b/' || n AS uri, n, {'a': n} AS s "
            f"FROM range({count}) AS t(n)"
        )
        return f"bigquery://proj-1.{dataset}.rows"

    def place(self, folder: Path) -> str:
        return f"contract_{abs(hash(folder))}"

    def open(self, address: str) -> Source:
        opened: Source = registry.load("sources", self.name).open_source(
            address, over_grpc(self.server)
        )
        return opened


def make(server: BigQueryServer, dataset: str, **tables: str) -> None:
    """A data set with tables of these SELECTs."""
    server.data.add_dataset(dataset)
    for name, select in tables.items():
        place = f'"proj-1.{dataset}"."{name}"'
        server.data.cursor().execute(f"CREATE OR REPLACE TABLE {place} AS {select}")


def opened(server: BigQueryServer, address: str, **options: object) -> BigQuerySource:
    found = open_source(address, over_grpc(server, **options))
    assert isinstance(found, BigQuerySource)
    return found


WIDE = (
    "SELECT 'o' || n AS observation_id, 'gs://b/' || n || '.jpg' AS gcs_uri, 'a' AS asset_id,"
    " {'latitude': 1.0 * n, 'longitude': 2.0} AS location, 'x' AS asset_type,"
    " {'lo': {'x': 1.0, 'y': 2.0}, 'hi': {'x': 3.0, 'y': 4.0}} AS bbox,"
    " {'latitude': 1.0, 'heading': 3.0, 'roll': 0.0} AS camera_pose,"
    " repeat('long ', 100) AS notes, ['a', 'b'] AS tags,"
    " TIMESTAMPTZ '2026-01-01 12:00:00+00' AS capture_time FROM range(COUNT) AS t(n)"
)


def wide(count: int) -> str:
    """So many rows with the columns of Street View Insights, and long notes."""
    return WIDE.replace("COUNT", str(count))


def test_only_what_is_needed_is_read_and_told_before(server: BigQueryServer) -> None:
    make(server, "wide", cropped_observations_latest=wide(1000))
    source = opened(server, "bigquery://proj-1.wide.cropped_observations_latest")
    assert source.profile == "svi_cropped"
    scan = source.scan(Selection())
    assert isinstance(source, Metered)
    assert (scan.service, scan.location, scan.least) == ("bigquery", "us", 10 << 20)
    assert scan.size < 150_000  # the notes alone are 500 kB
    assert all(job["dryRun"] for job in server.sent)
    (row, *_) = rows(source, Selection(limit=1))
    assert (row["observation_id"], row["latitude"], row["heading"]) == ("o0", 0.0, 3.0)
    assert (row["box_left"], row["box_bottom"]) == (1.0, 4.0)
    asked = server.sent[-1]["query"]
    assert "`camera_pose`.`heading`" in asked["query"]
    assert "roll" not in asked["query"]
    assert "notes" not in asked["query"]
    assert asked["maximumBytesBilled"] == str(100 << 30)
    assert server.sent[-1]["labels"] == {"app": "vistoria"}


def test_values_are_parameters(server: BigQueryServer) -> None:
    make(server, "wide", t=wide(30))
    source = opened(
        server, "bq://proj-1/wide/t", parameters={"kind": "x'; DROP TABLE t --", "n": 3}
    )
    assert rows(source, Selection(where="asset_type = @kind", sample=5, seed=-7)) == []
    asked = server.sent[-1]["query"]
    given = {p["name"]: p["parameterValue"]["value"] for p in asked["queryParameters"]}
    assert given == {
        "kind": "x'; DROP TABLE t --", "n": "3", "vistoria_seed": "-7", "vistoria_rows": "5",
    }  # fmt: skip
    assert "DROP" not in asked["query"]


@pytest.mark.parametrize(
    ("table", "select", "profile"),
    [
        ("full_frame_observations_all", WIDE, "svi_full_frame"),
        ("latest_observations", WIDE, "imagery_preview"),
        ("all_observations", WIDE.replace("'x' AS", "'p' AS pano_id, 'x' AS"), "svi_ga"),
        (
            "pano_observations_latest",
            """SELECT 'o' AS observation_id, 'gs://b/1' AS gcs_uri,
            {'latitude': 1.0, 'longitude': 2.0} AS capture_location FROM range(COUNT)""",
            "svi_pano",
        ),
        (
            "urls",
            """SELECT 'o' AS observationId, 'https://s/1' AS signedUrl,
            'POINT(2 1)'::GEOMETRY AS geometry FROM range(COUNT)""",
            "pre_preview",
        ),
    ],
)
def test_profiles(server: BigQueryServer, table: str, select: str, profile: str) -> None:
    make(server, "profiles", **{table: select.replace("COUNT", "2")})
    source = opened(server, f"bigquery://proj-1.profiles.{table}")
    assert source.profile == profile
    row = rows(source)[-1]
    assert (row["latitude"], row["longitude"]) == (1.0, 2.0)


def test_columns_may_be_expressions_and_json(server: BigQueryServer) -> None:
    select = """SELECT n AS number,
        ('{"file": "gs://b/' || n || '", "at": "2026-01-02"}')::JSON AS it
        FROM range(3) AS t(n)"""
    make(server, "odd", t=select)
    columns = {"observation_id": "CONCAT('n', CAST(number AS STRING))", "captured_at": "it.at"}
    columns["uri"] = "JSON_VALUE(it, '$.file')"
    source = opened(server, "bigquery://proj-1.odd.t", columns=columns)
    found = rows(source, Selection(where="number < 2"))
    assert [row["observation_id"] for row in found] == ["n0", "n1"]
    assert [row["uri"] for row in found] == ["gs://b/0", "gs://b/1"]
    assert str(found[0]["captured_at"]).startswith("2026-01-02")


def test_a_table_of_the_query_may_be_named_short(server: BigQueryServer) -> None:
    make(server, "short", t=wide(3))
    query = "SELECT * FROM t WHERE observation_id > @least ORDER BY observation_id DESC"
    given = {"query": query, "parameters": {"least": "o0"}}
    source = opened(server, "bigquery://proj-1.short", **given)
    assert ids(source) == ["o2", "o1"]
    assert ids(source, Selection(limit=1)) == ["o2"]
    assert ids(source, Selection(where="asset_id = 'a'", limit=1)) == ["o1"]


def test_a_broken_stream_goes_on_where_it_was(server: BigQueryServer) -> None:
    make(server, "big", t="SELECT 'o' || n AS id, 'gs://b/' || n AS uri FROM range(30000) AS t(n)")
    whole = ids(opened(server, "bigquery://proj-1.big.t"))
    server.storage.reads.clear()
    server.storage.cuts.extend([7_123, 1, 12_000])
    assert ids(opened(server, "bigquery://proj-1.big.t")) == whole
    assert server.storage.reads == [0, 7_123, 7_124, 19_124]


def test_a_cut_connection_is_made_again(server: BigQueryServer) -> None:
    make(server, "big", t="SELECT 'o' || n AS id, 'gs://b/' || n AS uri FROM range(30000) AS t(n)")
    with Relay(server.storage.port) as relay:
        relay.cuts.extend([200_000, 300_000])
        google = GoogleSettings(endpoints={"bigquerystorage": relay.url})
        source = open_source("bigquery://proj-1.big.t", SourceOptions(google=google))
        assert len(set(ids(source))) == 30_000
        assert relay.broken == 2
    assert any(server.storage.reads)  # it did not begin anew


def test_a_count_pays_for_the_rows_and_a_second_reading_nothing(server: BigQueryServer) -> None:
    make(server, "paid", t=wide(50))
    source = opened(server, "bigquery://proj-1.paid.t")
    before = len(server.billed)
    assert source.count(Selection()) == len(rows(source)) == 50
    assert len(server.billed) == before + 1
    rows(opened(server, "bigquery://proj-1.paid.t"))
    assert server.billed[before:] == [10 << 20, 0]


def test_too_many_rows_to_sort_come_unsorted(server: BigQueryServer) -> None:
    make(server, "sort", t=wide(100))
    server.sorts = 60
    try:
        source = opened(server, "bigquery://proj-1.sort.t")
        assert len(set(ids(source))) == 100
        assert "ORDER BY" not in server.sent[-1]["query"]["query"]
        assert len(ids(source, Selection(limit=70))) == 70
        assert "ORDER BY" in server.sent[-1]["query"]["query"]
        query = "SELECT * FROM t ORDER BY capture_time"
        with pytest.raises(UserError, match="leave out its ORDER BY"):
            ids(opened(server, "bigquery://proj-1.sort", query=query))
    finally:
        server.sorts = None


def test_without_the_storage_api_rows_come_by_rest(
    server: BigQueryServer, caplog: pytest.LogCaptureFixture
) -> None:
    make(server, "rest", t=wide(40))
    expected = rows(opened(server, "bigquery://proj-1.rest.t"))
    emulator = open_source("bigquery://proj-1.rest.t", SourceOptions())
    assert rows(emulator) == expected
    assert not caplog.records or "page by page" not in caplog.text
    server.storage.denied = True
    try:
        assert rows(opened(server, "bigquery://proj-1.rest.t")) == expected
    finally:
        server.storage.denied = False
    assert "roles/bigquery.readSessionUser" in caplog.text


def test_the_address(server: BigQueryServer) -> None:
    make(server, "place", t=wide(3))
    for address in ("bigquery://proj-1.place.t", "bq://proj-1.place.t", "bq:proj-1.place.t"):
        assert len(ids(opened(server, address))) == 3
    assert len(ids(opened(server, "bigquery://proj-1.place", table="t"))) == 3
    assert len(ids(opened(server, "bigquery://", table="place.t"))) == 3
    with pytest.raises(ConfigError, match="names no table"):
        opened(server, "bigquery://proj-1.place")
    with pytest.raises(ConfigError, match="leave one out"):
        opened(server, "bigquery://proj-1.place.t", query="SELECT 1")
    with pytest.raises(UserError, match=r"write bigquery://project\.dataset\.table"):
        opened(server, "bigquery://a.b.c.d")


def test_settings_lead_to_it(server: BigQueryServer, tmp_path: Path) -> None:
    make(server, "settings", observations=wide(30))
    (tmp_path / "vistoria.toml").write_text(
        """
        [source]
        address = "bigquery://proj-1.settings"
        query = "SELECT * FROM observations WHERE asset_type = @kind"
        parameters = { kind = "x" }
        max_bytes_billed = "10 MiB"
        """
    )
    env = {"VISTORIA_GOOGLE_ENDPOINTS": f"bigquerystorage={server.storage_url}"}
    source = opening.open_source(load_project(tmp_path, env=env))
    assert len(ids(source, Selection(limit=4))) == 4
    assert server.storage.reads == [0]
    asked = server.sent[-1]["query"]
    assert asked["maximumBytesBilled"] == str(10 << 20)
    assert asked["defaultDataset"] == {"projectId": "proj-1", "datasetId": "settings"}


def test_what_reading_costs_is_said_first(
    server: BigQueryServer, capsys: pytest.CaptureFixture[str]
) -> None:
    make(server, "costs", t=wide(30))
    source = opened(server, "bigquery://proj-1.costs.t")
    with click.Context(click.Command("sources")):
        announce(source, Selection(), load_prices())
        announce(source, Selection(), load_prices({"scans": [{"services": ["x"], "per_tib": 1}]}))
    said = " ".join(capsys.readouterr().err.split())
    assert said.count("billed as 10.0 MiB: at most $0.000060") == 2
    assert all(job["dryRun"] for job in server.sent)
    mine = {"services": ["bigquery"], "per_tib": "1048.576", "locations": ["us"]}
    table = load_prices({"scans": [mine]})
    assert table.scan("bigquery", "us", 1 << 30, date(2026, 1, 1)) == 1_024 * 10**9
    assert table.scan("bigquery", "us", 1, date(2026, 1, 1)) == 954
    assert load_prices().scan("bigquery", "southamerica-east1", 1, date(2026, 1, 1)) is None


def test_a_killed_reader_leaves_no_gap_and_no_double(
    server: BigQueryServer, tmp_path: Path
) -> None:
    make(server, "kill", t="SELECT 'o' || n AS id, 'gs://b/' || n AS uri FROM range(40000) AS t(n)")
    before, ledger = len(server.billed), tmp_path / "ledger.sqlite"
    words = [
        sys.executable, "-m", "vistoria", "plan", "bigquery://proj-1.kill.t", "--ledger",
        str(ledger), "--task", "utility_pole", "--model", "echo:", "--json",
    ]  # fmt: skip
    env = os.environ | {"VISTORIA_GOOGLE_ENDPOINTS": f"bigquerystorage={server.storage_url}"}
    server.storage.halt = 20_000
    with subprocess.Popen(
        words, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as p:
        while p.poll() is None and rows_of(ledger) < 10_000:
            time.sleep(0.02)
        p.kill()
    server.storage.halt = None
    server.storage.go.set()
    known = rows_of(ledger)
    assert 10_000 <= known < 40_000
    subprocess.run(words, env=env, capture_output=True, check=True)
    assert rows_of(ledger) == 40_000
    assert rows_of(ledger, "count(DISTINCT observation_id)") == 40_000
    assert rows_of(ledger, "max(ordinal)") == 40_000
    assert server.billed[before:] == [10 << 20, 0]  # the result was still kept


def rows_of(ledger: Path, what: str = "count(*)") -> int:
    """What a ledger says of its observations, 0 before there are any."""
    if not ledger.exists():
        return 0
    with closing(sqlite3.connect(f"file:{ledger}?mode=ro", uri=True, timeout=10)) as database:
        try:
            return int(database.execute(f"SELECT {what} FROM observations").fetchone()[0])
        except sqlite3.OperationalError:  # not made yet
            return 0


def test_without_the_extra_the_install_line_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "google.cloud.bigquery", None)
    monkeypatch.delattr("google.cloud.bigquery", raising=False)
    with pytest.raises(MissingExtra, match=r"pip install 'vistoria\[bigquery\]'"):
        open_source("bigquery://proj-1.a.t", SourceOptions())
