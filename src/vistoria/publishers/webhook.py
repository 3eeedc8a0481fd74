"""Webhook: one signed event per photo whose labels are new or changed.

Events are posted as JSON, signed as Standard Webhooks has it (https://www.standardwebhooks.com):
`webhook-signature` is an HMAC-SHA256 over id, time and body with the secret of the option `secret`
or of VISTORIA_WEBHOOK_SECRET. Events of one asset are sent one after the other, in order, and the
next one only when the one before was taken. What is not taken waits in an outbox beside the ledger
and is tried again, by the same command too; it bears the same `id` each time, so that a receiver
can leave out what it had.
"""

import asyncio
import base64
import binascii
import hashlib
import hmac
import os
import random
import time
from collections import deque
from collections.abc import Awaitable, Callable
from typing import NamedTuple, TypeAlias

import aiohttp
import anyio
from anyio.from_thread import start_blocking_portal

from vistoria.errors import AccessDenied, ConfigError, TransientError, UserError, first_error
from vistoria.publishers import Advance, Publisher, PublisherOptions, Receipt, quiet
from vistoria.publishers._edition import Edition
from vistoria.publishers._files import check_options
from vistoria.publishers._outbox import Event, Outbox

__all__ = ["EXTRA", "SCHEMES", "SUFFIXES", "open_publisher", "sign"]

SCHEMES = ("https", "http")
SUFFIXES: tuple[str, ...] = ()
EXTRA = None
_PASSING = frozenset({408, 409, 425, 429})  # and everything from 500 on
_ENDING = frozenset({401, 403, 404, 405, 410})  # say something about the receiver, not the event
_LONGEST = 60.0  # seconds between two tries
_SECRET = "VISTORIA_WEBHOOK_SECRET"
_Units: TypeAlias = dict[str, deque[int]]  # unit → the numbers of its events, in order


class _Manners(NamedTuple):
    """`first` and `patience` in seconds: before the second try; without any success at all."""

    key: bytes
    concurrency: int
    timeout: float
    first: float
    patience: float


def open_publisher(address: str, options: PublisherOptions) -> Publisher:
    """Options: `secret`; `concurrency` (16), the units served at once; `timeout` (30) and
    `patience` (300) in seconds: for one answer, and without any. Raises ConfigError."""
    check_options(options, "secret", "concurrency", "timeout", "patience", "first_wait")
    given = options.values
    try:
        manners = _Manners(
            key=_key(given.get("secret") or os.environ.get(_SECRET, "")),
            concurrency=int(given.get("concurrency", "16")),
            timeout=float(given.get("timeout", "30")),
            first=float(given.get("first_wait", "1")),
            patience=float(given.get("patience", "300")),
        )
    except ValueError as error:
        raise ConfigError(f"an option of the webhook is no number: {error}") from None
    return _Webhook(address, manners)


def _key(secret: str) -> bytes:
    if not secret:
        raise ConfigError(
            "events are signed, and there is no secret: agree on one with the receiver",
            looked_at=("the option secret", _SECRET),
        )
    if not secret.startswith("whsec_"):
        return secret.encode()
    try:
        return base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except binascii.Error:
        raise ConfigError("a secret that begins with whsec_ goes on in Base64") from None


def sign(key: bytes, event_id: str, moment: int, body: str) -> str:
    """The header `webhook-signature`."""
    signed = f"{event_id}.{moment}.{body}".encode()
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


class _Webhook:
    def __init__(self, address: str, manners: _Manners) -> None:
        self.address, self._manners = address, manners

    def publish(self, edition: Edition, advance: Advance = quiet) -> Receipt:
        """Sends what the receiver lacks.

        Raises UserError where it sends us away (401, 403, 404, 405, 410), TransientError where
        nothing gets through; what was not taken stays in the outbox.
        """
        outbox = Outbox(edition.ledger.path.parent, self.address)
        try:
            outbox.fill(edition)
            before, _ = outbox.counts(edition.key)
            delivery = _Delivery(self.address, self._manners, outbox, advance)
            try:
                _drive(delivery.run, outbox.waiting(edition.key))
            except BaseExceptionGroup as group:
                raise first_error(group) from None
            delivered, refused = outbox.counts(edition.key)
        finally:
            outbox.close()
        return Receipt(
            address=self.address, version=edition.version, rows={"events": delivered},
            written=delivered > before, failed=refused,
        )  # fmt: skip


