"""A folder of images as a source: one observation per file, found again by its relative path."""

import heapq
import logging
import os
import re
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote_from_bytes

import pyarrow as pa

from vistoria.errors import ConfigError, UnknownName, UserError
from vistoria.sources import Selection, Source, SourceOptions
from vistoria.sources._database import Database
from vistoria.sources._exif import complete
from vistoria.sources._schema import BATCH_ROWS, SCHEMA, sample_key
from vistoria.sources._translation import dialect

__all__ = ["SCHEMES", "SUFFIXES", "open_source"]

SCHEMES = ("folder",)
SUFFIXES: tuple[str, ...] = ()

_IMAGE_SUFFIX = re.compile(r"\.(avif|bmp|gif|hei[cf]|hif|jfif|jp2|jpe?g?|png|tiff?|webp)")
_PROFILES = ("images", "all_files")
_OWN_COLUMNS = pa.schema(
    {
        "observation_id": pa.string(),
        "uri": pa.string(),
        "name": pa.string(),
        "suffix": pa.string(),
        "size": pa.int64(),
        "modified": pa.timestamp("ns", tz="UTC"),
    }
)

_log = logging.getLogger(__name__)


def open_source(address: str, options: SourceOptions) -> Source:
    """The files under a folder, at any depth, in the order of their paths.

    Hidden files and folders are left out. Profile "images" (default) takes what has the suffix of
    an image, "all_files" takes everything. Files are not opened: `version` comes from size and
    modification time, and only `complete` reads what a camera wrote into a photo. A condition may
    use the columns observation_id, uri, name, suffix, size and modified. Raises UserError if there
    is no such folder.
    """
    return _Folder(address, options)


class _File(NamedTuple):
    observation_id: str
    uri: str
    name: str
    suffix: str
    size: int | None
    modified: int | None

    @property
    def version(self) -> str | None:
        return None if self.size is None else f"{self.size}-{self.modified}"


class _Folder:
    def __init__(self, address: str, options: SourceOptions) -> None:
        self.address = address
        self.profile = options.profile or "images"
        self._translated, self._values = options.dialect is not None, options.parameters
        self.mapping: Mapping[str, str] = {
            "observation_id": "path below the folder",
            "uri": "path as a file:// address",
            "version": "size and modification time",
        }
        if self.profile not in _PROFILES:
            raise UnknownName("profile", self.profile, _PROFILES)
        if options.columns or options.table or options.query:
            raise ConfigError(f"{address!r} is a folder: it has no columns, table or query to set.")
        root = Path(address.removeprefix("folder://")).absolute()
        if not root.is_dir():
            raise UserError(f"no folder {address!r} (looked at {str(root)!r}). Check the spelling.")
        self._root = str(root).removesuffix("/") + "/"

    def count(self, selection: Selection) -> int:
        """Files that `batches` will yield; walks the folder."""
        bounds = [n for n in (selection.limit, selection.sample) if n is not None]
        return sum(1 for _ in islice(self._matching(selection.where), min(bounds, default=None)))

    def batches(self, selection: Selection) -> "Iterator[pa.RecordBatch]":
        """The files in the order of their paths, or of their sample keys.

        Memory grows with the largest single folder (its names must be sorted), not with the tree.
        """
        paths = self._matching(selection.where)
        if selection.sample is not None:
            rank = lambda path: sample_key(selection.seed, _identity(path))  # noqa: E731
            paths = iter(heapq.nsmallest(selection.sample, paths, key=rank))
        paths = islice(paths, selection.limit)
        while chunk := list(islice(paths, BATCH_ROWS)):
            yield _batch([self._file(path) for path in chunk])

    def complete(self, batch: "pa.RecordBatch") -> "pa.RecordBatch":
        """`batch` with place, time and heading of JPEG photos."""
        return complete(batch)

    def _matching(self, where: str | None) -> Iterator[str]:
        paths = _walk(self._root, "", frozenset(), every_file=self.profile == "all_files")
        if where is None:
            yield from paths
            return
        sql = dialect().condition(where, self._values) if self._translated else where
        condition = Database().condition(sql, _OWN_COLUMNS, place=repr(self.address))
        while chunk := list(islice(paths, BATCH_ROWS)):
            rows = [self._file(path) for path in chunk]
            for row in condition(pa.table(list(zip(*rows, strict=True)), schema=_OWN_COLUMNS)):
                yield chunk[row]

    def _file(self, path: str) -> _File:
        name = path.rpartition("/")[2]
        try:
            # A Path for each of a million files costs more than asking for its size.
            found = os.stat(self._root + path)  # noqa: PTH116
        except OSError:  # gone since, or a link to nothing: still an observation, which will fail
            found = None
        return _File(
            observation_id=_identity(path),
            uri="file://" + quote_from_bytes(os.fsencode(self._root + path)),
            name=_identity(name),
            suffix=_suffix(name) if name.isascii() else _identity(_suffix(name)),
            size=found and found.st_size,
            modified=found and found.st_mtime_ns,
        )


def _walk(
    root: str, folder: str, above: frozenset[tuple[int, int]], *, every_file: bool
) -> Iterator[str]:
    """Paths relative to `root` of all files in its `folder`, sorted within each folder.

    `above`: device and inode of the folders on the way here, so that a link to one of them ends.
    """
    try:
        found = os.stat(root + folder)  # noqa: PTH116 - as above
        if (found.st_dev, found.st_ino) in above:
            return
        with os.scandir(root + folder) as entries:
            names = sorted(
                entry.name + "/" if entry.is_dir() else entry.name
                for entry in entries
                if entry.name[0] != "."
                and (entry.is_dir() or ((every_file or _is_image(entry.name)) and _is_file(entry)))
            )
    except OSError as error:
        _log.warning("left out folder %r: %s", root + folder, error.strerror)
        return
    above |= {(found.st_dev, found.st_ino)}
    for name in names:
        if name.endswith("/"):
            yield from _walk(root, folder + name, above, every_file=every_file)
        else:
            yield folder + name


def _is_file(entry: "os.DirEntry[str]") -> bool:
    # A link to nothing is a missing image, not a file that was never there; pipes are neither.
    return entry.is_file() or (entry.is_symlink() and not Path(entry.path).exists())


def _is_image(name: str) -> bool:
    return _IMAGE_SUFFIX.fullmatch(_suffix(name)) is not None


def _suffix(name: str) -> str:
    stem, dot, suffix = name.rpartition(".")
    return (dot + suffix).lower() if stem else ""


def _identity(path: str) -> str:
    """`path` as text that Arrow can hold: bytes that are no UTF-8 are written as %FF.

    Such an id begins with "./", which no path here does, so it equals no other.
    """
    try:
        path.encode()
    except UnicodeEncodeError:
        return "./" + quote_from_bytes(os.fsencode(path))
    return path


def _batch(files: list[_File]) -> "pa.RecordBatch":
    columns = {
        "observation_id": [file.observation_id for file in files],
        "uri": [file.uri for file in files],
        "version": [file.version for file in files],
    }
    nothing = [None] * len(files)
    arrays = [pa.array(columns.get(field.name, nothing), field.type) for field in SCHEMA]
    return pa.RecordBatch.from_arrays(arrays, schema=SCHEMA)
