"""Opens what a project names: its source, its model, its task, the way to its images."""

import re
from collections.abc import Callable, Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from vistoria import registry
from vistoria.errors import ConfigError
from vistoria.google_account import GoogleAccount, GoogleSettings
from vistoria.images import Images
from vistoria.models import Embedding, Model
from vistoria.project import Project
from vistoria.records import ImageForm, ImageRef, ImageSettings, Picture
from vistoria.sources import Selection, Source, SourceOptions
from vistoria.task import Task, load_task

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://")


def open_task(project: Project, task: Task | None = None) -> Task:
    """The project's task, or the one given in its place, narrowed to the fields that it names."""
    task = task or load_task(project.require("task.name"))
    return task.only(project.task.fields) if project.task.fields else task


def open_source(project: Project) -> Source:
    """The project's source, found by scheme, by suffix, or as a folder."""
    section = project.source
    address: str = project.require("source.address")
    options = SourceOptions(
        table=section.table,
        query=section.query,
        profile=section.profile,
        columns=section.columns,
        dialect=section.dialect,
        parameters=section.parameters,
        max_bytes_billed=section.max_bytes_billed,
        google=project.google.settings,
    )
    source: Source = registry.load("sources", source_name(address)).open_source(address, options)
    return source


def selection(project: Project) -> Selection:
    """Which rows the project wants."""
    section = project.source
    return Selection(
        where=section.where, limit=section.limit, sample=section.sample, seed=section.seed
    )


def source_name(address: str) -> str:
    """The name of the source that opens `address`; raises ConfigError when none does."""
    scheme = _SCHEME.match(address)
    suffix = Path(address).suffix.lower()
    if not scheme and Path(address).is_dir():
        return "folder"
    for name in registry.names("sources"):
        module = registry.load("sources", name)
        if scheme[1].lower() in module.SCHEMES if scheme else suffix in module.SUFFIXES:
            return name
    if not scheme and not Path(address).exists():
        raise ConfigError(f"there is nothing at {address!r}; name a folder or a table of photos")
    known = {s for name in registry.names("sources") for s in _forms(name)}
    raise ConfigError(
        f"cannot tell what kind of source {address!r} is; known: {', '.join(sorted(known))}"
    )


def _forms(name: str) -> tuple[str, ...]:
    module = registry.load("sources", name)
    return (*(f"{scheme}://" for scheme in module.SCHEMES), *module.SUFFIXES)


def open_model(project: Project) -> Model:
    """The project's model, from `provider:model`."""
    name: str = project.require("model.name")
    provider, _, rest = name.partition(":")
    module, options = registry.load("models", provider), project.model.options
    if share := getattr(module, "shared_options", None):
        options = {**share(_chosen_google(project), options), **options}
    model: Model = module.open_model(rest, options)
    return model


def _chosen_google(project: Project) -> GoogleSettings:
    """`[google]` without what Google's own variables say: who reads those has his own order."""
    section = project.google
    chosen = {
        key: value
        for key, value in section.model_dump().items()
        if not project.origin(f"google.{key}").startswith("GOOGLE_")
    }
    return GoogleSettings(**chosen)


def open_embedding(project: Project, name: str, options: Mapping[str, Any]) -> Embedding | None:
    """The embedding model `provider:model`, or `model` alone; None where no provider has one of
    that name. Raises UnknownName where a provider of such models has no such model."""
    provider, colon, _ = name.partition(":")
    if not colon:
        known = (full for one in registry.names("models") for full in _embeddings(one))
        name = next((full for full in known if full.partition(":")[2] == name), "")
        provider = name.partition(":")[0]
    if provider not in registry.names("models") or not _embeddings(provider):
        return None
    module, given = registry.load("models", provider), dict(options)
    if share := getattr(module, "shared_options", None):
        given = {**share(_chosen_google(project), given), **given}
    model: Embedding = module.open_embedding(name.partition(":")[2], given)
    return model


def _embeddings(provider: str) -> tuple[str, ...]:
    module = registry.load("models", provider)
    found: tuple[str, ...] = module.embeddings() if hasattr(module, "embeddings") else ()
    return found


def question_settings(project: Project, model: Model) -> Mapping[str, Any]:
    """What besides task and model can change an answer: the model's settings, and what is done to
    the images where that differs from nothing."""
    plain = asdict(ImageSettings())
    wanted = asdict(project.images.settings)
    if not wanted["crop"]:
        wanted["crop_margin"] = plain["crop_margin"]
    changes = {name: wanted[name] for name in ("crop", "crop_margin", "max_side")}
    return {
        **model.settings,
        **{f"image.{name}": value for name, value in changes.items() if value != plain[name]},
    }


def open_images(project: Project) -> Callable[[ImageRef, ImageForm], Picture]:
    """Makes images ready in the way that the project asks for."""
    images = Images(project.images.store, _google_token(project))
    return partial(images.load, settings=project.images.settings)


def _google_token(project: Project) -> Callable[[], str] | None:
    """Signs in to Cloud Storage as another account, where `[google] impersonate` names one."""
    if project.google.impersonate is None:
        return None
    account = GoogleAccount(project.google.settings, needed_for="Images in Cloud Storage")
    return lambda: str(account.credentials().token)
