"""Google's own clients, signed in as the project says, and what their errors mean.

Endpoints are Google's, unless `[google] endpoints` names another; BIGQUERY_EMULATOR_HOST and
STORAGE_EMULATOR_HOST are honoured too. Needs the extra `google`.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from vistoria.errors import ConfigError, MissingExtra, TransientError
from vistoria.google_account import GoogleAccount, GoogleSettings, explained
from vistoria.google_problem import translated

if TYPE_CHECKING:
    from google.auth.credentials import Credentials
    from google.auth.transport.requests import AuthorizedSession
    from google.cloud.bigquery import Client as BigQueryClient
    from google.cloud.bigquery_analyticshub_v1 import AnalyticsHubServiceClient

__all__ = ["Clients", "answering"]

_EXTRA = "google"
_HOSTS = {
    "serviceusage": "https://serviceusage.googleapis.com",
    "storage": "https://storage.googleapis.com",
    "aiplatform": "https://aiplatform.googleapis.com",
}


class Clients:
    """One account's clients, made when first asked for."""

    def __init__(self, settings: GoogleSettings) -> None:
        """Raises MissingExtra."""
        self.account = GoogleAccount(settings, needed_for="Google Cloud", extra=_EXTRA)
        self._settings = settings

    def project(self) -> str:
        """The project that is billed; raises ConfigError, SignInMissing or SignInFailed."""
        found = self.account.project_now()
        if found is None:
            raise ConfigError(
                "no Google Cloud project is set; --google-project NAME sets it, `gcloud projects "
                "list` shows yours",
                looked_at=(
                    "--google-project",
                    "VISTORIA_GOOGLE_PROJECT",
                    "project in [google]",
                    "GOOGLE_CLOUD_PROJECT",
                    "your credentials, `gcloud config get project`",
                ),
            )
        return found

    def bigquery(self) -> "BigQueryClient":
        """BigQuery."""
        try:
            from google.cloud import bigquery  # noqa: PLC0415 - of an extra
        except ImportError:
            raise MissingExtra("BigQuery", _EXTRA) from None
        endpoint = self._settings.endpoints.get("bigquery")
        return bigquery.Client(
            project=self.project(),
            credentials=self.account.credentials(),
            client_options={"api_endpoint": endpoint} if endpoint else None,
        )

    def analytics_hub(self) -> "AnalyticsHubServiceClient":
        """Analytics Hub, now called BigQuery sharing."""
        try:
            from google.cloud.bigquery_analyticshub_v1 import (  # noqa: PLC0415 - of an extra
                AnalyticsHubServiceClient,
            )
            from google.cloud.bigquery_analyticshub_v1.services.analytics_hub_service import (  # noqa: PLC0415
                transports,
            )
        except ImportError:
            raise MissingExtra("Analytics Hub", _EXTRA) from None
        credentials = self.account.credentials()
        endpoint = self._settings.endpoints.get("analyticshub", "")
        if not endpoint.startswith("http://"):
            host = urlsplit(endpoint).netloc or endpoint
            options = {"api_endpoint": host} if host else None
            return AnalyticsHubServiceClient(credentials=credentials, client_options=options)
        transport = transports.AnalyticsHubServiceGrpcTransport(
            channel=_local_channel(credentials, endpoint)
        )
        return AnalyticsHubServiceClient(transport=transport)

    def session(self) -> "AuthorizedSession":
        """For the services that need no client of their own."""
        from google.auth.transport.requests import AuthorizedSession  # noqa: PLC0415

        return AuthorizedSession(self.account.credentials())  # type: ignore[no-untyped-call]

    def host(self, service: str) -> str:
        """Where a service is reached by REST, without a final slash."""
        given = self._settings.endpoints.get(service)
        if service == "storage" and not given and (place := _storage_emulator()):
            given = place
        return (given or _HOSTS[service]).rstrip("/")


@contextmanager
def answering() -> Iterator[None]:
    """Turns the errors of Google's libraries into ours."""
    from google.api_core.exceptions import GoogleAPICallError, RetryError  # noqa: PLC0415
    from google.auth.exceptions import GoogleAuthError  # noqa: PLC0415

    try:
        yield
    except GoogleAuthError as error:
        raise explained(error) from None
    except RetryError as error:
        raise TransientError(f"Google does not answer: {error.cause}") from None
    except GoogleAPICallError as error:
        raise translated(error) from None


def _storage_emulator() -> str | None:
    place = os.environ.get("STORAGE_EMULATOR_HOST")
    return place if not place or "://" in place else f"http://{place}"


def _local_channel(credentials: "Credentials", endpoint: str) -> Any:
    import grpc  # noqa: PLC0415
    from google.auth.transport.grpc import secure_authorized_channel  # noqa: PLC0415
    from google.auth.transport.requests import Request  # noqa: PLC0415

    address = urlsplit(endpoint)
    if address.hostname not in ("127.0.0.1", "localhost", "::1"):
        raise ConfigError(
            f"endpoint {endpoint!r} would send your token unencrypted; use https://, or http:// "
            "with a server on this machine"
        )
    # gRPC itself makes sure that such a channel does not leave the machine.
    here: Any = grpc.local_channel_credentials(grpc.LocalConnectionType.LOCAL_TCP)
    return secure_authorized_channel(credentials, Request(), address.netloc, ssl_credentials=here)  # type: ignore[no-untyped-call]
