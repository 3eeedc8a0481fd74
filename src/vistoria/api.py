"""From a folder or table to labels, in Python; the command line's `run` as a function."""

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeAlias

from pydantic import BaseModel

from vistoria.engine import Choice
from vistoria.events import Sink
from vistoria.job import open_job
from vistoria.ledger import Ledger
from vistoria.progress import Display, in_notebook, show_progress
from vistoria.project import Project, load_project
from vistoria.result import Result
from vistoria.sections import ImagesSection, RunSection, SourceSection, TaskSection
from vistoria.task import Task

__all__ = ["run"]

_Path: TypeAlias = str | os.PathLike[str]
_BUNDLED = "onnx:street"
_SECTIONS: Mapping[str, type[BaseModel]] = {
    "run": RunSection, "images": ImagesSection, "task": TaskSection, "source": SourceSection,
}  # fmt: skip
_SETTINGS = {
    name: f"{section}.{name}" for section, model in _SECTIONS.items() for name in model.model_fields
}


def run(
    source: _Path | None = None,
    *,
    task: _Path | Task | None = None,
    model: str | None = None,
    only: str | None = None,
    fresh: bool = False,
    project: _Path | None = None,
    progress: Display | Sink = "auto",
    **settings: Any,
) -> Result:
    """Labels every photo of `source` with the answers of `model` to `task`.

    result = vistoria.run("photos/", task="road_sign", model="onnx:street", limit=100)

    `settings` are those of vistoria.toml by their own names (limit, where, sample, seed, columns,
    table, query, fields, crop, max_side, ledger, concurrency, budget="5 USD" …); other keywords
    are options of the model. What is left out comes from the environment (VISTORIA_…) and from the
    project file (`project`, else the nearest vistoria.toml), as on the command line. Where none
    of them names a model, the bundled onnx:street answers; it knows drawn streets. `only`:
    "failed" or "failed:REASON" asks those again.

    The same call again resumes and asks nothing twice. It works in a notebook, where interrupting
    the cell ends the run in order. `progress`: "auto" (a bar in notebooks and on terminals),
    "rich", "plain", "none", or a function that takes events. Photos that fail are rows of the
    result. Raises UserError when a person must change something.
    """
    flags = {_SETTINGS.get(name, f"model.{name}"): value for name, value in settings.items()}
    flags["source.address"] = None if source is None else os.fspath(source)
    flags["model.name"] = model
    own = task if isinstance(task, Task) else None
    flags["task.name"] = None if task is None or isinstance(task, Task) else os.fspath(task)
    job = open_job(_load(project, flags), own)
    choice = Choice.parse(only, fresh=fresh)
    with _listening(progress) as emit, Ledger(job.ledger) as ledger:
        plan = job.plan(ledger, choice, emit)
        report = job.work(plan, ledger, emit)
        return Result.read(ledger, plan, report, job.limits.ceiling)


def _load(path: _Path | None, flags: Mapping[str, object]) -> Project:
    project = load_project(path, flags=flags)
    if project.model.name is None:
        return load_project(path, flags={**flags, "model.name": _BUNDLED})
    return project


@contextmanager
def _listening(progress: Display | Sink) -> Iterator[Sink]:
    if callable(progress):
        yield progress
        return
    silent = progress == "auto" and not in_notebook() and not sys.stderr.isatty()
    with show_progress("none" if silent else progress, sys.stderr) as emit:
        yield emit
