"""Local Google for tests of the BigQuery source: a token endpoint, BigQuery, credentials."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.servers.bigquery import BigQueryServer
from tests.servers.token import TokenServer
from vistoria.google_account import GoogleSettings
from vistoria.sources import SourceOptions


@contextmanager
def local_google(folder: Path) -> Iterator[tuple[BigQueryServer, Path]]:
    """A server, and the key file of a service account that it knows."""
    with TokenServer() as tokens, BigQueryServer(tokens=tokens.valid) as server:
        yield server, tokens.service_account(folder)


def point_clients(monkeypatch: pytest.MonkeyPatch, server: BigQueryServer, account: Path) -> None:
    """Leads the real clients to the local servers, by what they honour themselves."""
    monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", server.url)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(account))
    monkeypatch.delenv("GOOGLE_CLOUD_PROJECT", raising=False)


def over_grpc(server: BigQueryServer, **options: object) -> SourceOptions:
    """Options that lead the Storage Read API's client there, too."""
    google = GoogleSettings(endpoints={"bigquerystorage": server.storage_url})
    return SourceOptions(google=google, **options)  # type: ignore[arg-type]
