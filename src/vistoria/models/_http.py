"""Posts JSON to a service: one aiohttp session per event loop, and what each failure means."""

import asyncio
import email.utils
import io
import math
import time
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass
from weakref import WeakKeyDictionary

import aiohttp

from vistoria.errors import (
    ConfigError,
    ImageTooLarge,
    RateLimited,
    RequestRejected,
    TransientError,
    VistoriaError,
)

_COPIED = 1 << 20  # aiohttp warns of larger bodies given as bytes, since it writes them at once


class Answer(NamedTuple):
    """What a service answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Http:
    """Posts to one service, with as many calls at once as the engine lets through."""

    def __init__(self, *, timeout: float) -> None:
        """`timeout`: seconds for a whole call, its answer included."""
        self._timeout = timeout
        # A session belongs to the loop it was made in, and a model may outlive a loop.
        self._sessions: WeakKeyDictionary[asyncio.AbstractEventLoop, aiohttp.ClientSession]
        self._sessions = WeakKeyDictionary()

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """The answer, whatever its status; raises TransientError or ConfigError without one."""
        return await self._send("POST", url, headers, body)

    async def get(self, url: str, headers: Mapping[str, str]) -> Answer:
        """The same for what is there to be read."""
        return await self._send("GET", url, headers, b"")

    async def _send(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        data = io.BytesIO(body) if len(body) > _COPIED else body
        session = self._session(url)
        try:
            async with session.request(method, url, data=data, headers=headers) as response:
                return Answer(response.status, response.headers, await response.read())
        except TimeoutError:
            raise TransientError(
                f"{_host(url)} did not answer within {self._timeout:g} s", outcome_unknown=True
            ) from None
        except aiohttp.ClientConnectorCertificateError as error:
            raise ConfigError(f"no trusted connection to {_host(url)}: {error}") from None
        except (aiohttp.ClientError, OSError) as error:
            said = str(error) or type(error).__name__
            sent = not isinstance(error, aiohttp.ClientConnectorError)
            raise TransientError(
                f"no answer from {_host(url)}: {said}", outcome_unknown=sent
            ) from None

    def _session(self, url: str) -> aiohttp.ClientSession:
        loop = asyncio.get_running_loop()
        session = self._sessions.get(loop)
        if session is None:
            session = self._sessions[loop] = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=55),
                timeout=aiohttp.ClientTimeout(total=self._timeout, sock_connect=20),
                # Answers are about 1 kB: unpacking them costs more than it saves.
                headers={
                    "Content-Type": "application/json",
                    "Accept-Encoding": "identity",
                    "User-Agent": "vistoria",
                },
                cookie_jar=aiohttp.DummyCookieJar(),
                # Found once: trust_env would look for it in a thread at each call.
                proxy=_proxy(url),
            )
        return session

    async def aclose(self) -> None:
        """Close the connections of the running loop."""
        session = self._sessions.pop(asyncio.get_running_loop(), None)
        if session is not None:
            await session.close()


def base_url(given: str, option: str) -> str:
    """The address without a final slash; raises ConfigError if it is none. `option` gave it."""
    parts = urlsplit(given)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigError(f"{option} must be an http or https address, got {given!r}")
    return given.rstrip("/")


def common_error(answer: Answer, said: str, wait: float | None) -> VistoriaError:
    """The error of a status that means the same everywhere; `said` by the service."""
    status = answer.status
    if status == 429:
        return RateLimited(said, retry_after=wait)
    if status >= 500 or status in (408, 409, 425, 499):
        return TransientError(said, retry_after=wait)
    if status == 413:
        return ImageTooLarge(said)
    if 300 <= status < 400:
        target = answer.headers.get("Location", "elsewhere")
        return ConfigError(f"the service redirects to {target}; set base_url to where it is")
    return RequestRejected(said)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that the service asks to wait: `Retry-After` as seconds or date, or in ms."""
    if milliseconds := headers.get("retry-after-ms"):
        wait = _seconds(milliseconds)
        return None if wait is None else wait / 1000
    given = headers.get("Retry-After")
    if not given:
        return None
    if (wait := _seconds(given)) is not None:
        return wait
    try:
        return max(0.0, email.utils.parsedate_to_datetime(given).timestamp() - time.time())
    except (TypeError, ValueError):
        return None


def _seconds(text: str) -> float | None:
    try:
        seconds = float(text)
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) and seconds >= 0 else None


def _host(url: str) -> str:
    return urlsplit(url).netloc


def _proxy(url: str) -> str | None:
    parts = urlsplit(url)
    assert parts.hostname
    return None if proxy_bypass(parts.hostname) else getproxies().get(parts.scheme)
