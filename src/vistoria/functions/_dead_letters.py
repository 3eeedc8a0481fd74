"""The Pub/Sub topic that is told of images which failed for good."""

import base64
import json
import os
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from vistoria.errors import AccessDenied, ConfigError, MissingExtra, TransientError
from vistoria.google_account import GoogleAccount, GoogleSettings
from vistoria.google_problem import read_problem

if TYPE_CHECKING:
    from requests import Session

_TOPIC = re.compile(r"projects/[^/]+/topics/[^/]+")


class DeadLetters:
    """Publishes to one topic, as JSON with the reason as attribute `reason`.

    PUBSUB_EMULATOR_HOST is honoured. May be used by one thread at a time.
    """

    def __init__(self, topic: str, google: GoogleSettings) -> None:
        """`topic`: projects/PROJECT/topics/NAME; raises ConfigError."""
        if not _TOPIC.fullmatch(topic):
            raise ConfigError(
                f"functions.dead_letter = {topic!r}: write projects/PROJECT/topics/NAME"
            )
        self._topic, self._google = topic, google
        self._session: Session | None = None
        host = os.environ.get("PUBSUB_EMULATOR_HOST")
        self._emulator = host if not host or "://" in host else f"http://{host}"
        place = self._emulator or google.endpoints.get("pubsub") or "https://pubsub.googleapis.com"
        self._url = f"{place.rstrip('/')}/v1/{topic}:publish"

    def publish(self, document: Mapping[str, Any], reason: str) -> str:
        """The message's id; raises TransientError or AccessDenied."""
        data = base64.b64encode(json.dumps(document, ensure_ascii=False).encode()).decode()
        message = {"data": data, "attributes": {"reason": reason, "uri": str(document["uri"])}}
        session = self._signed_in()
        import requests  # noqa: PLC0415 - of an extra

        try:
            answer = session.post(self._url, json={"messages": [message]}, timeout=30)
        except requests.RequestException as error:
            raise TransientError(f"Pub/Sub does not answer: {error}") from None
        if answer.status_code == 200:
            return str(answer.json()["messageIds"][0])
        said = read_problem(answer.status_code, answer.content).said
        if answer.status_code in (401, 403, 404):
            raise AccessDenied(
                f"you may not publish to {self._topic}, or it is not there: {said}\n"
                "  grant roles/pubsub.publisher on the topic"
            )
        raise TransientError(f"Pub/Sub: HTTP {answer.status_code} {said}")

    def _signed_in(self) -> "Session":
        if self._session is None:
            try:
                import requests  # noqa: PLC0415 - of an extra
                from google.auth.transport.requests import AuthorizedSession  # noqa: PLC0415
            except ImportError:
                raise MissingExtra("A dead-letter topic", "functions") from None
            if self._emulator:
                self._session = requests.Session()
            else:
                account = GoogleAccount(
                    self._google, needed_for="A dead-letter topic", extra="functions"
                )
                self._session = AuthorizedSession(account.credentials())  # type: ignore[no-untyped-call]
        assert self._session is not None
        return self._session
