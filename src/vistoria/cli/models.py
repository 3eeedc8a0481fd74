"""List the models that can answer, or show one.

A model is named PROVIDER:NAME. What is listed is a choice: a provider may know more.

Examples:
    vistoria models
    vistoria models show onnx:street
    vistoria models show echo --json
"""

import inspect
from collections.abc import Iterator
from dataclasses import asdict
from types import ModuleType
from typing import Any

import click

from vistoria import registry
from vistoria.cli._command import Group
from vistoria.cli._talk import as_json, cell, put_facts, put_json, put_table
from vistoria.errors import UserError
from vistoria.models import Model
from vistoria.options import Options
from vistoria.task import load_task, ready_tasks


@click.group("models", cls=Group, help=__doc__)
@as_json
@click.pass_context
def command(context: click.Context, /, as_json: bool) -> None:
    """See the top of this file."""
    if context.invoked_subcommand is not None:
        return
    rows = [
        {"model": model, "about": _about(module)}
        for provider in registry.names("models")
        for module in [registry.load("models", provider)]
        for model in module.listing()
    ]
    if as_json:
        put_json(rows)
    else:
        put_table(("model", "about"), [tuple(row.values()) for row in rows])


@command.command("show")
@click.argument("name", metavar="PROVIDER[:NAME]")
@as_json
def show(name: str, as_json: bool) -> None:
    """Show what a model needs, takes and can answer.

    Examples:
        vistoria models show onnx:street
        vistoria models show gemini
    """
    provider, _, rest = name.partition(":")
    module = registry.load("models", provider)
    options = _options(module)
    try:
        model, problem = module.open_model(rest, {}), None
    except UserError as error:
        model, problem = None, str(error)
    if as_json:
        about = {"model": name, "about": _about(module), "options": options, "problem": problem}
        put_json(about | (_document(model) if model else {}))
        return
    click.echo(inspect.cleandoc(module.__doc__ or "") + "\n")
    put_facts(_facts(name, model, problem, options))


def _about(module: ModuleType) -> str:
    """The first line of its docstring."""
    return (module.__doc__ or "").partition("\n")[0].replace("`", "")


def _options(module: ModuleType) -> dict[str, Any]:
    """Option → default."""
    return {
        name: field.get_default(call_default_factory=True)
        for found in vars(module).values()
        if isinstance(found, type) and issubclass(found, Options)
        for name, field in found.model_fields.items()
    }


def _tasks(model: Model) -> dict[str, tuple[str, ...]]:
    """Ready task → the fields that the model can answer, where there are any."""
    found = {}
    for name in ready_tasks():
        task = load_task(name)
        missing = model.unanswerable(task)
        if fields := tuple(f.name for f in task.fields if f.name not in missing):
            found[name] = fields if missing else ("all fields",)
    return found


def _document(model: Model) -> dict[str, Any]:
    found = asdict(model.capabilities)
    found["image"] = {
        key: sorted(value) if isinstance(value, frozenset) else value
        for key, value in found["image"].items()
    }
    return {
        "model": model.name, "settings": dict(model.settings), "capabilities": found,
        "tasks": _tasks(model),
    }  # fmt: skip


def _facts(
    name: str, model: Model | None, problem: str | None, options: dict[str, Any]
) -> Iterator[tuple[str, str]]:
    yield "model", model.name if model else name
    if problem:
        yield "not ready", problem
    if model:
        able = model.capabilities
        yield "runs", "in this process" if able.local else "as a service"
        size = f" of {able.image.width} × {able.image.height}" if able.image.width else ""
        kinds = {"none": "none are read", "encoded": "files", "pixels": f"pixels{size}"}
        yield "images", kinds[able.image.kind]
        yield "at once", f"{able.concurrency} calls of {able.batch_size} images"
        for key, value in model.settings.items():
            yield key, cell(value)
        for task, fields in _tasks(model).items():
            yield f"task {task}", ", ".join(fields)
    for option, default in options.items():
        yield f"-o {option}", "" if default is None else cell(default)
