"""What the commands about students share."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from vistoria.cli._talk import say
from vistoria.errors import ConfigError, UserError

if TYPE_CHECKING:
    from vistoria.ledger import Ledger, Run
    from vistoria.project import Project
    from vistoria.student.backbones.embedding import Listen
    from vistoria.task import Task

fields = click.option("--fields", metavar="A,B", help="Only these fields of the task.")


def task_of(project: "Project", ledger: "Ledger", run: "Run", only: str | None) -> "Task":
    """The task that a run asked: the project's, else the ready one of that name, cut to `only`.

    Raises ConfigError when it is not the one that was asked.
    """
    from vistoria.task import load_task  # noqa: PLC0415

    name = project.task.name or run.task
    try:
        task = load_task(name)
    except UserError:
        if project.task.name:
            raise
        raise ConfigError(
            f"run {run.run_id} asked task {run.task!r}, which is in a file; name it with --task"
        ) from None
    asked = {one.fingerprint for one in ledger.fields(run.question_id)}
    mine = [one.name for one in task.fields if one.fingerprint in asked]
    if not mine:
        raise ConfigError(
            f"task {name!r} has no field that run {run.run_id} asked; name the task or another run"
        )
    wanted = [one.strip() for one in only.split(",")] if only else mine
    return task.only(wanted)


def pairs(given: Sequence[str]) -> dict[str, str]:
    """From KEY=VALUE; raises UserError."""
    split = [text.partition("=") for text in given]
    if wrong := [key for key, equals, _ in split if not equals]:
        raise UserError(f"{wrong[0]!r} is not of the form key=value")
    return {key: value for key, _, value in split}


def progress() -> "Listen":
    """Says what is being done: every tenth of each stage on a line of its own."""
    said: dict[str, int] = {}

    def listen(what: str, done: int, of: int) -> None:
        tenth = 10 * done // of if of else 10
        if said.get(what) != tenth:
            said[what] = tenth
            say(f"  {what}: {done:,} of {of:,}", dim=True)

    return listen


def share(given: Any) -> str:
    """An estimate with its limits, as a person reads it."""
    if given["estimate"] is None:
        return ""
    return f"{given['estimate']:.3f} ({given['low']:.3f} … {given['high']:.3f})"
