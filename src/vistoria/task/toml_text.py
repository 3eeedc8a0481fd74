"""A TOML file with the line of each key, which tomllib does not tell."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

_HEADER = re.compile(r"\s*(\[\[?)\s*([^\[\]]+?)\s*\]\]?\s*(?:#.*)?$")
_KEY = re.compile(r"\s*([\w.\"'-]+(?:\s*\.\s*[\w\"'-]+)*)\s*=")
_QUOTES = re.compile(r'"""|\'\'\'')

Place = tuple[str | int, ...]


class TomlError(Exception):
    """The file cannot be read; whoever asked for it says so in their own error."""

    def __init__(self, message: str, line: int | None = None) -> None:
        """`line`: from 1, if there is one to blame."""
        self.line = line
        super().__init__(message)


class TomlText(NamedTuple):
    """A text and what it says."""

    text: str
    document: dict[str, Any]

    def line_of(self, place: Place) -> int:
        """The line, from 1, of a key such as ("fields", 2, "choices"), or of what encloses it.

        A scan, not a parser: exact for keys on lines of their own, the enclosing key's line for
        those in inline tables.
        """
        lines = dict(reversed(list(_keys(self.text))))
        for end in range(len(place), 0, -1):
            if found := lines.get(place[:end]):
                return found
        return 1


def read_toml(path: Path) -> TomlText:
    """The file's text and content; raises TomlError."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise TomlError(f"cannot read the file: {error.strerror}") from None
    try:
        text = data.decode("utf-8-sig")
        return TomlText(text, tomllib.loads(text))
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise TomlError("the file is not UTF-8 text", line) from None
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"at line (\d+)", str(error))
        line = int(found[1]) if found else text.count("\n") + 1
        raise TomlError(f"not valid TOML: {error}", line) from None


def _keys(text: str) -> Iterator[tuple[Place, int]]:
    table: Place = ()
    counts: dict[Place, int] = {}
    closing = ""
    for number, line in enumerate(text.split("\n"), 1):
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
