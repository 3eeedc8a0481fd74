"""BigQuery: the real client against a local server."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest

from tests.contracts.publishers import Crash, PublisherContract, Row, edition_of, town
from tests.servers.bigquery import BigQueryServer
from tests.servers.bigquery_data import Name, Refusal
from tests.sources._bigquery import local_google, point_clients
from vistoria.errors import AccessDenied, ConfigError, UserError
from vistoria.ledger import Ledger
from vistoria.publishers import PublisherOptions
from vistoria.publishers._columns import TABLES
from vistoria.publishers._edition import Edition
from vistoria.publishers.bigquery import open_publisher

DATASET = "poles"


class TestContract(PublisherContract):
    """A data set that is not there yet."""

    name: ClassVar[str] = "bigquery"
    server: BigQueryServer

    @pytest.fixture(autouse=True)
    def google(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        with local_google(tmp_path) as (server, account):
            point_clients(monkeypatch, server, account)
            self.server = server
            yield

    def target(self, folder: Path) -> str:
        return f"bigquery://proj-1.{DATASET}"

    def read(self, address: str) -> dict[str, list[Row]]:
        cursor = self.server.data.cursor()
        places = {t: Name("proj-1", DATASET, f"vistoria_{t}").sql for t in TABLES}
        assert self.tables() == sorted(f"vistoria_{table}" for table in TABLES)
        return {
            table: cursor.sql(f"FROM {place} ORDER BY ALL").to_arrow_table().to_pylist()
            for table, place in places.items()
        }

    def tables(self) -> list[str]:
        """The names of the tables in the data set."""
        return self.server.data.tables("proj-1", DATASET)

    def jobs(self, kind: str) -> int:
        """How many loads, or merges, were begun."""
        if kind == "load":
            return sum("load" in sent for sent in self.server.sent)
        return sum(
            s.get("query", {}).get("query", "").startswith("MERGE") for s in self.server.sent
        )

    def test_what_was_sent(self, ledger: Ledger, address: str) -> None:
        self.open(address).publish(edition_of(ledger, town()))
        assert (self.jobs("load"), self.jobs("merge")) == (len(TABLES), len(TABLES))
        load = next(sent for sent in self.server.sent if "load" in sent)
        assert load["labels"] == {"app": "vistoria"}
        assert load["load"]["sourceFormat"] == "PARQUET"
        assert load["load"]["writeDisposition"] == "WRITE_TRUNCATE"
        fields = load["load"]["schema"]["fields"]
        assert [f["name"] for f in fields] == [column.name for column in TABLES["labels"]]
        assert all(f["description"] for f in fields)

    @pytest.mark.parametrize("last", ["labels loaded", "labels merged", "runs merged"])
    def test_a_crash_anywhere_and_two_replays(
        self, ledger: Ledger, address: str, last: str
    ) -> None:
        whole = edition_of(ledger, town())

        def die(what: str, rows: int) -> None:
            if what == last:
                raise Crash

        with pytest.raises(Crash):
            self.open(address).publish(whole, die)
        assert any("staging" in name for name in self.tables())
        first = self.open(address).publish(Edition(ledger, whole.run))
        held = self.held(address)
        again = self.open(address).publish(Edition(ledger, whole.run))
        assert again.written is False
        assert first.rows == again.rows == held == self.held(address)
        assert held["labels"] == 36
        assert (self.jobs("load"), self.jobs("merge")) == (len(TABLES), len(TABLES))

    def test_rows_of_other_runs_stay(self, ledger: Ledger, address: str, tmp_path: Path) -> None:
        self.open(address).publish(edition_of(ledger, town()))
        with Ledger(tmp_path / "other.sqlite") as other:
            self.open(address).publish(edition_of(other, town(4)))
            fewer = edition_of(other, town(4, wood=1))
            self.open(address).publish(fewer)
        assert self.held(address)["labels"] == 36 + 12
        assert self.held(address)["runs"] == 2

    def test_a_data_set_that_was_emptied_is_filled_again(
        self, ledger: Ledger, address: str
    ) -> None:
        edition = edition_of(ledger, town())
        receipt = self.open(address).publish(edition)
        for table in self.tables():
            self.server.data.drop(Name("proj-1", DATASET, table))
        assert self.open(address).publish(edition).rows == receipt.rows == self.held(address)

    def test_a_job_that_failed_is_begun_under_another_name(
        self, ledger: Ledger, address: str
    ) -> None:
        edition = edition_of(ledger, town())
        publisher = self.open(address)
        publisher.publish(edition_of(ledger, town(wood=2)))  # the tables are there

        def refuse(what: str, rows: int) -> None:
            if what == "runs loaded":
                self.server.refusals.append(Refusal(404, "notFound", "no such job"))
                self.server.refusals.append(Refusal(403, "quotaExceeded", "too many imports"))

        newer = edition_of(ledger, town(wood=8))
        with pytest.raises(UserError, match="quota"):
            publisher.publish(newer, refuse)
        assert publisher.publish(newer).rows == self.held(address)
        assert edition.version != newer.version

    def test_a_merge_that_fails_is_told_once_and_begun_anew_by_the_next_call(
        self, ledger: Ledger, address: str
    ) -> None:
        edition = edition_of(ledger, town())
        place = Name("proj-1", DATASET, "vistoria_runs")

        def spoil(what: str, rows: int) -> None:
            if what == "certificates merged":
                self.server.data.drop(place)

        with pytest.raises(UserError, match="vistoria_runs"):
            self.open(address).publish(edition, spoil)
        assert self.jobs("merge") == len(TABLES)
        assert self.open(address).publish(edition).rows == self.held(address)
        assert self.jobs("merge") == len(TABLES) + 1
        assert self.jobs("load") == len(TABLES)

    def test_a_large_file_goes_in_parts(self, ledger: Ledger, address: str) -> None:
        from google.cloud.bigquery import client

        edition = edition_of(ledger, town())
        limit, client._MAX_MULTIPART_SIZE = client._MAX_MULTIPART_SIZE, 100
        try:
            receipt = self.open(address).publish(edition)
        finally:
            client._MAX_MULTIPART_SIZE = limit
        assert receipt.rows == self.held(address)

    def test_no_permission(self, ledger: Ledger, address: str) -> None:
        self.server.denied.add("bigquery.jobs.create")
        with pytest.raises(AccessDenied, match=r"jobs\.create"):
            self.open(address).publish(edition_of(ledger, town()))


@pytest.mark.parametrize("address", ["bigquery://", "bigquery://a.b c", "bq://p.d;x"])
def test_addresses_that_are_none(address: str) -> None:
    with pytest.raises(ConfigError, match=r"project\.dataset"):
        open_publisher(address, PublisherOptions())


def test_a_prefix_that_is_none() -> None:
    options: Any = PublisherOptions(values={"prefix": "a-b"})
    with pytest.raises(ConfigError, match="prefix"):
        open_publisher("bq://p.d", options)
