"""Where an answer is found: hexagons of the H3 grid, grey where no person looked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from vistoria.errors import MissingExtra
from vistoria.report.document import Cell, Places, Unit
from vistoria.truth import Interval, Region, Stratum, region_shares

_MOST, _FILLED = 120, 6
"""Cells on a map that a person can read, and rows that a cell should have on average."""
_FINEST = 12  # edges of 9 metres; one finer shows single assets


@dataclass(frozen=True, slots=True)
class Spot:
    """A row on the map: does the machine call it the answer (`yes`), and what a person said:
    True, False, or None where nobody looked."""

    latitude: float | None
    longitude: float | None
    yes: bool
    reviewed: bool | None = None


def places(
    spots: Sequence[Spot],
    field: str,
    answer: str,
    *,
    unit: Unit = "photo",
    resolution: int | None = None,
    confidence: float = 0.95,
) -> Places | None:
    """The map of an answer; None where no row has a place. `resolution`: of H3, 0 to 15; without
    it the finest that gives no more than 120 cells, with 6 rows each on average. Raises
    MissingExtra without `h3`."""
    placed = [s for s in spots if s.latitude is not None and s.longitude is not None]
    if not placed:
        return None
    grid = _h3()
    names, resolution = _cells(grid, placed, resolution)
    inside: dict[str, list[Spot]] = {}
    for name, spot in zip(names, placed, strict=True):
        inside.setdefault(name, []).append(spot)
    corrected = _corrected(inside, confidence)
    cells = tuple(
        Cell(
            cell=name,
            ring=tuple((lng, lat) for lat, lng in grid.cell_to_boundary(name)),
            rows=len(held),
            machine=sum(s.yes for s in held) / len(held),
            reviewed=sum(s.reviewed is not None for s in held),
            corrected=corrected.get(name),
        )
        for name, held in sorted(inside.items())
    )
    return Places(
        field=field, answer=answer, unit=unit, resolution=resolution, cells=cells,
        nowhere=len(spots) - len(placed),
    )  # fmt: skip


def _cells(grid: Any, spots: Sequence[Spot], resolution: int | None) -> tuple[list[str], int]:
    if resolution is not None:
        return [grid.latlng_to_cell(s.latitude, s.longitude, resolution) for s in spots], resolution
    finest = [grid.latlng_to_cell(s.latitude, s.longitude, _FINEST) for s in spots]
    for level in range(_FINEST, 0, -1):
        names = finest if level == _FINEST else [grid.cell_to_parent(n, level) for n in finest]
        if len(set(names)) <= min(_MOST, max(1, len(spots) // _FILLED)):
            return names, level
    return [grid.cell_to_parent(name, 0) for name in finest], 0


def _corrected(cells: Mapping[str, Sequence[Spot]], confidence: float) -> dict[str, Interval]:
    """By cell; only of cells where a person looked: elsewhere a figure would be the model's."""
    regions = {
        name: Region(
            _stratum([s for s in held if s.yes]), _stratum([s for s in held if not s.yes])
        )
        for name, held in cells.items()
    }  # fmt: skip
    if not any(region.reviewed for region in regions.values()):
        return {}
    found = region_shares(regions, confidence=confidence)
    return {name: interval for name, interval in found.items() if regions[name].reviewed}


def _stratum(spots: Sequence[Spot]) -> Stratum:
    said = np.array([s.reviewed for s in spots if s.reviewed is not None], dtype=bool)
    return Stratum(len(spots), said.size, int(said.sum()))


def _h3() -> Any:
    try:
        import h3  # noqa: PLC0415 - of the extra `report`
    except ImportError:
        raise MissingExtra("maps", "report") from None
    return h3
