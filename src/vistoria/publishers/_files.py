"""Files that appear only when complete: on this machine, or in an object store."""

import hashlib
import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias

import obstore
from filelock import FileLock, Timeout
from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError

from vistoria.errors import AccessDenied, ConfigError, TransientError
from vistoria.google_account import GoogleAccount, GoogleSettings
from vistoria.images import open_bucket
from vistoria.publishers import Advance, PublisherOptions, Receipt, quiet

if TYPE_CHECKING:
    from vistoria.publishers._edition import Edition

__all__ = ["FilePublisher", "FolderPublisher", "bare", "check_options"]

Write: TypeAlias = "Callable[[Path, Edition, Advance], Mapping[str, int]]"
"""Writes an edition to a path; returns the rows written, by name."""
Held: TypeAlias = Callable[[Path], Mapping[str, Any] | None]
"""`version` and `rows` of the edition in a file or folder; None where there is none."""

MARK = "vistoria.json"
"""The file that is written last into a folder, and says what lies there."""

_REMOTE = re.compile(r"(?P<scheme>gs|s3|az)://(?P<bucket>[^/]+)/(?P<key>.+)")
_STATUS = re.compile(r"status(?: code)?:? (\d{3})", re.IGNORECASE)


class FilePublisher:
    """Writes one file, whole or not at all. A file that holds the edition already stays."""

    def __init__(self, address: str, options: PublisherOptions, write: Write, held: Held) -> None:
        """`address`: a path, or `gs://`, `s3://` or `az://`."""
        self.address = address
        self._options, self._write, self._held = options, write, held

    def publish(self, edition: "Edition", advance: Advance = quiet) -> Receipt:
        """Writes the file unless it holds this edition."""
        local = None if _REMOTE.match(self.address) else Path(self.address)
        with _alone(self.address):
            there = held_by(self._held, local)
            if there and there.get("version") == edition.version:
                return Receipt(
                    address=self.address, version=edition.version, rows=there["rows"], written=False
                )
            with _replaced(self.address, self._options) as path:
                rows = self._write(path, edition, advance)
        return Receipt(address=self.address, version=edition.version, rows=rows)


class FolderPublisher:
    """Writes several files into a folder, each whole or not at all, and then a file that says so:
    a folder holds the edition that its `vistoria.json` names."""

    def __init__(
        self,
        address: str,
        files: "Mapping[str, Write] | Callable[[Edition], Mapping[str, Write]]",
        options: PublisherOptions | None = None,
    ) -> None:
        """`files`: name → what writes it, in this order; or what says so of an edition.
        `options`: those on which the files depend; with others the same edition is written anew."""
        self.address, self._files = address, files
        self._values = dict(options.values) if options else {}
        if "://" in address:
            raise ConfigError(f"a folder on this machine is needed, not {address!r}")

    def publish(self, edition: "Edition", advance: Advance = quiet) -> Receipt:
        """Writes every file unless the folder holds this edition."""
        with _alone(self.address):
            return self._publish(Path(self.address), edition, advance)

    def _publish(self, folder: Path, edition: "Edition", advance: Advance) -> Receipt:
        there = held_by(folder_mark, folder)
        wanted = (edition.version, self._values)
        if there and (there.get("version"), there.get("options", {})) == wanted:
            return Receipt(
                address=self.address, version=edition.version, rows=there["rows"], written=False
            )
        folder.mkdir(parents=True, exist_ok=True)
        (folder / MARK).unlink(missing_ok=True)
        rows: dict[str, int] = {}
        files = self._files(edition) if callable(self._files) else self._files
        for name, write in files.items():
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            with _whole(target) as path:
                rows |= write(path, edition, advance)
        with _whole(folder / MARK) as path:
            mark = {**edition.provenance(), "options": self._values, "rows": rows}
            path.write_text(json.dumps(mark, indent=2, ensure_ascii=False) + "\n", "utf-8")
        return Receipt(address=self.address, version=edition.version, rows=rows)


def held_by(held: Held, path: Path | None) -> Mapping[str, Any] | None:
    """What a file or folder on this machine says that it holds; None where it says nothing."""
    if path is None or not path.exists():
        return None
    try:
        found = held(path)
    except (OSError, ValueError):  # not a file of ours: it will be replaced
        return None
    return found if found and "rows" in found else None


def folder_mark(folder: Path) -> Mapping[str, Any] | None:
    """What the mark in a folder says."""
    mark = folder / MARK
    if not mark.exists():
        return None
    found: Mapping[str, Any] = json.loads(mark.read_text(encoding="utf-8"))
    return found


def bare(address: str, *schemes: str) -> str:
    """The path in `scheme://path`."""
    return re.sub(rf"^(?:{'|'.join(schemes)})://", "", address, flags=re.IGNORECASE)


def check_options(options: PublisherOptions, *known: str) -> None:
    """Raises ConfigError for an option that a publisher does not have."""
    for name in options.values:
        if name not in known:
            have = f"; it has {', '.join(known)}" if known else ""
            raise ConfigError(f"this publisher has no option {name!r}{have}")


@contextmanager
def _alone(address: str) -> Iterator[None]:
    """One process of this user on this machine at a time; raises TransientError for others. Two
    would write to the same unfinished file."""
    place = f"{Path.home()} {address if '://' in address else Path(address).absolute()}"
    name = hashlib.sha256(place.encode()).hexdigest()[:16]
    lock = FileLock(Path(gettempdir()) / f"vistoria-{name}.lock")
    try:
        lock.acquire(blocking=False)
    except Timeout:
        raise TransientError(
            f"another process publishes to {address!r} now; run the same command when it has ended"
        ) from None
    try:
        yield
    finally:
        lock.release()


@contextmanager
def _replaced(address: str, options: PublisherOptions) -> Iterator[Path]:
    """A path to write to, whose content then is at the address."""
    remote = _REMOTE.match(address)
    if remote is None:
        if "://" in address:
            raise ConfigError(f"cannot write to {address!r}: give a path, gs://, s3:// or az://")
        with _whole(Path(address)) as path:
            yield path
        return
    with TemporaryDirectory(prefix="vistoria-") as folder:
        path = Path(folder) / Path(remote["key"]).name
        yield path
        try:
            scheme, name, _ = remote.groups()
            bucket = open_bucket(scheme, name, options.store, _google_token(options.google))
            obstore.put(bucket, remote["key"], path)
        except (BaseError, OSError, ValueError) as error:
            _explain(error, address)


@contextmanager
def _whole(target: Path) -> Iterator[Path]:
    part = target.with_name(f".{target.stem}.part{target.suffix}")  # some writers go by the suffix
    try:
        part.unlink(missing_ok=True)
        yield part
        with part.open("rb+") as stream:
            os.fsync(stream.fileno())
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def _google_token(google: GoogleSettings) -> Callable[[], str] | None:
    """Signs in to Cloud Storage as another account, where `[google] impersonate` names one."""
    if google.impersonate is None:
        return None
    account = GoogleAccount(google, needed_for="Files in Cloud Storage")
    return lambda: str(account.credentials().token)


def _explain(error: Exception, address: str) -> NoReturn:
    said = str(error).partition("\n\nDebug source")[0]
    if isinstance(error, PermissionDeniedError | UnauthenticatedError):
        raise AccessDenied(f"the store refuses to write {address!r}: {said}") from error
    status = _STATUS.search(said)
    refused = status and status[1].startswith("4") and status[1] not in ("408", "429")
    if isinstance(error, FileNotFoundError | ValueError) or refused:
        raise ConfigError(f"cannot write {address!r}: {said}") from error
    raise TransientError(f"cannot write {address!r} now: {said}") from error
