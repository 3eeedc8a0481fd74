"""Bytes from web hosts, for threads: one event loop of its own does the talking.

obstore's HTTP store is not used for this: it cannot ask for signed addresses (`?…`), refuses
answers without a Content-Length and hides Retry-After.
"""

import asyncio
import email.utils
import re
import threading
import time
import weakref
from http import HTTPStatus

import aiohttp
from yarl import URL

from vistoria.errors import (
    AddressInvalid,
    ImageForbidden,
    ImageMissing,
    ImageTooLarge,
    RateLimited,
    TransientError,
)

__all__ = ["Web"]

_GONE = {HTTPStatus.NOT_FOUND, HTTPStatus.GONE}
_PASSING = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.MISDIRECTED_REQUEST}
_CHUNK = 1 << 16


class Web:
    """Reads addresses of the web; connections are kept open and shared by all threads."""

    def __init__(self, *, timeout: float) -> None:
        """`timeout`: seconds for one whole answer."""
        self._timeout = timeout
        self._lock = threading.Lock()
        self._session: aiohttp.ClientSession | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def read(self, url: str, max_bytes: int) -> bytes:
        """The body of the answer, redirects followed.

        Raises ImageMissing, ImageForbidden, ImageTooLarge (before downloading, where the host
        tells the size), AddressInvalid, TransientError or RateLimited.
        """
        with self._lock:
            loop = self._loop or self._start()
        return asyncio.run_coroutine_threadsafe(self._get(url, max_bytes), loop).result()

    def _start(self) -> asyncio.AbstractEventLoop:
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=loop.run_forever, name="vistoria-web", daemon=True)
        thread.start()
        self._session = asyncio.run_coroutine_threadsafe(_open(self._timeout), loop).result()
        self._loop = loop
        weakref.finalize(self, _close, loop, thread, self._session)
        return loop

    async def _get(self, url: str, max_bytes: int) -> bytes:
        assert self._session is not None
        # What is a valid address already is sent as it is: a signature covers every letter.
        address = URL(url, encoded=re.search(r"[^!-~]", url) is None)
        try:
            async with self._session.get(address) as response:
                if response.status != HTTPStatus.OK:
                    raise _refusal(url, response)
                if (response.content_length or 0) > max_bytes:
                    raise _too_large(url, max_bytes)
                data = bytearray()
                async for chunk in response.content.iter_chunked(_CHUNK):
                    data += chunk
                    if len(data) > max_bytes:
                        raise _too_large(url, max_bytes)
                return bytes(data)
        except TimeoutError:
            raise TransientError(f"no answer in {self._timeout:g} s from {url!r}") from None
        except (aiohttp.InvalidURL, aiohttp.TooManyRedirects) as error:
            raise AddressInvalid(f"{url!r} leads nowhere: {type(error).__name__}") from error
        except aiohttp.ClientSSLError as error:
            raise ImageForbidden(f"no trusted connection for {url!r}: {error}") from error
        except (aiohttp.ClientError, OSError) as error:
            raise TransientError(f"cannot read {url!r}: {error or type(error).__name__}") from error


async def _open(seconds: float) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, limit_per_host=64),
        timeout=aiohttp.ClientTimeout(total=seconds, sock_connect=10),
        headers={"User-Agent": "vistoria", "Accept": "image/*,*/*;q=0.5"},
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=True,  # proxies
    )


def _close(
    loop: asyncio.AbstractEventLoop, thread: threading.Thread, session: aiohttp.ClientSession
) -> None:
    asyncio.run_coroutine_threadsafe(session.close(), loop).result(timeout=5)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(timeout=5)
    loop.close()


def _refusal(url: str, response: aiohttp.ClientResponse) -> Exception:
    status = response.status
    said = f"HTTP {status} {response.reason or ''}".rstrip()
    wait = _seconds(response.headers.get("Retry-After"))
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return RateLimited(f"{said} for {url!r}", retry_after=wait)
    if status >= 500 or status in _PASSING:
        return TransientError(f"{said} for {url!r}", retry_after=wait)
    if status in _GONE:
        return ImageMissing(f"{said} for {url!r}")
    return ImageForbidden(f"{said} for {url!r}")


def _seconds(retry_after: str | None) -> float | None:
    """Retry-After holds seconds or a date (RFC 9110, 10.2.3)."""
    if retry_after is None:
        return None
    if retry_after.strip().isdigit():
        return float(retry_after)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(retry_after).timestamp() - time.time())
    except ValueError:
        return None


def _too_large(url: str, max_bytes: int) -> ImageTooLarge:
    return ImageTooLarge(f"{url!r} has more than {max_bytes:,} bytes (images.max_bytes)")
