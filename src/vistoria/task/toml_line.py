"""Where a key stands in a TOML text, for messages; tomllib does not tell."""

import re
from collections.abc import Iterator

_HEADER = re.compile(r"\s*(\[\[?)\s*([^\[\]]+?)\s*\]\]?\s*(?:#.*)?$")
_KEY = re.compile(r"\s*([\w.\"'-]+(?:\s*\.\s*[\w\"'-]+)*)\s*=")
_QUOTES = re.compile(r'"""|\'\'\'')

Place = tuple[str | int, ...]


def line_of(text: str, place: Place) -> int:
    """The line, from 1, of a key such as ("fields", 2, "choices"), or of what encloses it.

    A scan, not a parser: exact for keys on lines of their own, the enclosing key's line for those
    in inline tables.
    """
    lines = dict(reversed(list(_keys(text))))
    for end in range(len(place), 0, -1):
        if found := lines.get(place[:end]):
            return found
    return 1


def syntax_line(text: str, message: str) -> int:
    """The line that tomllib's message names."""
    found = re.search(r"at line (\d+)", message)
    return int(found[1]) if found else text.count("\n") + 1


def _keys(text: str) -> Iterator[tuple[Place, int]]:
    table: Place = ()
    counts: dict[Place, int] = {}
    closing = ""
    for number, line in enumerate(text.splitlines(), 1):
        if not closing:
            if header := _HEADER.match(line):
                table = _table(header[2], header[1] == "[[", counts)
                yield table, number
            elif key := _KEY.match(line):
                parts = _parts(key[1])
                for end in range(1, len(parts) + 1):
                    yield table + parts[:end], number
        for quotes in _QUOTES.findall(line):
            closing = "" if closing == quotes else closing or quotes


def _table(header: str, repeated: bool, counts: dict[Place, int]) -> Place:
    place: Place = ()
    parts = _parts(header)
    for depth, part in enumerate(parts, 1):
        place = (*place, part)
        if repeated and depth == len(parts):
            counts[place] = counts.get(place, -1) + 1
        if place in counts:
            place = (*place, counts[place])
    return place


def _parts(dotted: str) -> tuple[str, ...]:
    return tuple(part.strip().strip("\"'") for part in dotted.split("."))
