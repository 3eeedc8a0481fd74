"""The seam of sources: where rows come from.

A source is one public module in this folder (or an entry point in group `vistoria.sources`) with

    SCHEMES: tuple[str, ...]    # address schemes it opens, e.g. ("duckdb",) for duckdb://…
    SUFFIXES: tuple[str, ...]   # file suffixes that a bare path may have, e.g. (".csv",)
    def open_source(address: str, options: SourceOptions) -> Source

Files whose name begins with `_` are shared by the sources and are not sources themselves.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias, runtime_checkable

from vistoria.google_account import GoogleSettings

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Metered", "Parameter", "Scan", "Selection", "Source", "SourceOptions"]

Parameter: TypeAlias = str | bool | int | float
"""A value for a query; its type decides that in SQL: STRING, BOOL, INT64 or FLOAT64."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceOptions:
    """What a user may say about a source.

    `table` or `query`: which rows of a database. `columns`: overrides of the detected mapping,
    ours → theirs (e.g. {"uri": "photo_url"}). `profile`: a mapping profile by name.

    `dialect`: in which SQL the query, conditions and columns are written; None is the source's own.
    `parameters`: values for the `@name`s in BigQuery's SQL. `max_bytes_billed`: a query that a
    service would bill for more than this is refused. `google`: whose account and project.
    """

    table: str | None = None
    query: str | None = None
    profile: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    dialect: Literal["bigquery"] | None = None
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    max_bytes_billed: int | None = None
    google: GoogleSettings = field(default_factory=GoogleSettings)


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which rows of a source: an SQL condition over its own columns, the first `limit` of them,
    or a random `sample` (repeatable by `seed`)."""

    where: str | None = None
    limit: int | None = None
    sample: int | None = None
    seed: int = 0


class Source(Protocol):
    """Rows of observations, read as a stream."""

    address: str
    """As the user gave it; part of a run's identity."""
    profile: str
    """The name of the column mapping in use."""
    mapping: Mapping[str, str]
    """Our column → their expression, for showing to the user."""

    def count(self, selection: Selection) -> int | None:
        """Rows that `batches` will yield, or None where counting is not cheap."""

    def batches(self, selection: Selection) -> "Iterator[pa.RecordBatch]":
        """Rows with exactly the columns and types of `records.OBSERVATION_COLUMNS`, in a stable
        order, a few thousand at a time; memory stays flat."""

    def complete(self, batch: "pa.RecordBatch") -> "pa.RecordBatch":
        """`batch` with columns filled in that cost a look into each image (EXIF place and time).

        Called once for rows never seen before, so that a second run opens no image.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """What a service will read, and bill, for a selection: `size` in bytes, and at least `least` of
    them. `service` and `location` name the price."""

    service: str
    location: str
    size: int
    least: int = 0


@runtime_checkable
class Metered(Protocol):
    """A source that a service bills for being read."""

    def scan(self, selection: Selection) -> Scan:
        """What `batches` will be billed for, asked of the service without reading a row."""
