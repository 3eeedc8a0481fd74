"""Bytes at an address: local files, object stores, the web."""

import os
import re
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn, TypeAlias

import obstore
from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError
from obstore.store import AzureStore, GCSStore, S3Store

from vistoria.errors import (
    AccessDenied,
    AddressInvalid,
    ConfigError,
    ImageForbidden,
    ImageMissing,
    ImageTooLarge,
    RateLimited,
    TransientError,
    image_missing,
)
from vistoria.images._address import Address
from vistoria.images._file import read_file
from vistoria.images._media import media_type
from vistoria.images._web import Web

__all__ = ["Store", "open_bucket"]

_Bucket: TypeAlias = "GCSStore | S3Store | AzureStore"

_OURS_TO_THEIRS: dict[str, dict[str, str]] = {
    "gs": {
        "endpoint": "base_url",
        "bearer_token": "bearer_token",
        "service_account": "service_account",
        "skip_signature": "skip_signature",
    },
    "s3": {
        "endpoint": "endpoint",
        "region": "region",
        "access_key_id": "access_key_id",
        "secret_access_key": "secret_access_key",
        "session_token": "session_token",
        "skip_signature": "skip_signature",
        "virtual_hosted_style": "virtual_hosted_style_request",
    },
    "az": {
        "endpoint": "endpoint",
        "account_name": "account_name",
        "account_key": "account_key",
        "sas_token": "sas_token",
        "bearer_token": "token",
        "skip_signature": "skip_signature",
    },
}
_STORES: dict[str, Callable[..., _Bucket]] = {
    "gs": GCSStore,
    "s3": S3Store,
    "az": AzureStore,
}
_SIGN_IN = {
    "gs": "sign in with `gcloud auth application-default login`",
    "s3": "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    "az": "set AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY",
}
_MD5 = re.compile(r"[0-9a-fA-F]{32}")
_HEAD = 512  # bytes that tell what an image is
_KEPT = timedelta(minutes=4)  # for which a token is used before it is asked for again
_STATUS = re.compile(r"status code: (\d{3})")
_NO_CREDENTIALS = re.compile(
    r"token request|credential|/token\b|computeMetadata|169\.254\.169\.254", re.IGNORECASE
)
_TOO_FAST = re.compile(
    r"SlowDown|rateLimitExceeded|reduce your request rate|ServerBusy", re.IGNORECASE
)


class Store:
    """Reads whole images; to be called from many threads at once.

    Options, all of them optional: endpoint, bearer_token, service_account, region, access_key_id,
    secret_access_key, session_token, virtual_hosted_style, account_name, account_key, sas_token,
    skip_signature (a public bucket), allow_http, timeout (seconds). Credentials go to object
    stores only, never to web hosts. Nothing is retried here: the caller decides.
    """

    def __init__(
        self, options: Mapping[str, Any], google_token: Callable[[], str] | None = None
    ) -> None:
        """`google_token`: signs in to Cloud Storage, instead of what obstore finds by itself.

        STORAGE_EMULATOR_HOST is honoured. Raises ConfigError if an option is unknown.
        """
        known = {"allow_http", "timeout"}.union(*_OURS_TO_THEIRS.values())
        for name in options:
            if name not in known:
                raise ConfigError(
                    f"no option {name!r} of the image store; known: {', '.join(sorted(known))}"
                )
        self._options = options
        self._google_token = google_token
        self._timeout = float(options.get("timeout", 60))
        self._buckets: dict[tuple[str, str], _Bucket] = {}
        self._lock = threading.Lock()
        self._web = Web(timeout=self._timeout)

    def read(self, address: Address, max_bytes: int) -> bytes:
        """The bytes at an address.

        Raises ImageMissing, ImageForbidden, ImageTooLarge (before downloading, where the size is
        known), AddressInvalid, TransientError, RateLimited or AccessDenied.
        """
        if address.scheme == "file":
            return read_file(address.key, max_bytes)
        if address.scheme in {"http", "https"}:
            return self._web.read(f"{address.scheme}://{address.place}{address.key}", max_bytes)
        bucket = self._bucket(address.scheme, address.place)
        try:
            found = obstore.get(bucket, address.key)
            if found.meta["size"] > max_bytes:
                raise ImageTooLarge(
                    f"{_name(address)} has {found.meta['size']:,} bytes; the limit is "
                    f"{max_bytes:,} (images.max_bytes)"
                )
            return bytes(found.bytes())
        except FileNotFoundError:
            raise _missing(address) from None
        except ValueError as error:
            raise AddressInvalid(
                f"{_name(address)} is no name an object can have: {error}"
            ) from None
        except (BaseError, OSError) as error:
            _translate(error, address)

    def media_type(self, address: Address) -> str | None:
        """What an object is, by its first bytes, else as its store says; raises as `read` does."""
        bucket = self._bucket(address.scheme, address.place)
        try:
            found = obstore.get(bucket, address.key, options={"range": (0, _HEAD)})
            declared = found.attributes.get("Content-Type")
            return media_type(bytes(found.bytes())) or (str(declared) if declared else None)
        except FileNotFoundError:
            raise _missing(address) from None
        except (BaseError, OSError) as error:
            _translate(error, address)

    def checksum(self, address: Address) -> bytes | None:
        """The MD5 of an object's bytes, where the store's tag is one; raises as `read` does.

        Tags of objects that were put together from parts, or encrypted with a key of the
        customer's, are none.
        """
        bucket = self._bucket(address.scheme, address.place)
        try:
            tag = (obstore.head(bucket, address.key)["e_tag"] or "").strip('"')
        except FileNotFoundError:
            raise _missing(address) from None
        except (BaseError, OSError) as error:
            _translate(error, address)
        return bytes.fromhex(tag) if _MD5.fullmatch(tag) else None

    def _bucket(self, scheme: str, name: str) -> _Bucket:
        with self._lock:
            bucket = self._buckets.get((scheme, name))
            if bucket is None:
                bucket = self._buckets[scheme, name] = self._open(scheme, name)
            return bucket

    def _open(self, scheme: str, name: str) -> _Bucket:
        return open_bucket(
            scheme, name, self._options, self._google_token, timeout=self._timeout, retries=0
        )


