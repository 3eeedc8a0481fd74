"""Application Default Credentials: tokens for Google Cloud, renewed in a thread before they end.

Needs the extra `gemini`; only opening a model on Vertex AI does.
"""

import asyncio
import threading
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from vistoria.errors import AccessDenied, MissingExtra, TransientError, VistoriaError

if TYPE_CHECKING:
    from google.auth.credentials import Credentials
    from google.auth.exceptions import GoogleAuthError
    from google.auth.transport import Request

_SCOPES = ("https://www.googleapis.com/auth/cloud-platform",)
_SIGN_IN = (
    "run `gcloud auth application-default login`, or set GOOGLE_APPLICATION_CREDENTIALS to the "
    "key file of a service account"
)
_PATIENCE = 10.0  # seconds that a token is kept although it ends soon: the next one may, too
_YOUNG = 60.0  # seconds in which a token that the service refuses can't have ended


class GoogleCredentials:
    """The person's or service account's credentials on this machine."""

    def __init__(self, project: str | None) -> None:
        """`project`: pays for calls of a person whose credentials name none."""
        try:
            import google.auth  # noqa: PLC0415 - of an extra
            import google.auth.transport.requests  # noqa: F401, PLC0415
        except ImportError:
            raise MissingExtra("Gemini on Vertex AI", "gemini") from None
        self._project = project
        self._credentials: Credentials | None = None
        self._headers: dict[str, str] = {}
        self._renewed_at = -float("inf")
        self._failure: tuple[float, VistoriaError] | None = None
        self._lock = threading.Lock()  # held in worker threads only

    async def project(self) -> str | None:
        """The project given, else the one that the credentials belong to."""
        if self._credentials is None:
            await asyncio.to_thread(self._renew, time.monotonic())
        return self._project

    async def headers(self) -> Mapping[str, str]:
        """What to send along; raises AccessDenied or TransientError if no token can be had."""
        if not self._fresh():
            await asyncio.to_thread(self._renew, time.monotonic())
        return self._headers

    def refused(self, headers: Mapping[str, str]) -> bool:
        """The service refused these headers: whether new ones may do better."""
        if headers is not self._headers:
            return True
        if time.monotonic() - self._renewed_at < _YOUNG:
            return False
        self._headers = {}
        return True

    def _fresh(self) -> bool:
        from google.auth.credentials import TokenState  # noqa: PLC0415

        if self._credentials is None or not self._headers:
            return False
        state = self._credentials.token_state
        if state is TokenState.STALE:
            return time.monotonic() - self._renewed_at < _PATIENCE
        return state is TokenState.FRESH

    def _renew(self, asked_at: float) -> None:
        """Find the credentials if need be, and fetch a token; in a thread, asked for earlier."""
        import requests  # noqa: PLC0415
        from google.auth import exceptions  # noqa: PLC0415
        from google.auth.transport.requests import Request as Over  # noqa: PLC0415

        with self._lock:
            if self._fresh():
                return  # another thread was first
            if self._failure and self._failure[0] > asked_at:
                failure = self._failure[1]  # as it was for the thread that this one waited for
                raise type(failure)(*failure.args)
            try:
                with requests.Session() as session:
                    request = Over(session)
                    if self._credentials is None:
                        self._credentials = self._find(request)
                    self._credentials.refresh(request)  # type: ignore[no-untyped-call]
            except exceptions.GoogleAuthError as error:
                failure = _explained(error)
                self._failure = (time.monotonic(), failure)
                raise failure from None
            self._renewed_at = time.monotonic()
            headers = {"Authorization": f"Bearer {self._credentials.token}"}
            if payer := getattr(self._credentials, "quota_project_id", None):
                headers["x-goog-user-project"] = payer
            self._headers = headers

    def _find(self, request: "Request") -> "Credentials":
        import google.auth  # noqa: PLC0415
        from google.oauth2.credentials import Credentials as Person  # noqa: PLC0415

        credentials, own_project = google.auth.default(scopes=_SCOPES, request=request)
        self._project = self._project or own_project
        # A service account pays by itself; naming a payer would ask for one more permission.
        if isinstance(credentials, Person) and self._project and not credentials.quota_project_id:
            credentials = credentials.with_quota_project(self._project)
        return credentials


def _explained(error: "GoogleAuthError") -> VistoriaError:
    from google.auth import exceptions  # noqa: PLC0415

    if isinstance(error, exceptions.DefaultCredentialsError):
        return AccessDenied(f"no usable Google credentials found: {error}\n  {_SIGN_IN}")
    if isinstance(error, exceptions.TransportError) or error.retryable:
        return TransientError(f"Google's sign-in does not answer: {error}")
    return AccessDenied(f"Google refused to renew your credentials: {error}\n  {_SIGN_IN}")
