"""List the ready tasks, or show what one asks.

A task of your own is a TOML file; `vistoria init --task-file NAME` copies a ready one to edit.

Examples:
    vistoria tasks
    vistoria tasks show road_sign
    vistoria tasks show mine.toml --prompt
"""

from collections.abc import Iterator
from typing import Any

import click

from vistoria.cli._command import Group
from vistoria.cli._talk import as_json, put_facts, put_json, put_table
from vistoria.task import Field, load_task, ready_tasks


@click.group("tasks", cls=Group, help=__doc__)
@as_json
@click.pass_context
def command(context: click.Context, /, as_json: bool) -> None:
    """See the top of this file."""
    if context.invoked_subcommand is not None:
        return
    tasks = [load_task(name) for name in ready_tasks()]
    if as_json:
        put_json([{"task": t.name, "fields": [f.name for f in t.fields]} for t in tasks])
    else:
        put_table(
            ("task", "fields"), [(t.name, ", ".join(f.name for f in t.fields)) for t in tasks]
        )


@command.command("show")
@click.argument("name", metavar="NAME|FILE")
@click.option("--prompt", "part", flag_value="prompt", help="Only the prompt.")
@click.option("--schema", "part", flag_value="schema", help="Only the JSON Schema of an answer.")
@as_json
def show(name: str, part: str | None, as_json: bool) -> None:
    """Show a task's fields, its prompt or its JSON Schema.

    Examples:
        vistoria tasks show utility_pole
        vistoria tasks show mine.toml --schema
    """
    task = load_task(name)
    if part == "prompt":
        click.echo(task.prompt)
    elif part == "schema":
        put_json(task.json_schema)
    elif as_json:
        put_json({
            "task": task.name, "fingerprint": task.fingerprint, "prompt": task.prompt,
            "schema": task.json_schema, "fields": [_document(field) for field in task.fields],
        })  # fmt: skip
    else:
        click.echo(task.instructions.strip() + "\n")
        put_facts(line for field in task.fields for line in _facts(field))


def _document(field: Field) -> dict[str, Any]:
    return {
        "name": field.name, "kind": field.kind, "help": field.help, "allowed": field.allowed,
        "only_if": field.only_if, "optional": field.optional, "fingerprint": field.fingerprint,
    }  # fmt: skip


def _facts(field: Field) -> Iterator[tuple[str, str]]:
    conditions = [
        f"{name} is {' or '.join(str(value) for value in values)}"
        for name, values in field.only_if.items()
    ]
    yield field.name, field.allowed + (f"; if {' and '.join(conditions)}" if conditions else "")
