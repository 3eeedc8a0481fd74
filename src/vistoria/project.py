"""The project: defaults < `vistoria.toml` < environment (`VISTORIA_…`) < command-line flags.

    [source]
    address = "photos/"              # VISTORIA_SOURCE_ADDRESS, SOURCE
    [task]
    name = "utility_pole"            # VISTORIA_TASK_NAME, --task
    [model]
    name = "gemini:gemini-2.5-flash" # VISTORIA_MODEL_NAME, --model
    temperature = 0                  # VISTORIA_MODEL_TEMPERATURE; any option of the model

In the file, relative paths (a source without a scheme, a task file, a model file that is there, the
ledger) are relative to the file; in the environment and in flags, to the current folder. In the
environment a list is written `a,b` and a table `key=value,key=value`; an empty variable counts as
not set. GOOGLE_CLOUD_PROJECT and GOOGLE_CLOUD_LOCATION stand below all of these.
"""

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict, PrivateAttr, ValidationError

from vistoria.errors import ConfigError
from vistoria.sections import (
    FunctionsSection,
    GoogleSection,
    ImagesSection,
    ModelSection,
    RunSection,
    Section,
    SourceSection,
    TaskSection,
    masked,
)
from vistoria.task.file import names_file
from vistoria.task.rule import near
from vistoria.task.toml_text import TomlError, TomlText, read_toml

__all__ = ["Project", "Setting", "find_project", "load_project"]

FILE_NAME = "vistoria.toml"

_FLAGS = {
    "source.address": "SOURCE",
    "source.columns": "--column",
    "google.project": "--google-project",
}
# Where Google's own tools keep the same settings: their "location" is where models answer.
_STANDARD = {"google.project": "GOOGLE_CLOUD_PROJECT", "google.region": "GOOGLE_CLOUD_LOCATION"}
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")


class Setting(NamedTuple):
    """One setting: "model.name", its value, and where that came from."""

    key: str
    value: Any
    origin: str


