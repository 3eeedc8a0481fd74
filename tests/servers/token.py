"""Google's OAuth token endpoint, and credential files that lead google-auth to it."""

import json
import secrets
import time
from collections import deque
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from aiohttp import web
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.servers._serving import Serving

_JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"


class TokenServer(Serving):
    """Gives out tokens that last `lifetime` seconds.

    `valid` are the tokens that a service shall take: clear it to end them early. Each status in
    `refusals` is answered once instead of a token. `impersonated`: accounts in whose name tokens
    were given, if one `may_impersonate`.
    """

    def __init__(self, *, lifetime: int = 3600, port: int = 0) -> None:
        """`lifetime` in seconds."""
        super().__init__(port=port)
        self.lifetime = lifetime
        self.valid: set[str] = set()
        self.granted: list[dict[str, str]] = []
        self.refusals: deque[int] = deque()
        self.impersonated: list[str] = []
        self.may_impersonate = True

    def add_routes(self, app: web.Application) -> None:
        app.router.add_post("/token", self._token)
        app.router.add_post("/impersonate/{account}", self._impersonate)

    async def _impersonate(self, request: web.Request) -> web.Response:
        """IAM's generateAccessToken."""
        account = request.match_info["account"]
        bearer = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if bearer not in self.valid or not self.may_impersonate:
            message = (
                "Permission 'iam.serviceAccounts.getAccessToken' denied on resource (or it may "
                "not exist)."
            )
            error = {"code": 403, "message": message, "status": "PERMISSION_DENIED"}
            return web.json_response({"error": error}, status=403)
        self.impersonated.append(account)
        token = f"ya29.c.{secrets.token_urlsafe(24)}"
        self.valid.add(token)
        ends = datetime.now(UTC) + timedelta(seconds=self.lifetime)
        return web.json_response({"accessToken": token, "expireTime": f"{ends:%Y-%m-%dT%H:%M:%SZ}"})

    async def _token(self, request: web.Request) -> web.Response:
        form = {key: str(value) for key, value in (await request.post()).items()}
        if self.refusals:
            status = self.refusals.popleft()
            error = "invalid_grant" if status == 400 else "internal_failure"
            return web.json_response(
                {"error": error, "error_description": "Refused."}, status=status
            )
        if form.get("grant_type") not in (_JWT_BEARER, "refresh_token"):
            return web.json_response({"error": "unsupported_grant_type"}, status=400)
        token = f"ya29.{secrets.token_urlsafe(24)}"
        self.valid.add(token)
        self.granted.append({**form, "at": str(time.time())})
        return web.json_response(
            {"access_token": token, "expires_in": self.lifetime, "token_type": "Bearer"}
        )

    def service_account(self, folder: Path, project: str = "proj-1") -> Path:
        """The key file of a service account of `project`."""
        account = {
            "type": "service_account",
            "project_id": project,
            "private_key_id": "1",
            "private_key": _private_key(),
            "client_email": f"inspector@{project}.iam.gserviceaccount.com",
            "client_id": "1",
            "token_uri": f"{self.url}/token",
        }
        return _written(folder / "service_account.json", account)

    def person(self, folder: Path, quota_project: str | None = None) -> Path:
        """The file that `gcloud auth application-default login` leaves, but for the endpoint.

        google-auth always asks Google itself for a person's token: see `patched_token_uri`.
        """
        person = {
            "type": "authorized_user",
            "client_id": "client",
            "client_secret": "not-secret",
            "refresh_token": "refresh",
            "token_uri": f"{self.url}/token",
        }
        if quota_project:
            person["quota_project_id"] = quota_project
        return _written(folder / "authorized_user.json", person)


def _written(path: Path, data: dict[str, Any]) -> Path:
    path.write_text(json.dumps(data))
    return path


@cache
def _private_key() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()
