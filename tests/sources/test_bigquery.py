"""`bigquery`: tables, views and queries, by Google's own clients against local servers."""

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest

from tests.contracts.sources import SourceContract
from tests.servers.bigquery import BigQueryServer
from tests.sources._bigquery import local_google, over_grpc, point_clients
from vistoria import registry
from vistoria.sources import Source

DATASET = "imagery_insights___us"
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
