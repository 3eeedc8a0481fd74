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
not set.
"""

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal, NamedTuple, TypeAlias

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    PrivateAttr,
    ValidationError,
)

from vistoria import records
from vistoria.errors import ConfigError
from vistoria.task.file import names_file
from vistoria.task.rule import near
from vistoria.task.toml_text import TomlError, TomlText, read_toml

__all__ = ["Project", "Setting", "find_project", "load_project"]

FILE_NAME = "vistoria.toml"

_FLAGS = {"source.address": "SOURCE", "source.columns": "--column"}
_SECRET = re.compile(r"(key|token|secret|password|credentials?|store)$", re.IGNORECASE)
_PASSWORD = re.compile(r"(://)[^/@\s]+@")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")


def _split(value: object) -> object:
    if not isinstance(value, str):
        return value
    return tuple(part.strip() for part in value.split(",") if part.strip())


def _pairs(value: object) -> object:
    if not isinstance(value, str):
        return value
    pairs = [part.partition("=") for part in value.split(",") if part.strip()]
    if not all(equals for _, equals, _ in pairs):
        raise ValueError("write a table as key=value,key=value")
    return {key.strip(): given.strip() for key, _, given in pairs}


_Names: TypeAlias = Annotated[tuple[str, ...], BeforeValidator(_split)]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        """Keep secrets out of logs and tracebacks."""
        for name, value in super().__repr_args__():
            yield name, masked(name or "", value)


class SourceSection(_Section):
    """`[source]`: which rows; see `sources.SourceOptions` and `sources.Selection`."""

    address: str | None = None
    table: str | None = None
    query: str | None = None
    profile: str | None = None
    columns: Annotated[dict[str, str], BeforeValidator(_pairs)] = {}
    where: str | None = None
    limit: PositiveInt | None = None
    sample: PositiveInt | None = None
    seed: int = 0


class ImagesSection(_Section):
    """`[images]`: `records.ImageSettings`, and options for the object store (`store`)."""

    max_side: PositiveInt | None = None
    crop: bool = False
    crop_margin: NonNegativeFloat = 0.2
    max_bytes: PositiveInt = 50_000_000
    max_pixels: PositiveInt = 200_000_000
    store: Annotated[dict[str, Any], BeforeValidator(_pairs)] = {}

    @property
    def settings(self) -> records.ImageSettings:
        """What is to be done to images."""
        return records.ImageSettings(**self.model_dump(exclude={"store"}))


class TaskSection(_Section):
    """`[task]`: a ready task or a file, and which of its fields (none: all)."""

    name: str | None = None
    fields: _Names = ()


class ModelSection(_Section):
    """`[model]`: `provider:model`, and any option of that model; the model checks them."""

    model_config = ConfigDict(extra="allow")

    name: str | None = None

    @property
    def options(self) -> dict[str, Any]:
        """Everything but the name."""
        return dict(self.model_extra or {})


class RunSection(_Section):
    """`[run]`: the ledger, how hard to work and how much to spend.

    `concurrency`: calls at once (None: what the model takes). `retries`: tries after the first.
    `max_failure_rate`: stop when a larger share of observations fails (None: never).
    `confirm_above`, `confirm_cost`: ask before a run over more observations, or of a higher
    estimate, than this. `patience`: seconds for which a service that answers nothing is waited
    for. `budget`: what the run may spend at most, "25 USD", "5M tokens" or both; `prices`: a file
    of prices that go before ours. `ambiguous`: "ask" again or "skip" what a killed run had asked.
    """

    ledger: Path = Path(".vistoria/ledger.sqlite")
    concurrency: PositiveInt | None = None
    retries: NonNegativeInt = 8
    max_failure_rate: Annotated[float, Field(ge=0, le=1)] | None = None
    confirm_above: NonNegativeInt = 1_000
    confirm_cost: str = "1 USD"
    patience: NonNegativeFloat = 3_600.0
    requests_per_minute: PositiveFloat | None = None
    tokens_per_minute: PositiveFloat | None = None
    budget: str | None = None
    prices: Path | None = None
    ambiguous: Literal["ask", "skip"] = "ask"


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
            raise ConfigError(f"{key} is not set", looked_at=_places(key, self.path))
        return value


# What names a thing: the settings that are details of it, and when two names mean the same.
_NAMES: Mapping[str, tuple[tuple[str, ...], Callable[[Any], str]]] = {
    "source.address": (
        tuple(f"source.{name}" for name in ("table", "query", "profile", "columns", "where")),
        lambda address: os.path.abspath(str(address)),  # noqa: PTH100 - need not be a file
    ),
    "model.name": (("model.",), lambda name: str(name).partition(":")[0]),
}
_SECTIONS: Mapping[str, type[_Section]] = {
    "source": SourceSection,
    "images": ImagesSection,
    "task": TaskSection,
    "model": ModelSection,
    "run": RunSection,
}


def masked(key: str, value: Any) -> Any:
    """`value`, or `***` if the key names a secret; passwords in addresses are masked too."""
    if isinstance(value, dict):
        return {inner: masked(inner, item) for inner, item in value.items()}
    if value and _SECRET.search(key):
        return "***"
    return _PASSWORD.sub(r"\1***@", value) if isinstance(value, str) else value


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
    read = (_from_file(file) if file else (), _from_env(env), _from_flags(flags))
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
    return (_flag(key), _variable(key), where)


def _at(file: Path, toml: TomlText, *place: str) -> str:
    return f"{file}:{toml.line_of(place)}"


def _anchored(key: str, value: object, folder: Path) -> object:
    """Make a relative path of the project file independent of the current folder."""
    if not isinstance(value, str):
        return value
    if key == "model.name":
        provider, _, file = value.partition(":")
        return f"{provider}:{folder / file}" if file and (folder / file).is_file() else value
    is_path = {
        "source.address": not _SCHEME.match(value) or Path(value).is_absolute(),
        "task.name": names_file(value),
        "run.ledger": True,
        "run.prices": True,
    }.get(key, False)
    return str(folder / Path(value).expanduser()) if is_path else value


def _wrong_value(
    error: ValidationError, given: Mapping[str, Setting], file: Path | None
) -> ConfigError:
    first = error.errors(include_url=False)[0]
    key = ".".join(str(part) for part in first["loc"][:2])
    value, origin = masked(key, given[key].value), given[key].origin
    return ConfigError(
        f"{key} = {value!r} ({origin}): {first['msg']}", looked_at=_places(key, file)
    )
