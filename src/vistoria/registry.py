"""Finds implementations: the modules of a seam's folder, then entry points `vistoria.<seam>`."""

import pkgutil
from importlib import import_module
from importlib.metadata import entry_points
from types import ModuleType
from typing import Literal, TypeAlias

from vistoria.errors import UnknownName

Seam: TypeAlias = Literal["sources", "models", "publishers"]


def names(seam: Seam) -> tuple[str, ...]:
    """Every implementation of a seam, sorted, without importing one."""
    folder = import_module(f"vistoria.{seam}").__path__
    found = {m.name for m in pkgutil.iter_modules(folder) if not m.ispkg and m.name[0] != "_"}
    return tuple(sorted(found | {point.name for point in entry_points(group=f"vistoria.{seam}")}))


def load(seam: Seam, name: str) -> ModuleType:
    """The module that implements `name`; raises UnknownName with a suggestion."""
    if name not in names(seam):
        raise UnknownName(seam.removesuffix("s"), name, names(seam))
    for point in entry_points(group=f"vistoria.{seam}", name=name):
        module = point.load()
        assert isinstance(module, ModuleType), f"entry point {name!r} must name a module"
        return module
    return import_module(f"vistoria.{seam}.{name}")
