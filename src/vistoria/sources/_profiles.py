"""Which column of a table holds what: profiles of known tables, detection and overrides."""

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TypeVar

from vistoria.errors import ConfigError, UnknownName
from vistoria.records import OBSERVATION_COLUMNS

__all__ = ["Profile", "detect", "known_profiles", "map_columns", "profile_named"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """A kind of table.

    `columns`: ours → paths, of which the first that exists is used. A table is of this kind if it
    has all `marks` and one of `any_of` (if not empty), and its name matches `table` (if given).
    """

    name: str
    columns: Mapping[str, tuple[str, ...]]
    marks: tuple[str, ...] = ()
    any_of: tuple[str, ...] = ()
    table: str | None = None

    def fits(self, has: Callable[[str], object], table: str) -> bool:
        """Whether a table with these paths and this name is of this kind."""
        return (
            (self.table is None or re.search(self.table, table) is not None)
            and all(map(has, self.marks))
            and (not self.any_of or any(map(has, self.any_of)))
        )


@cache
def known_profiles() -> tuple[Profile, ...]:
    """All profiles, in the order in which they are tried; the last fits any table."""
    text = files("vistoria.sources").joinpath("_profiles.toml").read_text("utf-8")
    raw = tomllib.loads(text)
    return tuple(
        Profile(
            name=name,
            columns={
                ours: (paths,) if isinstance(paths, str) else tuple(paths)
                for ours, paths in raw[entry.get("like", name)]["columns"].items()
            },
            marks=tuple(entry["marks"]),
            any_of=tuple(entry.get("any", ())),
            table=entry.get("table"),
        )
        for name, entry in raw.items()
    )


def profile_named(name: str) -> Profile:
    """The profile of this name; raises UnknownName."""
    for profile in known_profiles():
        if profile.name == name:
            return profile
    raise UnknownName("profile", name, tuple(profile.name for profile in known_profiles()))


def detect(has: Callable[[str], object], table: str) -> Profile:
    """The first profile that a table with these paths and this name fits."""
    return next(profile for profile in known_profiles() if profile.fits(has, table))


def map_columns(
    profile: Profile,
    overrides: Mapping[str, str],
    find: Callable[[str], T | None],
    evaluate: Callable[[str], T | None],
    *,
    place: str,
    present: tuple[str, ...],
) -> dict[str, tuple[str, T]]:
    """Our column → (their path, what `find` made of it), for those that exist.

    An override may also be an expression, which `evaluate` understands. Without an id column the
    image address is the id: unlike a row number it stays the same when rows are added. `place`
    and `present` (the columns there are) serve the error message. Raises ConfigError if an
    override does not exist or no column holds the image address.
    """
    mapped: dict[str, tuple[str, T]] = {}
    for ours in OBSERVATION_COLUMNS:
        override = overrides.get(ours)
        for path in profile.columns.get(ours, ()) if override is None else (override,):
            found = find(path)
            if found is None and override is not None:
                found = evaluate(path)
            if found is not None:
                mapped[ours] = (path, found)
                break
    _check_overrides(overrides, mapped, place, present)
    if "uri" not in mapped:
        raise ConfigError(
            f"{place} has no column that profile {profile.name!r} knows as the image address. "
            f"Its columns: {_listing(present)}. Say which one it is, e.g. "
            f'columns = {{ uri = "{present[0] if present else "photo_url"}" }}.',
            looked_at=(f"columns {', '.join(profile.columns['uri'])}",),
        )
    mapped.setdefault("observation_id", mapped["uri"])
    return {ours: mapped[ours] for ours in OBSERVATION_COLUMNS if ours in mapped}


def _check_overrides(
    overrides: Mapping[str, str],
    mapped: Mapping[str, object],
    place: str,
    present: tuple[str, ...],
) -> None:
    for ours, path in overrides.items():
        if ours not in OBSERVATION_COLUMNS:
            raise UnknownName("column", ours, tuple(OBSERVATION_COLUMNS))
        if ours not in mapped:
            raise ConfigError(
                f"{place} has no column or expression {path!r} for {ours!r}. "
                f"Its columns: {_listing(present)}."
            )


def _listing(present: tuple[str, ...]) -> str:
    return ", ".join(map(repr, present)) or "none"
