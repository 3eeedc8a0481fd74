"""A bucket of Cloud Storage as a source: one observation per object, known by its generation."""

import heapq
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

import pyarrow as pa

from vistoria.errors import (
    AccessDenied,
    ConfigError,
    MissingExtra,
    TransientError,
    UnknownName,
    UserError,
)
from vistoria.google_account import GoogleAccount
from vistoria.google_problem import read_problem
from vistoria.sources import Selection, SourceOptions
from vistoria.sources._database import Database
from vistoria.sources._exif import complete
from vistoria.sources._metadata import TOLD, told
from vistoria.sources._schema import BATCH_ROWS, SCHEMA, sample_key
from vistoria.sources._translation import dialect

if TYPE_CHECKING:
    from requests import Session

__all__ = ["SCHEMES", "SUFFIXES", "Bucket", "Object", "open_source"]

SCHEMES = ("gs",)
SUFFIXES: tuple[str, ...] = ()

_IMAGE_SUFFIX = re.compile(
    r"\.(avif|bmp|gif|hei[cf]|hif|jfif|jp2|jpe?g?|png|tiff?|webp)$", re.IGNORECASE
)
_ADDRESS = re.compile(r"gs://(?P<bucket>[a-z0-9][a-z0-9._-]+)(?:/(?P<prefix>.*))?", re.DOTALL)
_PROFILES = ("images", "all_files")
_PAGE = 1_000  # objects a request; the service gives no more
_FIELDS = "nextPageToken,items(name,generation,size,contentType,updated,metadata)"
_OWN_COLUMNS = pa.schema(
    {
        "observation_id": pa.string(),
        "uri": pa.string(),
        "name": pa.string(),
        "generation": pa.int64(),
        "size": pa.int64(),
        "content_type": pa.string(),
        "updated": pa.string(),
    }
)


def open_source(address: str, options: SourceOptions) -> "Bucket":
    """The objects of `gs://bucket` or `gs://bucket/prefix`, in the order of their names.

    Profile "images" (default) takes what is stored as an image or has the suffix of one,
    "all_files" everything. `version` is the object's generation, as events of Cloud Storage tell
    it. Custom metadata named latitude, longitude, heading, captured_at, asset_id and asset_type
    says where, when and of what a photo is. Nothing but the list is read. A condition may use the
    columns observation_id, uri, name, generation, size, content_type and updated.
    STORAGE_EMULATOR_HOST is honoured. Raises ConfigError, UnknownName; `batches` and `count`
    AccessDenied or TransientError.
    """
    return Bucket(address, options)


class Object(NamedTuple):
    """An object as the list, or an event, tells of it."""

    name: str
    generation: int
    size: int | None = None
    content_type: str | None = None
    updated: str | None = None
    metadata: Mapping[str, str] = MappingProxyType({})

    @property
    def is_image(self) -> bool:
        """By its type, or where that says nothing, by its suffix."""
        if self.name.endswith("/"):
            return False
        kind = (self.content_type or "").partition(";")[0].strip().lower()
        if kind in ("", "application/octet-stream", "binary/octet-stream"):
            return _IMAGE_SUFFIX.search(self.name) is not None
        return kind.startswith("image/")


