"""A folder in Cloud Storage where the files of batch jobs lie."""

import os
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import obstore
from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError
from obstore.store import GCSStore

from vistoria.errors import AccessDenied, ConfigError, TransientError, VistoriaError

if TYPE_CHECKING:
    from obstore.store import GCSCredential, RetryConfig

_FOLDER = re.compile(r"gs://(?P<bucket>[a-z0-9][a-z0-9._-]{1,220}[a-z0-9])(?:/(?P<folder>.*))?")
_CHUNK = 8 << 20  # bytes read, or sent, at a time
_KEPT = timedelta(minutes=4)  # for which a token is used before it is asked for again
_RETRIES: "RetryConfig" = {"max_retries": 2, "retry_timeout": timedelta(minutes=5)}
_STATUS = re.compile(r"status(?: code)?:? (\d{3})", re.IGNORECASE)

Headers = Callable[[], Awaitable[Mapping[str, str]]]


class Bucket:
    """Reads and writes below one folder. STORAGE_EMULATOR_HOST is honoured."""

    def __init__(self, address: str, headers: Headers) -> None:
        """`address`: `gs://bucket/folder`. `headers`: with the token of who writes there.

        Raises ConfigError for an address that is none.
        """
        found = _FOLDER.fullmatch(address)
        if found is None:
            raise ConfigError(f"staging must be like 'gs://bucket/folder', got {address!r}")
        self._bucket = found["bucket"]
        self._folder = (found["folder"] or "").strip("/")
        self._headers = headers
        self._opened: GCSStore | None = None
        self._token = ""

    def address(self, path: str) -> str:
        """The gs:// address of a path below the folder."""
        return f"gs://{self._bucket}/{self._key(path)}"

    async def put(self, path: str, file: Path) -> None:
        """Writes a file, whole or not at all; replaces what is there."""
        try:
            await obstore.put_async(
                await self._store(), self._key(path), file, chunk_size=_CHUNK, max_concurrency=4
            )
        except (BaseError, OSError) as error:
            raise self._explained(error, "storage.objects.create") from None

    async def size(self, path: str) -> int | None:
        """Bytes of the object at a path; None where there is none."""
        try:
            return int((await obstore.head_async(await self._store(), self._key(path)))["size"])
        except FileNotFoundError:
            return None
        except (BaseError, OSError) as error:
            raise self._explained(error, "storage.objects.get") from None

    async def lines(self, path: str, suffix: str) -> AsyncIterator[bytes]:
        """The lines of every object below a path whose name ends so."""
        try:
            listed = await obstore.list(await self._store(), self._key(path)).collect_async()
            for meta in sorted(listed, key=lambda one: one["path"]):
                if meta["path"].endswith(suffix):
                    async for line in self._lines_of(meta["path"]):
                        yield line
        except (BaseError, OSError) as error:
            raise self._explained(error, "storage.objects.get") from None

    async def _lines_of(self, key: str) -> AsyncIterator[bytes]:
        rest = b""
        found = await obstore.get_async(await self._store(), key)
        async for chunk in found.stream(min_chunk_size=_CHUNK):
            *whole, rest = (rest + bytes(chunk)).split(b"\n")
            for line in whole:
                yield line
        if rest:
            yield rest

    async def remove(self, path: str) -> None:
        """Removes everything below a path."""
        store = await self._store()
        try:
            listed = await obstore.list(store, self._key(path)).collect_async()
            for meta in listed:
                await obstore.delete_async(store, meta["path"])
        except (BaseError, OSError) as error:
            raise self._explained(error, "storage.objects.delete") from None

    def _key(self, path: str) -> str:
        return f"{self._folder}/{path}".lstrip("/")

    async def _store(self) -> GCSStore:
        """With a token that is good now, and as a rule for an hour."""
        headers = await self._headers()
        self._token = headers["Authorization"].removeprefix("Bearer ")
        if self._opened is None:
            place: dict[str, Any] = {}
            if host := os.environ.get("STORAGE_EMULATOR_HOST"):
                base = host if "://" in host else f"http://{host}"
                place = {"base_url": base, "client_options": {"allow_http": True}}
            self._opened = GCSStore(
                self._bucket, credential_provider=self._credential, retry_config=_RETRIES, **place
            )
        return self._opened

    def _credential(self) -> "GCSCredential":
        """Asked for in obstore's own threads, where nothing of ours can be awaited."""
        return {"token": self._token, "expires_at": datetime.now(UTC) + _KEPT}

    def _explained(self, error: Exception, permission: str) -> VistoriaError:
        said = " ".join(str(error).split())[:400]
        if isinstance(error, PermissionDeniedError | UnauthenticatedError):
            return AccessDenied(
                f"Cloud Storage refuses {permission} in gs://{self._bucket}: {said}\n"
                f"  grant the account you run as roles/storage.objectUser on gs://{self._bucket}"
            )
        if isinstance(error, FileNotFoundError):
            return ConfigError(
                f"there is no bucket {self._bucket!r}, or not what was expected in it: {said}\n"
                "  make it in the location where the jobs run, or set the option staging"
            )
        status = _STATUS.search(said)
        if status and status[1].startswith("4") and status[1] not in ("408", "429"):
            return ConfigError(f"Cloud Storage refuses gs://{self._bucket}: {said}")
        return TransientError(f"Cloud Storage does not answer: {said}")
