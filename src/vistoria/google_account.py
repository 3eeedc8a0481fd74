"""The Google account that a project works with: whose it is, its project, its tokens.

Found in this order: a key file or other credentials named by GOOGLE_APPLICATION_CREDENTIALS, what
`gcloud auth application-default login` left, the machine's own service account, and in Colab the
person who is asked. With `impersonate`, tokens are those of that service account.
"""

import asyncio
import os
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING

from vistoria.errors import (
    MissingExtra,
    SignInFailed,
    SignInMissing,
    TransientError,
    VistoriaError,
)

if TYPE_CHECKING:
    from google.auth.credentials import Credentials
    from google.auth.exceptions import GoogleAuthError
    from google.auth.transport import Request

__all__ = ["GoogleAccount", "GoogleSettings", "explained", "in_colab"]

_SCOPES = ("https://www.googleapis.com/auth/cloud-platform",)
_SIGN_IN = (
    "run `gcloud auth application-default login`, or set GOOGLE_APPLICATION_CREDENTIALS to the "
    "key file of a service account"
)
_COLAB_SIGN_IN = "run `from google.colab import auth; auth.authenticate_user()` in a cell"
_PATIENCE = 10.0  # seconds that a token is kept although it ends soon: the next one may, too
_YOUNG = 60.0  # seconds in which a token that the service refuses can't have ended


@dataclass(frozen=True, slots=True, kw_only=True)
class GoogleSettings:
    """The project's `[google]` settings; what is None is not set.

    `project`: is billed, and owns jobs and data sets. `region`: where models answer and jobs run,
    "global" or one like "us-central1". `location`: of the linked data set, "us" or "eu".
    `customer`: the id by which Google lists the customer's imagery. `impersonate`: the e-mail
    address of a service account to act as. `endpoints`: where else than usual a service is reached,
    e.g. {"analyticshub": "https://…"}: by a private endpoint, or on this machine.
    """

    project: str | None = None
    region: str | None = None
    location: str | None = None
    customer: str | None = None
    impersonate: str | None = None
    endpoints: Mapping[str, str] = field(default_factory=dict)


class GoogleAccount:
    """Credentials, found when first needed and renewed before they end; safe to use in threads.

    `headers` is for our own calls; `credentials` for Google's libraries, which renew by themselves.
    """

    def __init__(
        self,
        settings: GoogleSettings = GoogleSettings(),
        *,
        needed_for: str = "Gemini on Vertex AI",
        extra: str = "gemini",
    ) -> None:
        """`needed_for` and its `extra` are named when google-auth is not installed (MissingExtra).

        `settings.project` also pays for the calls of a person whose credentials name no payer.
        """
        try:
            import google.auth  # noqa: PLC0415 - of an extra
            import google.auth.transport.requests  # noqa: F401, PLC0415
        except ImportError:
            raise MissingExtra(needed_for, extra) from None
        self.settings = settings
        self._project = settings.project
        self._credentials: Credentials | None = None
        self._headers: dict[str, str] = {}
        self._renewed_at = -float("inf")
        self._failure: tuple[float, VistoriaError] | None = None
        self._lock = threading.Lock()  # held in worker threads only

    # For Google's client libraries

    def credentials(self) -> "Credentials":
        """The credentials, with a token that is good now; waits for the network.

        Raises SignInMissing, SignInFailed or TransientError.
        """
        if not self._fresh():
            self._renew(time.monotonic())
        assert self._credentials is not None
        return self._credentials

    def project_now(self) -> str | None:
        """As `project`, for code that may wait; raises as `credentials` does."""
        if self._project is None and self._credentials is None:
            self.credentials()
        return self._project

    @property
    def member(self) -> str | None:
        """Who it is in a policy, "serviceAccount:…" or "user:…", once found and if known."""
        found = self._credentials
        if self.settings.impersonate:
            return f"serviceAccount:{self.settings.impersonate}"
        if email := getattr(found, "service_account_email", None):
            return f"serviceAccount:{email}" if "@" in email else None
        email = getattr(found, "account", None)
        return f"user:{email}" if email else None

    # For our own calls

    async def project(self) -> str | None:
        """The project given, else the one that the credentials belong to."""
        if self._credentials is None:
            await asyncio.to_thread(self._renew, time.monotonic())
        return self._project

    async def headers(self) -> Mapping[str, str]:
        """What to send along; raises SignInMissing, SignInFailed or TransientError."""
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
        """Find the credentials if need be, and fetch a token; asked for at `asked_at`."""
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
                failure = explained(error)
                self._failure = (time.monotonic(), failure)
                raise failure from None
            self._renewed_at = time.monotonic()
            headers = {"Authorization": f"Bearer {self._credentials.token}"}
            if payer := getattr(self._credentials, "quota_project_id", None):
                headers["x-goog-user-project"] = payer
            self._headers = headers

    def _find(self, request: "Request") -> "Credentials":
        from google.auth import impersonated_credentials  # noqa: PLC0415
        from google.oauth2.credentials import Credentials as Person  # noqa: PLC0415

        credentials, own_project = _default(request, self._project)
        self._project = self._project or own_project
        if account := self.settings.impersonate:
            return impersonated_credentials.Credentials(  # type: ignore[no-untyped-call]
                source_credentials=credentials, target_principal=account, target_scopes=_SCOPES
            )
        # A service account pays by itself; naming a payer would ask for one more permission.
        if isinstance(credentials, Person) and self._project and not credentials.quota_project_id:
            credentials = credentials.with_quota_project(self._project)
        return credentials


def in_colab() -> bool:
    """Whether this is a notebook of Colab, where the person is asked; Colab Enterprise is not."""
    return "google.colab" in sys.modules and os.environ.get("VERTEX_PRODUCT") != "COLAB_ENTERPRISE"


def explained(error: "GoogleAuthError") -> VistoriaError:
    """What went wrong with signing in, and what to do: also for errors from Google's libraries."""
    from google.auth import exceptions  # noqa: PLC0415

    sign_in = _COLAB_SIGN_IN if in_colab() else _SIGN_IN
    if isinstance(error, exceptions.DefaultCredentialsError):
        return SignInMissing(f"no usable Google credentials found: {error}\n  {sign_in}")
    if isinstance(error, exceptions.TransportError) or error.retryable:
        return TransientError(f"Google's sign-in does not answer: {error}")
    if "iam.serviceAccounts.getAccessToken" in str(error):
        sign_in = (
            "grant yourself roles/iam.serviceAccountTokenCreator on that service account, or "
            "remove impersonate from [google]"
        )
    return SignInFailed(f"Google refused to renew your credentials: {error}\n  {sign_in}")


def _default(request: "Request", project: str | None) -> "tuple[Credentials, str | None]":
    import google.auth  # noqa: PLC0415
    from google.auth.exceptions import DefaultCredentialsError  # noqa: PLC0415

    try:
        return google.auth.default(scopes=_SCOPES, request=request)
    except DefaultCredentialsError:
        # Colab talks to the person's browser from the notebook's own thread only.
        if not in_colab() or threading.current_thread() is not threading.main_thread():
            raise
        asked = {"project_id": project} if project else {}
        import_module("google.colab.auth").authenticate_user(**asked)
        return google.auth.default(scopes=_SCOPES, request=request)
