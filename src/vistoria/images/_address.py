"""Image addresses: what they name, and what is wrong with them."""

import os
import re
from typing import Literal, NamedTuple, TypeAlias, get_args
from urllib.parse import unquote_to_bytes, urlsplit

from vistoria.errors import AddressInvalid

__all__ = ["Address", "Scheme", "parse_address"]

Scheme: TypeAlias = Literal["file", "gs", "s3", "az", "http", "https"]

_SCHEMES: tuple[Scheme, ...] = get_args(Scheme)
_FORMS = {
    "file": "file:///folder/photo.jpg",
    "gs": "gs://bucket/path/photo.jpg",
    "s3": "s3://bucket/path/photo.jpg",
    "az": "az://container/path/photo.jpg",
    "http": "http://host/path/photo.jpg",
    "https": "https://host/path/photo.jpg",
}
_LEADING_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)(://|:)")


class Address(NamedTuple):
    """`place`: bucket, container or host ("" for files). `key`: object name, path and query, or
    path of a file; where it holds bytes that are no UTF-8, as `os.fsdecode` writes them."""

    scheme: Scheme
    place: str
    key: str


def parse_address(uri: str) -> Address:
    """What `uri` names: a path, a file:// address (percent-encoded) or an address in a store.

    Object names and plain paths are taken letter by letter. Raises AddressInvalid.
    """
    if not uri.strip():
        raise AddressInvalid("the image address is empty")
    if "\0" in uri:
        raise AddressInvalid(f"the address {uri!r} contains a zero byte")
    leading = _LEADING_SCHEME.match(uri)
    if leading is None:
        return Address("file", "", uri)
    rest = uri[leading.end() :]
    for scheme in _SCHEMES:
        if leading[1].lower() != scheme:
            continue
        if leading[2] == "://":
            return _PARSERS[scheme](scheme, rest, uri)
        raise _malformed(scheme, uri, "it lacks '//'")
    if leading[2] == "://":
        raise AddressInvalid(
            f"the address {uri!r} has the unknown scheme {leading[1]!r}; known are paths and "
            f"{', '.join(f'{scheme}://' for scheme in _SCHEMES)}"
        )
    return Address("file", "", uri)  # a file name may have a colon


def _malformed(scheme: str, uri: str, problem: str) -> AddressInvalid:
    return AddressInvalid(
        f"the address {uri!r} is malformed: {problem}; expected the form {_FORMS[scheme]}"
    )


def _file(scheme: Scheme, rest: str, uri: str) -> Address:
    path = rest.removeprefix("localhost")
    if not path.startswith("/") or path.strip("/") == "":
        raise _malformed(scheme, uri, "it names no absolute path")
    plain = os.fsdecode(unquote_to_bytes(os.fsencode(path)))
    if "\0" in plain:
        raise _malformed(scheme, uri, "it contains a zero byte")
    return Address(scheme, "", plain)


def _object(scheme: Scheme, rest: str, uri: str) -> Address:
    bucket, _, key = rest.partition("/")
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", bucket):
        raise _malformed(scheme, uri, f"{bucket!r} is no name of a bucket or container")
    if not key or key.endswith("/"):
        raise _malformed(scheme, uri, "it names no object")
    return Address(scheme, bucket, key)


def _web(scheme: Scheme, rest: str, uri: str) -> Address:
    try:
        parts = urlsplit(uri)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise _malformed(scheme, uri, str(error)) from error
    if not host or re.search(r"\s", parts.netloc):
        raise _malformed(scheme, uri, "it names no host")
    return Address(scheme, parts.netloc, rest[len(parts.netloc) :].partition("#")[0] or "/")


_PARSERS = {
    "file": _file,
    "gs": _object,
    "s3": _object,
    "az": _object,
    "http": _web,
    "https": _web,
}