def open_bucket(
    scheme: str,
    name: str,
    options: Mapping[str, Any],
    google_token: Callable[[], str] | None = None,
    *,
    timeout: float = 600.0,
    retries: int = 10,
) -> _Bucket:
    """A bucket of Cloud Storage, S3 or Azure; `options` as for `Store`, those of others are left
    out. `timeout`: seconds for one request. STORAGE_EMULATOR_HOST is honoured. Raises ConfigError.
    """
    given, more = options, {}
    if scheme == "gs":
        given = {**_emulator(), **given}
        if google_token and "bearer_token" not in given:
            more = {"credential_provider": _provider(google_token)}
    config = {
        theirs: given[ours] for ours, theirs in _OURS_TO_THEIRS[scheme].items() if ours in given
    }
    try:
        return _STORES[scheme](
            name,
            config=config,
            client_options={
                "allow_http": str(given.get("allow_http", False)).lower() == "true",
                "timeout": f"{timeout:g}s",
                "connect_timeout": "10s",
            },
            retry_config={"max_retries": retries},
            **more,
        )
    except (BaseError, ValueError) as error:
        raise ConfigError(f"cannot open {scheme}://{name}: {_brief(error)}") from error


def _emulator() -> dict[str, str]:
    host = os.environ.get("STORAGE_EMULATOR_HOST")
    if not host:
        return {}
    return {"endpoint": host if "://" in host else f"http://{host}", "allow_http": "true"}


def _provider(token: Callable[[], str]) -> Callable[[], dict[str, Any]]:
    return lambda: {"token": token(), "expires_at": datetime.now(UTC) + _KEPT}


def _translate(error: Exception, address: Address) -> NoReturn:
    said, name = _brief(error), _name(address)
    status = _STATUS.search(said)
    if isinstance(error, PermissionDeniedError):
        raise ImageForbidden(f"the store refuses {name}: {said}") from error
    if isinstance(error, UnauthenticatedError) or (status is None and _NO_CREDENTIALS.search(said)):
        raise AccessDenied(
            f"no valid credentials for {address.scheme}://{address.place}: {said}\n"
            f"To go on {_SIGN_IN[address.scheme]}; for a public bucket set skip_signature."
        ) from error
    if _TOO_FAST.search(said) or (status and status[1] == "429"):
        raise RateLimited(f"the store wants fewer requests for {name}: {said}") from error
    if status and status[1].startswith("4") and status[1] != "408":
        raise ImageForbidden(f"the store refuses {name}: {said}") from error
    raise TransientError(f"cannot read {name}: {said}") from error


def _missing(address: Address) -> ImageMissing:
    uri = f"{address.scheme}://{address.place}/{address.key}"
    return image_missing(uri, f"there is no object {uri!r}")


def _name(address: Address) -> str:
    return repr(f"{address.scheme}://{address.place}/{address.key}")


def _brief(error: Exception) -> str:
    return str(error).partition("\n\nDebug source")[0]
