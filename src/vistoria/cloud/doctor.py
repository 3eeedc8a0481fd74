"""Examines what a project needs, in the order in which one thing rests on another."""

import pkgutil
from collections.abc import Iterator
from graphlib import TopologicalSorter
from importlib import import_module
from types import ModuleType

from vistoria.cloud import checks
from vistoria.cloud.finding import Finding
from vistoria.cloud.visit import Visit
from vistoria.errors import VistoriaError

__all__ = ["check_names", "examine"]


def check_names() -> tuple[str, ...]:
    """Every check, sorted, without importing one."""
    found = pkgutil.iter_modules(checks.__path__)
    return tuple(sorted(module.name for module in found if not module.name.startswith("_")))


def examine(visit: Visit) -> Iterator[Finding]:
    """What each check found, as it is found.

    A check that rests on a failed one is not made: its finding names that one.
    """
    modules = {name: import_module(f"vistoria.cloud.checks.{name}") for name in check_names()}
    order = {name: [p.partition(" ")[0] for p in m.after(visit)] for name, m in modules.items()}
    bad: dict[str, str] = {}  # finding that failed or was left out → the one that failed first
    for name in TopologicalSorter(order).static_order():
        for finding in _findings(name, modules[name], visit, bad):
            if finding.status == "fail":
                bad[finding.check] = finding.check
            elif finding.because:
                bad[finding.check] = finding.because
            yield finding


def _findings(
    name: str, module: ModuleType, visit: Visit, bad: dict[str, str]
) -> Iterator[Finding]:
    reason = module.needless(visit)
    if reason is not None:
        yield Finding(check=name, status="unneeded", said=f"not needed: {reason}")
        return
    cause = next(filter(None, (_blame(before, bad) for before in module.after(visit))), None)
    if cause is not None:
        said = f"not checked, because {cause} failed"
        yield Finding(check=name, status="unchecked", said=said, because=cause)
        return
    try:
        yield from module.look(visit)
    except VistoriaError as error:
        yield visit.failed(name, error)


def _blame(before: str, bad: dict[str, str]) -> str | None:
    """What failed first of a finding, or of the check that would have made it."""
    return bad.get(before) or bad.get(before.partition(" ")[0])
