"""Turns what a table holds into the types of an observation; what does not fit becomes NULL."""

from collections.abc import Mapping

from vistoria.records import OBSERVATION_COLUMNS
from vistoria.sources._columns import Found, plain
from vistoria.sources._database import literal

__all__ = ["observation_sql"]

_DUCKDB_TYPES = {"string": "VARCHAR", "double": "DOUBLE", "timestamp[us, UTC]": "TIMESTAMPTZ"}
_BOUNDS = {"latitude": 90, "longitude": 180, "heading": 360}
_SCHEME = r"^(?:[A-Za-z][A-Za-z0-9+.-]*:/|(?:gs|s3|az|https?|file):)"
_SPACES = " \t\r\n"
_TIME_FORMATS = "['%Y:%m:%d %H:%M:%S', '%Y:%m:%d %H:%M:%S%z', '%Y%m%d']"  # EXIF writes colons


def observation_sql(mapped: Mapping[str, Found], folder: str | None) -> dict[str, str]:
    """An expression for each of our columns; relative image addresses begin at `folder`.

    Without an id the image address is the id.
    """
    expressions = {name: _cast(name, mapped.get(name)) for name in OBSERVATION_COLUMNS}
    expressions["uri"] = _address(mapped["uri"], folder)
    address = f"CAST({plain(mapped['uri'])} AS VARCHAR)"
    expressions["observation_id"] = f"coalesce({expressions['observation_id']}, {address}, '')"
    return expressions


def _cast(name: str, found: Found | None) -> str:
    """The expression for our column `name`, NULL where there is nothing or it does not fit."""
    kind = OBSERVATION_COLUMNS[name]
    if found is None:
        return f"CAST(NULL AS {_DUCKDB_TYPES[kind]})"
    if kind == "string":
        return f"nullif(CAST({plain(found)} AS VARCHAR), '')"
    if kind == "double":
        return _number(found, _BOUNDS.get(name))
    return _time(found)


def _number(found: Found, bound: int | None) -> str:
    number = f"TRY_CAST({plain(found)} AS DOUBLE)"
    fits = f"isfinite({number})" if bound is None else f"abs({number}) <= {bound}"
    return f"CASE WHEN {fits} THEN {number} END"


def _time(found: Found) -> str:
    if found.column.kind == "time" and not found.column.is_json:
        return f"CAST({found.sql} AS TIMESTAMPTZ)"
    text = f"CAST({plain(found)} AS VARCHAR)"
    number = f"TRY_CAST({text} AS DOUBLE)"
    # Seconds, milli-, micro- or nanoseconds since 1970: their sizes do not overlap after 1973.
    micros = (
        f"CASE WHEN {number} < 1e11 THEN {number} * 1e6 WHEN {number} < 1e14 THEN {number} * 1e3"
        f" WHEN {number} < 1e17 THEN {number} ELSE {number} / 1e3 END"
    )
    return (
        f"CASE WHEN {number} BETWEEN 1e8 AND 1e20"
        f" THEN CAST(TRY(make_timestamp(CAST({micros} AS BIGINT))) AS TIMESTAMPTZ)"
        f" ELSE coalesce(TRY_CAST({text} AS TIMESTAMPTZ),"
        f" CAST(try_strptime({text}, {_TIME_FORMATS}) AS TIMESTAMPTZ)) END"
    )


def _address(found: Found, folder: str | None) -> str:
    """The image address; one that is a relative path begins at `folder`, if there is one.

    Empty where there is none: such a row is an observation that fails, not a row that vanishes.
    """
    written = f"coalesce(CAST({plain(found)} AS VARCHAR), '')"
    # Spaces around a path may be meant; around an address with a scheme they are a slip.
    trimmed = f"trim({written}, {literal(_SPACES)})"
    return (
        f"CASE WHEN regexp_matches({trimmed}, {literal(_SCHEME)}) THEN {trimmed}"
        f" WHEN {written} = '' OR starts_with({written}, '/') THEN {written}"
        f" ELSE {literal('' if folder is None else folder + '/')} || {written} END"
    )
