"""The seam of publishers: where results go.

A publisher is one public module in this folder (or an entry point in group `vistoria.publishers`)
with

    SCHEMES: tuple[str, ...]    # address schemes it writes to, e.g. ("bigquery",)
    SUFFIXES: tuple[str, ...]   # how the name of a file that it writes may end, e.g. (".geojson",)
    EXTRA: str | None           # the extra that it needs, if any
    def open_publisher(address: str, options: PublisherOptions) -> Publisher

and a docstring whose first line says what it writes. Files whose name begins with `_` are shared by
the publishers and are not publishers themselves.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from vistoria.google_account import GoogleSettings

if TYPE_CHECKING:
    from vistoria.publishers._edition import Edition

__all__ = ["Advance", "Publisher", "PublisherOptions", "Receipt", "quiet"]

Advance: TypeAlias = Callable[[str, int], None]
"""Hears what is being written, and how many rows of it went out since the last call."""


def quiet(what: str, rows: int) -> None:
    """An `Advance` for those who do not listen."""
    del what, rows


@dataclass(frozen=True, slots=True, kw_only=True)
class PublisherOptions:
    """What a user may say about a target.

    `store`: options of object stores, as for images. `google`: whose account and project.
    `values`: options of one publisher, by name; each refuses those that it does not know.
    """

    store: Mapping[str, Any] = field(default_factory=dict)
    google: GoogleSettings = field(default_factory=GoogleSettings)
    values: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What became of a publication.

    `version`: of the edition that the target holds now. `rows`: what is there of it, by table or
    file. `written`: False where the target held this very edition before, so that nothing was sent.
    `failed`: what the target refused for good, by reason.
    """

    address: str
    version: str
    rows: Mapping[str, int]
    written: bool = True
    failed: Mapping[str, int] = field(default_factory=dict)


class Publisher(Protocol):
    """Writes editions of a run to one target.

    To publish the same edition again changes nothing; a newer edition of the same run takes the
    place of the older one. After a crash at any point the same call completes the publication.
    """

    address: str
    """As the user gave it."""

    def publish(self, edition: "Edition", advance: Advance = quiet) -> Receipt:
        """Makes the target hold this edition.

        Raises UserError where the person must act, TransientError where trying again may help;
        the same call then completes what is there. A file, or a table, holds either an older
        edition or this one; a folder or data set may hold both side by side until then.
        """