class Project(BaseModel):
    """Every setting, and where each came from. `path`: the project file, if there is one."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: Path | None = None
    source: SourceSection = SourceSection()
    images: ImagesSection = ImagesSection()
    task: TaskSection = TaskSection()
    model: ModelSection = ModelSection()
    run: RunSection = RunSection()
    functions: FunctionsSection = FunctionsSection()
    google: GoogleSection = GoogleSection()
    _origins: dict[str, str] = PrivateAttr(default_factory=dict)

    def origin(self, key: str) -> str:
        """E.g. "vistoria.toml line 7", "VISTORIA_MODEL_NAME", "--model" or "default"."""
        return self._origins.get(key, "default")

    def rows(self) -> tuple[Setting, ...]:
        """Every setting in order, tables opened up, secrets as `***`."""
        found = []
        for section in _SECTIONS:
            for name, value in getattr(self, section).model_dump().items():
                key = f"{section}.{name}"
                opened = value if isinstance(value, dict) and value else {"": value}
                for inner, item in opened.items():
                    shown = f"{key}.{inner}" if inner else key
                    found.append(Setting(shown, masked(shown, item), self.origin(key)))
        return tuple(found)

    def require(self, key: str) -> Any:
        """The value of a setting that has no default; ConfigError lists where it was sought."""
        section, _, name = key.partition(".")
        value = getattr(getattr(self, section), name)
        if value is None:
            raise ConfigError(
                f"{key} is not set: name it, or write it into a {FILE_NAME} (`vistoria init`)",
                looked_at=_places(key, self.path),
            )
        return value


_OF_A_TABLE = ("table", "query", "dialect", "parameters", "profile", "columns", "where")
# What names a thing: the settings that are details of it, and when two names mean the same.
_NAMES: Mapping[str, tuple[tuple[str, ...], Callable[[Any], str]]] = {
    "source.address": (
        tuple(f"source.{name}" for name in _OF_A_TABLE),
        lambda address: os.path.abspath(str(address)),  # noqa: PTH100 - need not be a file
    ),
    "model.name": (("model.",), lambda name: str(name).partition(":")[0]),
}
_SECTIONS: Mapping[str, type[Section]] = {
    "source": SourceSection,
    "images": ImagesSection,
    "task": TaskSection,
    "model": ModelSection,
    "run": RunSection,
    "functions": FunctionsSection,
    "google": GoogleSection,
}


def find_project(start: Path) -> Path | None:
    """The nearest `vistoria.toml` in `start` or a folder above it."""
    folder = start.absolute()
    found = (above / FILE_NAME for above in (folder, *folder.parents))
    return next((path for path in found if path.is_file()), None)


def load_project(
    path: str | os.PathLike[str] | None = None,
    env: Mapping[str, str] = os.environ,
    flags: Mapping[str, object] = MappingProxyType({}),
) -> Project:
    """The project file (`path`, else VISTORIA_PROJECT, else found upwards), environment and flags.

    `flags`: "section.key" → value; None and () mean "not given". Raises ConfigError.
    """
    named = path or env.get("VISTORIA_PROJECT")
    file = Path(named).absolute() if named else find_project(Path.cwd())
    if file and file.is_dir():
        file = file / FILE_NAME
    above = (_from_file(file) if file else (), _from_env(env), _from_flags(flags))
    read = (_from_standard(env), *above)
    given = _layered([{setting.key: setting for setting in layer} for layer in read])
    sections: dict[str, dict[str, Any]] = {name: {} for name in _SECTIONS}
    for key, value, _ in given.values():
        section, _, name = key.partition(".")
        sections[section][name] = value
    folder = file.parent if file else Path.cwd()
    sections["run"].setdefault("ledger", folder / RunSection().ledger)
    try:
        project = Project.model_validate({"path": file, **sections})
    except ValidationError as error:
        raise _wrong_value(error, given, file) from None
    project._origins.update({setting.key: setting.origin for setting in given.values()})
    return project


def _layered(layers: Sequence[dict[str, Setting]]) -> dict[str, Setting]:
    """One layer over the other. A source or provider named anew leaves behind what was said with
    the name it replaces: the table of a database or the options of a service mean nothing to it."""
    for name, (details, identity) in _NAMES.items():
        named = [layer for layer in layers if name in layer]
        for number, layer in enumerate(layers):
            if layer in named and identity(layer[name].value) != identity(named[-1][name].value):
                for lower in layers[: number + 1]:
                    for key in [key for key in lower if key.startswith(details) and key != name]:
                        del lower[key]
    return {key: setting for layer in layers for key, setting in layer.items()}


def _from_file(file: Path) -> Iterator[Setting]:
    try:
        toml = read_toml(file)
    except TomlError as error:
        place = f"{file}:{error.line}" if error.line else str(file)
        raise ConfigError(f"{place}: {error}") from None
    for section, table in toml.document.items():
        if section not in _SECTIONS:
            hint = near(section, tuple(_SECTIONS))
            raise ConfigError(f"{_at(file, toml, section)}: unknown section [{section}]{hint}")
        if not isinstance(table, dict):
            raise ConfigError(f"{_at(file, toml, section)}: write a section, [{section}]")
        for name, value in table.items():
            if not _known(section, name):
                message = f"unknown key {name!r} in [{section}]{near(name, _keys(section))}"
                raise ConfigError(f"{_at(file, toml, section, name)}: {message}")
            key, origin = f"{section}.{name}", f"{file.name} line {toml.line_of((section, name))}"
            yield Setting(key, _anchored(key, value, file.parent), origin)


def _from_env(env: Mapping[str, str]) -> Iterator[Setting]:
    for variable, value in env.items():
        prefix, _, rest = variable.partition("_")
        section, _, name = rest.lower().partition("_")
        if prefix != "VISTORIA" or section not in _SECTIONS or not value.strip():
            continue
        if not name or not _known(section, name):
            known = tuple(_variable(f"{section}.{key}") for key in _keys(section))
            raise ConfigError(f"unknown environment variable {variable}{near(variable, known)}")
        yield Setting(f"{section}.{name}", value, variable)


def _from_standard(env: Mapping[str, str]) -> Iterator[Setting]:
    for key, variable in _STANDARD.items():
        if value := env.get(variable, "").strip():
            yield Setting(key, value, variable)


def _from_flags(flags: Mapping[str, object]) -> Iterator[Setting]:
    for key, value in flags.items():
        section, _, name = key.partition(".")
        if section not in _SECTIONS or not _known(section, name):
            raise ConfigError(f"no setting {key!r}")
        if value is not None and value != ():
            yield Setting(key, value, _flag(key))


def _keys(section: str) -> tuple[str, ...]:
    return tuple(_SECTIONS[section].model_fields)


def _known(section: str, name: str) -> bool:
    return name in _keys(section) or _SECTIONS[section].model_config["extra"] == "allow"


def _variable(key: str) -> str:
    return "VISTORIA_" + key.replace(".", "_").upper()


def _flag(key: str) -> str:
    """`--model` for "model.name", `-o KEY` for an option of the model, else the key's own name."""
    section, _, name = key.partition(".")
    if section == "model" and name != "name":
        return f"-o {name}"
    return _FLAGS.get(key, "--" + (section if name == "name" else name.replace("_", "-")))


def _places(key: str, file: Path | None) -> tuple[str, ...]:
    section, _, name = key.partition(".")
    where = (
        f"{file}, {name} in [{section}]" if file else f"{FILE_NAME}, found neither here nor above"
    )
    standard = (_STANDARD[key],) if key in _STANDARD else ()
    return (_flag(key), _variable(key), where, *standard)


def _at(file: Path, toml: TomlText, *place: str) -> str:
    return f"{file}:{toml.line_of(place)}"


def _anchored(key: str, value: object, folder: Path) -> object:
    """Make a relative path of the project file independent of the current folder."""
    if not isinstance(value, str):
        return value
    if key == "model.name":
        return _anchored_model(value, folder)
    is_path = {
        "source.address": not _SCHEME.match(value) or Path(value).is_absolute(),
        "task.name": names_file(value),
        "run.ledger": True,
        "run.prices": True,
        "model.thresholds": True,
    }.get(key, False)
    return str(folder / Path(value).expanduser()) if is_path else value


def _anchored_model(name: str, folder: Path) -> str:
    """`onnx:FILE` or `cascade:FILE,TEACHER` with the files that are in the folder named fully."""
    provider, _, rest = name.partition(":")
    file, comma, teacher = rest.partition(",")
    if rest and (folder / rest).is_file():
        return f"{provider}:{folder / rest}"
    if not comma or not (folder / file).is_file():
        return name
    return f"{provider}:{folder / file},{_anchored_model(teacher, folder)}"


def _wrong_value(
    error: ValidationError, given: Mapping[str, Setting], file: Path | None
) -> ConfigError:
    first = error.errors(include_url=False)[0]
    key = ".".join(str(part) for part in first["loc"][:2])
    value, origin = masked(key, given[key].value), given[key].origin
    return ConfigError(
        f"{key} = {value!r} ({origin}): {first['msg']}", looked_at=_places(key, file)
    )
