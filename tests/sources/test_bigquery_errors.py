"""What is said when BigQuery does not give the rows: the cause, and the next step."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contracts.sources import rows
from tests.servers.bigquery import BigQueryServer
from tests.servers.bigquery_data import Refusal
from tests.servers.token import TokenServer
from tests.sources._bigquery import over_grpc, point_clients
from vistoria.errors import AccessDenied, ConfigError, UnknownName, UserError, VistoriaError
from vistoria.google_account import GoogleSettings
from vistoria.sources import Selection, SourceOptions
from vistoria.sources.bigquery import open_source

TABLE = "bigquery://proj-1.imagery_insights___us.cropped_observations_latest"
Local = tuple[TokenServer, BigQueryServer]


@pytest.fixture(scope="module")
def running() -> Iterator[Local]:
    with TokenServer() as tokens, BigQueryServer(tokens=tokens.valid) as server:
        for dataset, location in (("imagery_insights___us", "US"), ("imagery_insights___eu", "EU")):
            server.data.add_dataset(dataset, location)
            server.data.cursor().execute(
                f'CREATE TABLE "proj-1.{dataset}".cropped_observations_latest AS SELECT'
                " 'o' || n AS observation_id, 'gs://b/' || n AS gcs_uri, 'a' AS asset_id"
                " FROM range(100) AS t(n)"
            )
        yield tokens, server


@pytest.fixture(autouse=True)
def local(running: Local, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Local]:
    tokens, server = running
    point_clients(monkeypatch, server, tokens.service_account(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    yield running
    server.denied.clear()
    server.disabled = False
    server.refusals.clear()
    tokens.refusals.clear()


def said(kind: type[VistoriaError], address: str = TABLE, **options: object) -> str:
    """What is said while a table is opened and read."""
    server = options.pop("server")
    assert isinstance(server, BigQueryServer)
    with pytest.raises(kind) as caught:
        rows(open_source(address, over_grpc(server, **options)))
    assert type(caught.value) is kind or issubclass(type(caught.value), kind)
    return str(caught.value)


def test_no_credentials(local: Local, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS")
    told = said(AccessDenied, server=local[1])
    assert "gcloud auth application-default login" in told


def test_credentials_that_are_refused(local: Local) -> None:
    tokens, server = local
    tokens.refusals.extend([400] * 5)
    told = said(AccessDenied, server=server)
    assert "refused to renew" in told
    assert "gcloud auth application-default login" in told


def test_a_token_that_ended(local: Local, monkeypatch: pytest.MonkeyPatch) -> None:
    _, server = local
    monkeypatch.setattr(server, "tokens", {"another"})
    assert "Google refuses the credentials" in said(AccessDenied, server=server)


def test_the_api_is_off(local: Local) -> None:
    _, server = local
    server.disabled = True
    told = said(AccessDenied, server=server)
    assert "gcloud services enable bigquery.googleapis.com --project proj-1" in told


@pytest.mark.parametrize(
    ("permission", "role"),
    [
        ("bigquery.jobs.create", "roles/bigquery.jobUser"),
        ("bigquery.tables.getData", "roles/bigquery.dataViewer"),
    ],
)
def test_a_missing_role(local: Local, permission: str, role: str) -> None:
    _, server = local
    server.denied.add(permission)
    assert role in said(AccessDenied, server=server)


def test_no_such_table_or_data_set(local: Local) -> None:
    _, server = local
    told = said(UnknownName, TABLE.replace("latest", "newest"), server=server)
    assert "did you mean 'cropped_observations_latest'" in told
    told = said(UserError, TABLE.replace("___us", "___preview___us"), server=server)
    assert "no data set 'proj-1.imagery_insights___preview___us'" in told
    assert "vistoria subscribe" in told


def test_tables_of_two_locations(local: Local) -> None:
    _, server = local
    query = (
        "SELECT a.* FROM `proj-1.imagery_insights___us.cropped_observations_latest` AS a"
        " JOIN `proj-1.imagery_insights___eu.cropped_observations_latest` AS b"
        " USING (observation_id)"
    )
    told = said(UserError, "bigquery://proj-1", query=query, server=server)
    assert "was not found in location" in told
    assert "one location" in told


def test_the_byte_cap(local: Local) -> None:
    _, server = local
    before = len(server.billed)
    told = said(UserError, max_bytes_billed=1_000_000, server=server)
    assert "would bill 10.0 MiB" in told
    assert "max_bytes_billed is 976.6 KiB" in told
    assert len(server.billed) == before  # refused before anything ran


def test_the_byte_cap_as_bigquery_says_it(local: Local) -> None:
    _, server = local
    source = open_source(TABLE, over_grpc(server))
    message = "Query exceeded limit for bytes billed: 20971520. 31457280 or higher required."
    server.refusals.append(Refusal(400, "bytesBilledLimitExceeded", message))
    with pytest.raises(UserError, match=r"would bill 30\.0 MiB"):
        source.count(Selection())


@pytest.mark.parametrize(
    ("refusal", "told"),
    [
        (Refusal(403, "quotaExceeded", "Custom quota exceeded"), "console.cloud.google.com"),
        (Refusal(403, "responseTooLarge", "Response too large"), "fewer rows"),
    ],
)
def test_other_refusals(local: Local, refusal: Refusal, told: str) -> None:
    _, server = local
    server.refusals.append(refusal)
    assert told in said(UserError, server=server)


def test_a_query_that_is_wrong(local: Local) -> None:
    _, server = local
    query = "SELECT observation_id, gcs_uri FROM nowhere"
    told = said(UserError, "bigquery://proj-1", query=query, server=server)
    assert "must be qualified with a dataset" in told


def test_no_project(local: Local, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    _, server = local
    key = Path(tmp_path / "service_account.json")
    account = json.loads(key.read_text())
    del account["project_id"]
    key.write_text(json.dumps(account))
    query = "SELECT 'a' AS observation_id, 'gs://b/1' AS uri"
    told = said(ConfigError, "bigquery://", query=query, server=server)
    assert "project in [google]" in told
    assert "GOOGLE_CLOUD_PROJECT" in told


def test_a_token_does_not_leave_the_machine_unencrypted(local: Local) -> None:
    google = GoogleSettings(endpoints={"bigquerystorage": "http://example.com:9060"})
    with pytest.raises(ConfigError, match="unencrypted"):
        open_source(TABLE, SourceOptions(google=google))


def test_a_table_that_wants_a_condition(local: Local) -> None:
    _, server = local
    refusal = Refusal(
        400, "invalidQuery",
        "Cannot query over table 'proj-1.t' without a filter over column(s) 'day' that can be used "
        "for partition elimination",
    )  # fmt: skip
    server.refusals.append(refusal)
    source = open_source(TABLE, over_grpc(server))
    assert len(rows(source, Selection(where="asset_id = 'a'"))) == 100
    server.refusals.append(refusal)
    with pytest.raises(UserError, match="partition elimination"):
        rows(source)
