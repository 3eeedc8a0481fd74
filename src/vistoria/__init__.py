"""A table of image addresses in, a table of labels you can trust out.

import vistoria

result = vistoria.run("photos/", task="road_sign", model="onnx:street")
labels = result.to_pandas()
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vistoria.api import run as run
    from vistoria.errors import UserError as UserError
    from vistoria.errors import VistoriaError as VistoriaError
    from vistoria.ledger import Ledger as Ledger
    from vistoria.project import Project as Project
    from vistoria.project import load_project as load_project
    from vistoria.result import Result as Result
    from vistoria.task import Example as Example
    from vistoria.task import Field as Field
    from vistoria.task import Task as Task
    from vistoria.task import load_task as load_task
    from vistoria.task import ready_tasks as ready_tasks

    __version__: str

__all__ = [
    "Example",
    "Field",
    "Ledger",
    "Project",
    "Result",
    "Task",
    "UserError",
    "VistoriaError",
    "__version__",
    "load_project",
    "load_task",
    "ready_tasks",
    "run",
]

# Each name is imported from its home on first use, so that `import vistoria` costs nothing.
_HOMES = {
    "Example": "task",
    "Field": "task",
    "Ledger": "ledger",
    "Project": "project",
    "Result": "result",
    "Task": "task",
    "UserError": "errors",
    "VistoriaError": "errors",
    "load_project": "project",
    "load_task": "task",
    "ready_tasks": "task",
    "run": "api",
}


def __getattr__(name: str) -> Any:
    """A public name, imported now."""
    if name == "__version__":
        from importlib.metadata import version  # noqa: PLC0415 - 20 ms that most never need

        return version("vistoria")
    if name not in _HOMES:
        raise AttributeError(f"module 'vistoria' has no attribute {name!r}")
    found = getattr(import_module(f"vistoria.{_HOMES[name]}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    """Public names, imported or not."""
    return __all__
