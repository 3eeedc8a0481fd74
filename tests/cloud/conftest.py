"""Google Cloud on this machine: sign-in, BigQuery, Analytics Hub; nothing of the person's own."""

import os
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest
from aiohttp import web

from tests.servers._gemini_check import refused
from tests.servers._google_bodies import body as error_body
from tests.servers._model import Call, RefusedRequest
from tests.servers.analytics_hub import AnalyticsHubServer
from tests.servers.bigquery import BigQueryServer
from tests.servers.cloud_storage import CloudStorageServer
from tests.servers.gemini import GeminiServer
from tests.servers.service_usage import ServiceUsageServer
from tests.servers.token import TokenServer

EXCHANGE = (
    "projects/maps-platform-analytics-hub/locations/us/dataExchanges/imagery_insights_exchange_us"
)


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in os.environ:
        if name.startswith(
            ("GOOGLE_", "GEMINI_", "CLOUDSDK_", "VISTORIA_", "BIGQUERY_", "STORAGE_")
        ):
            monkeypatch.delenv(name)
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path / "gcloud"))
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    monkeypatch.setenv("COLUMNS", "100")
    # google-auth asks in the background where a service account's calls may go; only at Google.
    monkeypatch.setattr(
        "google.auth.credentials.CredentialsWithRegionalAccessBoundary."
        "_is_regional_access_boundary_lookup_required",
        lambda _: False,
    )
    monkeypatch.chdir(tmp_path)


class Vertex(GeminiServer):
    """Gemini on Vertex AI; `elsewhere`: models that only the location "global" serves."""

    def __init__(self, tokens: TokenServer) -> None:
        super().__init__(tokens=tokens)
        self.elsewhere: set[str] = set()

    def read(self, request: web.Request, body: Any) -> Call:
        call = super().read(request, body)
        if call.context["model"] in self.elsewhere and "/locations/global/" not in request.path:
            resource = request.path.partition("/v1/")[2].removesuffix(":generateContent")
            said = (
                f"Publisher Model `{resource}` was not found or your project does not have access "
                "to it. Please ensure you are using a valid model version."
            )
            raise RefusedRequest(refused(*error_body(404, "NOT_FOUND", said)))
        return call


@dataclass
class Cloud:
    """The servers behind one account of the project "proj-1"."""

    tokens: TokenServer
    bigquery: BigQueryServer
    hub: AnalyticsHubServer
    storage: CloudStorageServer
    usage: ServiceUsageServer
    vertex: Vertex


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Cloud]:
    """Signed in as a service account of "proj-1"."""
    with ExitStack() as stack:
        tokens = stack.enter_context(TokenServer())
        bigquery = stack.enter_context(BigQueryServer(tokens=tokens.valid))
        hub = stack.enter_context(AnalyticsHubServer(bigquery.data, tokens.valid))
        storage = stack.enter_context(CloudStorageServer(tokens.valid))
        usage = stack.enter_context(ServiceUsageServer())
        vertex = stack.enter_context(Vertex(tokens))
        key_file = tokens.service_account(tmp_path)
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(key_file))
        monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", bigquery.url)
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", storage.url)
        monkeypatch.setenv("GOOGLE_VERTEX_BASE_URL", vertex.url)
        places = f"analyticshub={hub.url},serviceusage={usage.url}"
        monkeypatch.setenv("VISTORIA_GOOGLE_ENDPOINTS", places)
        yield Cloud(tokens, bigquery, hub, storage, usage, vertex)


@pytest.fixture
def tables(tmp_path: Path) -> Path:
    """What a listing holds: cropped and panoramic products, and one snapshot made today."""
    path = tmp_path / "published.duckdb"
    with duckdb.connect(str(path)) as database:
        database.execute(
            "CREATE TABLE snapshots AS SELECT 's-1' AS snapshot_id, "
            "'sub-1' AS subscription_id, now() AS creation_time"
        )
        for name in ("cropped_observations_latest", "pano_observations_latest"):
            database.execute(
                f"CREATE TABLE {name} AS SELECT 'o-' || n AS observation_id, 's-1' AS snapshot_id, "
                "'a-' || n AS asset_id, 'gs://photos/s-1/v0/o-' || n || '.jpg' AS gcs_uri, "
                "now() AS capture_time FROM range(5) t(n)"
            )
    return path