def _drive(run: Callable[[_Units], Awaitable[None]], units: _Units) -> None:
    """On an event loop: here, or in a thread where one is running already."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return anyio.run(run, units)
    with start_blocking_portal() as portal:  # a notebook
        future = portal.start_task_soon(run, units)
        try:
            return future.result()
        except KeyboardInterrupt:
            future.cancel()
            raise


class _Delivery:
    """Serves many units at once, and of each unit one event at a time."""

    def __init__(
        self, address: str, manners: _Manners, outbox: Outbox, advance: Advance
    ) -> None:  # fmt: skip
        self._address, self._manners = address, manners
        self._outbox, self._advance = outbox, advance
        self._ready: asyncio.Queue[str | None] = asyncio.Queue()
        self._units: _Units = {}
        self._taken_at = time.monotonic()

    async def run(self, units: _Units) -> None:
        """Returns when every event is delivered or refused for good."""
        if not units:
            return
        self._units = units
        for unit in units:
            self._ready.put_nowait(unit)
        limit = aiohttp.ClientTimeout(total=self._manners.timeout)
        connector = aiohttp.TCPConnector(limit=self._manners.concurrency)
        async with (
            aiohttp.ClientSession(timeout=limit, connector=connector) as session,
            asyncio.TaskGroup() as group,
        ):
            for _ in range(self._manners.concurrency):
                group.create_task(self._serve(session))

    async def _serve(self, session: aiohttp.ClientSession) -> None:
        while (unit := await self._ready.get()) is not None:
            number = self._units[unit][0]
            event = self._outbox.event(number)
            status, said, wait = await self._post(session, event)
            if status is not None and status < 300:
                self._settle(unit, number, "delivered")
            elif status in _ENDING:
                self._outbox.settle(number, "waiting", said)
                raise self._sent_away(status or 0, said)
            elif status is None or status in _PASSING or status >= 500 or status < 400:
                self._again(unit, number, event, said, wait)
            else:
                self._settle(unit, number, "refused", said)

    def _settle(self, unit: str, number: int, state: str, said: str | None = None) -> None:
        """An event is over; the next of its unit may go."""
        self._outbox.settle(number, state, said)
        self._taken_at = time.monotonic()
        self._advance("events", 1)
        waiting = self._units[unit]
        waiting.popleft()
        if waiting:
            self._ready.put_nowait(unit)
            return
        del self._units[unit]
        if not self._units:
            for _ in range(self._manners.concurrency):
                self._ready.put_nowait(None)

    def _again(self, unit: str, number: int, event: Event, said: str, wait: float | None) -> None:
        self._outbox.settle(number, "waiting", said)
        if time.monotonic() - self._taken_at > self._manners.patience:
            left = sum(map(len, self._units.values()))
            raise TransientError(
                f"{self._address} has taken nothing for {self._manners.patience:g} s; it last said "
                f"{said}. {left:,} events wait in the outbox; the same command goes on with them"
            )
        pause = min(_LONGEST, self._manners.first * 2 ** min(event.tries, 10))
        pause = wait if wait is not None else pause * random.uniform(0.5, 1)
        asyncio.get_running_loop().call_later(
            min(pause, _LONGEST), self._ready.put_nowait, unit
        )  # fmt: skip

    async def _post(
        self, session: aiohttp.ClientSession, event: Event
    ) -> tuple[int | None, str, float | None]:
        """Status (None: no answer), what was said, and the wait that was asked for."""
        moment = int(time.time())
        headers = {
            "Content-Type": "application/json",
            "webhook-id": event.event_id,
            "webhook-timestamp": str(moment),
            "webhook-signature": sign(self._manners.key, event.event_id, moment, event.body),
        }
        try:
            async with session.post(
                self._address, data=event.body.encode(), headers=headers, allow_redirects=False
            ) as answer:
                text = (await answer.content.read(300)).decode("utf-8", "replace")
                wait = answer.headers.get("Retry-After", "")
                asked = float(wait) if wait.isdigit() else None
                return answer.status, f"HTTP {answer.status} {text}".strip(), asked
        except TimeoutError:
            return None, f"nothing within {self._manners.timeout:g} s", None
        except aiohttp.ClientError as error:
            return None, f"{type(error).__name__}: {error}", None

    def _sent_away(self, status: int, said: str) -> UserError:
        kept = "what was not taken waits in the outbox; the same command goes on with it"
        if status in (401, 403):
            return AccessDenied(f"{self._address} refuses us: {said}. Is the secret right? {kept}")
        gone = "is gone for good" if status == 410 else "is no address for events"
        return UserError(f"{self._address} {gone}: {said}. Give another address; {kept}")