class Bucket:
    """The objects of a bucket below a prefix."""

    def __init__(self, address: str, options: SourceOptions) -> None:
        """Raises ConfigError or UnknownName; asks nothing."""
        self.address = address
        self.profile = options.profile or "images"
        self.mapping: Mapping[str, str] = {
            "observation_id": "name below the prefix",
            "uri": "gs:// address",
            "version": "generation",
            **dict.fromkeys(TOLD, "custom metadata of that name"),
        }
        found = _ADDRESS.fullmatch(address)
        if found is None:
            raise ConfigError(f"{address!r} names no bucket; write gs://bucket or gs://bucket/path")
        if self.profile not in _PROFILES:
            raise UnknownName("profile", self.profile, _PROFILES)
        if options.columns or options.table or options.query:
            raise ConfigError(f"{address!r} is a bucket: it has no columns, table or query to set.")
        self.bucket, self._prefix = found["bucket"], found["prefix"] or ""
        self._options = options
        self._session: Session | None = None

    def count(self, selection: Selection) -> int:
        """Objects that `batches` will yield; lists the bucket."""
        bounds = [n for n in (selection.limit, selection.sample) if n is not None]
        return sum(1 for _ in islice(self._matching(selection.where), min(bounds, default=None)))

    def batches(self, selection: Selection) -> "Iterator[pa.RecordBatch]":
        """The objects in the order of their names, or of their sample keys."""
        objects = self._matching(selection.where)
        if selection.sample is not None:
            rank = lambda one: sample_key(selection.seed, self._identity(one))  # noqa: E731
            objects = iter(heapq.nsmallest(selection.sample, objects, key=rank))
        objects = islice(objects, selection.limit)
        while chunk := list(islice(objects, BATCH_ROWS)):
            yield self.rows(chunk)

    def complete(self, batch: "pa.RecordBatch") -> "pa.RecordBatch":
        """`batch`: objects are not opened."""
        return complete(batch)

    def holds(self, bucket: str, name: str) -> bool:
        """Whether an object would be one of these, as far as its address tells."""
        return bucket == self.bucket and name.startswith(self._prefix) and name != self._prefix

    def wants(self, item: Object) -> bool:
        """Whether what the object is, is what the profile takes."""
        return item.is_image if self.profile == "images" else not item.name.endswith("/")

    def uri(self, item: Object) -> str:
        """Its gs:// address."""
        return f"gs://{self.bucket}/{item.name}"

    def rows(self, objects: Sequence[Object]) -> "pa.RecordBatch":
        """Objects as rows of this source."""
        columns = {
            "observation_id": [self._identity(one) for one in objects],
            "uri": [self.uri(one) for one in objects],
            "version": [str(one.generation) for one in objects],
            **{name: [told(one.metadata, name) for one in objects] for name in TOLD},
        }
        nothing = [None] * len(objects)
        arrays = [pa.array(columns.get(field.name, nothing), field.type) for field in SCHEMA]
        return pa.RecordBatch.from_arrays(arrays, schema=SCHEMA)

    def _identity(self, item: Object) -> str:
        return item.name.removeprefix(self._prefix).lstrip("/")

    def _matching(self, where: str | None) -> Iterator[Object]:
        objects = (one for one in self._listed() if self.wants(one))
        if where is None:
            yield from objects
            return
        own = self._options
        sql = dialect().condition(where, own.parameters) if own.dialect is not None else where
        condition = Database().condition(sql, _OWN_COLUMNS, place=repr(self.address))
        while chunk := list(islice(objects, BATCH_ROWS)):
            rows = [(self._identity(one), self.uri(one), *one[:-1]) for one in chunk]
            for row in condition(pa.table(list(zip(*rows, strict=True)), schema=_OWN_COLUMNS)):
                yield chunk[row]

    def _listed(self) -> Iterator[Object]:
        page: str | None = ""
        while page is not None:
            found = self._ask({"prefix": self._prefix, "pageToken": page} if page else
                              {"prefix": self._prefix})  # fmt: skip
            for item in found.get("items", ()):
                size = item.get("size")
                yield Object(
                    item["name"], int(item["generation"]), size and int(size),
                    item.get("contentType"), item.get("updated"), item.get("metadata") or {},
                )  # fmt: skip
            page = found.get("nextPageToken")

    def _ask(self, query: Mapping[str, str]) -> Mapping[str, Any]:
        """One page of the list."""
        session = self._signed_in()
        import requests  # noqa: PLC0415 - of an extra

        host = _emulator() or self._options.google.endpoints.get("storage")
        url = f"{(host or 'https://storage.googleapis.com').rstrip('/')}/storage/v1/b/"
        more = {"maxResults": str(_PAGE), "fields": _FIELDS, **query}
        try:
            answer = session.get(f"{url}{quote(self.bucket)}/o", params=more, timeout=60)
        except requests.RequestException as error:
            raise TransientError(f"Cloud Storage does not answer: {error}") from None
        if answer.status_code == 200:
            page: Mapping[str, Any] = answer.json()
            return page
        said = read_problem(answer.status_code, answer.content).said
        if answer.status_code == 404:
            raise UserError(f"no bucket gs://{self.bucket}: {said}")
        if answer.status_code in (401, 403):
            raise AccessDenied(
                f"you may not list gs://{self.bucket}: {said}\n"
                "  grant roles/storage.objectViewer on the bucket"
            )
        raise TransientError(f"Cloud Storage: HTTP {answer.status_code} {said}")

    def _signed_in(self) -> "Session":
        """Google's own session, or a plain one where an emulator stands in."""
        if self._session is None:
            try:
                import requests  # noqa: PLC0415 - of an extra
                from google.auth.transport.requests import AuthorizedSession  # noqa: PLC0415
            except ImportError:
                raise MissingExtra("Listing a bucket", "gemini") from None
            if _emulator():
                self._session = requests.Session()
            else:
                account = GoogleAccount(self._options.google, needed_for="Listing a bucket")
                self._session = AuthorizedSession(account.credentials())  # type: ignore[no-untyped-call]
        assert self._session is not None
        return self._session


def _emulator() -> str | None:
    place = os.environ.get("STORAGE_EMULATOR_HOST")
    return place if not place or "://" in place else f"http://{place}"
