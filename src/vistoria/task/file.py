"""Task files: TOML in, Task out, every mistake with its line.

instructions = "…"                # required; `name` is optional, the file's name by default

[[fields]]
name = "material"
kind = "choice"
help = "Of what the pole itself is made."
choices = ["wood", "concrete"]
only_if = { asset = "utility_pole" }   # one value or a list of them

[[examples]]
shows = "A grey round pole."
answer = { material = "concrete" }     # a field left out is null
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vistoria.errors import TaskError, UnknownName
from vistoria.task.field import Field
from vistoria.task.rule import RuleError, near
from vistoria.task.task import Example, Task
from vistoria.task.toml_text import TomlError, read_toml

_READY = Path(__file__).parents[1] / "tasks"

_TASK = {"name": str, "instructions": str, "fields": list, "examples": list}
_FIELD = {
    "name": str,
    "kind": str,
    "help": str,
    "choices": list,
    "unit": str,
    "minimum": float,
    "maximum": float,
    "integer": bool,
    "max_length": int,
    "only_if": dict,
    "optional": bool,
}
_EXAMPLE = {"shows": str, "answer": dict}
_WORDS = {
    str: "text in quotes",
    list: "a list",
    dict: 'a table, e.g. { asset = "road_sign" }',
    bool: "true or false",
    int: "a whole number",
    float: "a number",
}


def ready_tasks() -> tuple[str, ...]:
    """The names of the tasks that come with Vistoria, sorted."""
    return tuple(sorted(path.stem for path in _READY.glob("*.toml")))


def names_file(name: str) -> bool:
    """Whether a task is given as a file (with a folder or `.toml` in it) rather than by name."""
    return name.endswith(".toml") or Path(name).name != name


def load_task(name_or_path: str | os.PathLike[str]) -> Task:
    """A ready task by name, or the task in a file (see `names_file`).

    Raises TaskError with file and line, or UnknownName with the nearest ready task.
    """
    given = os.fspath(name_or_path)
    if not isinstance(name_or_path, str) or names_file(given):
        return _read(given, Path(given))
    if given not in ready_tasks():
        raise UnknownName("task", given, ready_tasks())
    return _read(f"{given}.toml", _READY / f"{given}.toml")


def _read(shown: str, path: Path) -> Task:
    try:
        toml = read_toml(path)
    except TomlError as error:
        raise TaskError(str(error), path=shown, line=error.line) from None
    try:
        return _task(toml.document, path.stem)
    except RuleError as error:
        raise TaskError(str(error), path=shown, line=toml.line_of(error.at)) from None


def _task(document: Mapping[str, Any], stem: str) -> Task:
    _check(document, _TASK, (), "a task")
    _require(document, ("instructions", "fields"), (), "a task")
    fields = []
    for index, table in enumerate(document["fields"]):
        _check(table, _FIELD, ("fields", index), "a field")
        _require(table, ("name", "kind"), ("fields", index), "a field")
        for choice in table.get("choices", ()):
            if not isinstance(choice, str):
                raise RuleError(f"choice {choice!r} must be text", "fields", index, "choices")
        fields.append(Field(**table))
    examples = []
    for index, table in enumerate(document.get("examples", ())):
        _check(table, _EXAMPLE, ("examples", index), "an example")
        _require(table, ("shows", "answer"), ("examples", index), "an example")
        examples.append(Example(**table))
    name = document.get("name", stem)
    return Task(name, document["instructions"], tuple(fields), tuple(examples))


def _check(table: object, keys: Mapping[str, type], at: tuple[str | int, ...], what: str) -> None:
    """Raise RuleError for an unknown key or a value of the wrong type."""
    if not isinstance(table, dict):
        raise RuleError(f"{what} must be a table of keys and values", *at)
    for key, value in table.items():
        if key not in keys:
            raise RuleError(f"unknown key {key!r} in {what}{near(key, tuple(keys))}", *at, key)
        wanted = keys[key]
        fits = isinstance(value, int | float if wanted is float else wanted)
        if not fits or (isinstance(value, bool) and wanted is not bool):
            raise RuleError(f"{key!r} must be {_WORDS[wanted]}, not {value!r}", *at, key)


def _require(
    table: Mapping[str, Any], keys: tuple[str, ...], at: tuple[str | int, ...], what: str
) -> None:
    for key in keys:
        if key not in table:
            raise RuleError(f"{what} needs {key!r}", *at)
