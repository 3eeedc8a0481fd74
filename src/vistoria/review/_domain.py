"""The part of a run that is sampled or spoken about: a snapshot, a type of asset, a region."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, NamedTuple, Self

import pyarrow as pa
import pyarrow.compute as pc

from vistoria.errors import UserError


class Bounds(NamedTuple):
    """A region in degrees, in the order of GeoJSON; `east` and `north` are exclusive."""

    west: float
    south: float
    east: float
    north: float

    @classmethod
    def parse(cls, text: str) -> Self:
        """From `west,south,east,north`; raises UserError."""
        try:
            bounds = cls(*(float(part) for part in text.split(",")))
        except (TypeError, ValueError):
            bounds = None
        if bounds is None or bounds.west >= bounds.east or bounds.south >= bounds.north:
            raise UserError(f"region {text!r} is not of the form west,south,east,north (degrees)")
        return bounds


@dataclass(frozen=True, slots=True, kw_only=True)
class Domain:
    """A part of a population (statisticians' word). `between`: of pairs, the two snapshots;
    `changed`: only pairs of which the machine says different things in this field. What is None is
    not restricted."""

    snapshot: str | None = None
    between: tuple[str, str] | None = None
    changed: str | None = None
    asset_type: str | None = None
    bounds: Bounds | None = None

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Self:
        """From what `document` gave."""
        between, bounds = document.get("between"), document.get("bounds")
        return cls(
            snapshot=document.get("snapshot"), asset_type=document.get("asset_type"),
            between=(between[0], between[1]) if between else None,
            changed=document.get("changed"), bounds=Bounds(*bounds) if bounds else None,
        )  # fmt: skip

    @property
    def document(self) -> dict[str, Any]:
        """As JSON values, without what is not restricted."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in values.items()
            if value is not None
        }

    def __str__(self) -> str:
        """E.g. `snapshot 1a2b, utility_pole, region -46.7,-23.6,-46.6,-23.5`; `all rows`."""
        parts = []
        if self.snapshot is not None:
            parts.append(f"snapshot {self.snapshot}")
        if self.between is not None:
            parts.append(f"snapshots {self.between[0]} and {self.between[1]}")
        if self.changed is not None:
            parts.append(f"pairs whose {self.changed!r} labels differ")
        if self.asset_type is not None:
            parts.append(self.asset_type)
        if self.bounds is not None:
            parts.append("region " + ",".join(f"{side:g}" for side in self.bounds))
        return ", ".join(parts) or "all rows"

    def within(self, other: "Domain") -> bool:
        """Whether every row of this domain is one of `other`."""
        for name in ("snapshot", "between", "changed", "asset_type"):
            if getattr(other, name) not in (None, getattr(self, name)):
                return False
        if other.bounds is None:
            return True
        if self.bounds is None:
            return False
        mine, its = self.bounds, other.bounds
        return (
            its.west <= mine.west and its.south <= mine.south
            and mine.east <= its.east and mine.north <= its.north
        )  # fmt: skip

    def rows_of(self, table: pa.Table) -> pa.Table:
        """The rows of a frame, or of labelled rows, that belong to it."""
        for column, value in (("snapshot_id", self.snapshot), ("asset_type", self.asset_type)):
            if value is not None:
                table = table.filter(pc.equal(table[column], value))
        if self.bounds is not None:
            for column, low, high in (
                ("longitude", self.bounds.west, self.bounds.east),
                ("latitude", self.bounds.south, self.bounds.north),
            ):
                inside = pc.and_(pc.greater_equal(table[column], low), pc.less(table[column], high))
                table = table.filter(inside)
        return table
