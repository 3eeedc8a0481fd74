"""Write a commented vistoria.toml to edit.

What is not given is guessed from what lies in FOLDER, which is the current one by default.
Nothing is overwritten without --force. With --google it is a project on Street View Insights and
Gemini: what gcloud and your credentials tell is taken, the rest asked for on a terminal.

Examples:
    vistoria init
    vistoria init survey --source photos/ --task road_sign --model gemini:gemini-3.5-flash-lite
    vistoria init --task-file utility_pole
    vistoria init --google --google-project my-project --location us
"""

import json
import os
from collections.abc import Iterator
from importlib.resources import files
from itertools import islice
from pathlib import Path

import click

from vistoria import registry
from vistoria.cli import _google, _settings
from vistoria.cli._command import Command
from vistoria.cli._talk import note, say
from vistoria.errors import UnknownName, UserError
from vistoria.project import FILE_NAME
from vistoria.result import shown
from vistoria.task import load_task, ready_tasks

_LOOKED_AT = 10_000  # entries of a folder that are looked at for a guess
_PICTURES = {".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".heic", ".avif"}

_NO_TABLE = '# table = "cropped_observations_latest"'
_TEMPLATE = """\
# A Vistoria project: `vistoria run` works on it, from this folder or one below.
# Each key is also a flag (--limit) and a variable (VISTORIA_SOURCE_LIMIT), which stand above it;
# `vistoria config show` tells what is in force and where it comes from.

[source]
# A folder of photos, or a table with their addresses:
# {suffixes}
address = {source}
{table}  # of a database; or query = "SELECT * FROM ..."
# profile = "generic"                    # how columns map to ours, where the guess is wrong
# columns = {{ uri = "photo_url" }}        # or only some of them
# where = "asset_type = 'ASSET_CLASS_UTILITY_POLE'"
# limit = 100                            # the first rows
# sample = 500                           # or some at random, the same ones for the same seed
# seed = 0
# dialect = "bigquery"                   # the conditions and queries are written in BigQuery's SQL
# parameters = {{ kind = "pole" }}         # for @kind in them
# max_bytes_billed = "10 GiB"            # a query of BigQuery that reads more is refused

[images]
# crop = true         # cut each photo to the box of its asset, if the table has one
# crop_margin = 0.2   # and so much of its size around it
# max_side = 1024     # shrink photos to this many pixels before they are sent
# known_by = "content"  # photos handed on by address are known by their checksum, not by name
# verify = true       # decode photos even where they are sent as they are, to find damaged ones

[task]
# A file of your own (`vistoria init --task-file` copies one to begin with), or a ready one:
# {tasks}
name = {task}
# fields = ["asset"]  # ask only these

[model]
# `vistoria models` lists more; the options of a model are keys here.
name = {model}
# temperature = 0

[run]
# ledger = ".vistoria/ledger.sqlite"
# concurrency = 16         # calls at once
# retries = 8              # tries after the first, when a service fails in passing
# max_failure_rate = 0.2   # stop when more than this share of photos fails
# confirm_above = 1000     # ask before more photos than this are sent to a service
# confirm_cost = "1 USD"   # or before they are estimated to cost more
# budget = "25 USD"        # never spend more; or "10000 requests", "5M tokens"
# prices = "prices.toml"   # go before ours, where those are wrong or lack a model
"""


@click.command("init", cls=Command, help=__doc__)
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path), default=".")
@click.option("--source", metavar="ADDRESS", help="A folder or table of photos.")
@click.option("--task", metavar="NAME|FILE", help="A ready task or a task file.")
@click.option(
    "--model",
    metavar="PROVIDER:NAME",
    help="What answers [default: onnx:street; with --google: gemini].",
)
@click.option("--task-file", metavar="NAME", help="Copy this ready task into FOLDER and use it.")
@click.option("--force", is_flag=True, help="Overwrite what is there.")
@click.option("--google", is_flag=True, help="Use Street View Insights and Gemini.")
@_settings.google
@click.pass_context
def command(
    context: click.Context, /, folder: Path, task_file: str | None, force: bool, google: bool,
    **named: str | None,
) -> None:  # fmt: skip
    """See the top of this file."""
    source, task, model = named["source"], named["task"], named["model"]
    section = _google_section(context, source) if google else {}
    folder.mkdir(parents=True, exist_ok=True)
    written = {folder / FILE_NAME: ""}
    if task_file:
        if task_file not in ready_tasks():
            raise UnknownName("task", task_file, ready_tasks())
        ready = files("vistoria") / "tasks" / f"{task_file}.toml"
        written[folder / f"{task_file}.toml"] = ready.read_text("utf-8")
        task = f"{task_file}.toml"
    elif task:
        load_task(task)
        task = task if task in ready_tasks() else _from(folder, task)
    if google and not source:
        source = _google.imagery_source(section)
    address = _from(folder, source) if source else _guess(folder)
    model = model or (_gemini() if google else "onnx:street")
    text = project_file(address, task or "street_asset", model)
    written[folder / FILE_NAME] = text + (_google.google_section(section) if google else "")
    for path in written:
        if path.exists() and not force:
            raise UserError(f"{shown(path)!r} is there already; --force overwrites it")
    for path, text in written.items():
        path.write_text(text, "utf-8")
        note("wrote", shown(path))
    where = "" if folder == Path() else f"cd {shown(folder)} && "
    step = "vistoria plan"
    if google:
        step = "vistoria doctor" if named["source"] else "vistoria subscribe && vistoria doctor"
    note("next", where + step, fg="cyan")


def _google_section(context: click.Context, source: str | None) -> dict[str, str]:
    project = _settings.load(context)
    given = project.google.model_dump(exclude={"endpoints"})
    return _google.google_settings(given, source=source)


def _gemini() -> str:
    found: str = registry.load("models", "gemini").listing()[0]
    return found


def project_file(address: str, task: str, model: str, table: str | None = None) -> str:
    """The text of a project file."""
    line = f"table = {json.dumps(table)}" if table else _NO_TABLE
    suffixes = [s for name in registry.names("sources") for s in _suffixes(name)]
    return _TEMPLATE.format(
        source=json.dumps(address), table=line, task=json.dumps(task), model=json.dumps(model),
        suffixes=" ".join(suffixes), tasks=", ".join(ready_tasks()),
    )  # fmt: skip


def _suffixes(source: str) -> tuple[str, ...]:
    found: tuple[str, ...] = registry.load("sources", source).SUFFIXES
    return found


def _from(folder: Path, address: str) -> str:
    """An address given from here, as the file in `folder` must name it."""
    if "://" in address or Path(address).is_absolute():
        return address
    return os.path.relpath(address, folder)


def _guess(folder: Path) -> str:
    """A table that lies there, else the folder in which its pictures are."""
    suffixes = {s for name in registry.names("sources") for s in _suffixes(name)} - {".txt", ".db"}
    tables = sorted(path.name for path in folder.iterdir() if path.suffix.lower() in suffixes)
    if tables:
        return tables[0]
    parents = {path.parent for path in _pictures(folder)}
    if not parents:
        say("no photos or tables here yet: set [source] address", fg="yellow")
        return "photos"
    return os.path.relpath(os.path.commonpath(parents), folder)


def _pictures(folder: Path) -> Iterator[Path]:
    entries = islice(folder.rglob("*"), _LOOKED_AT)
    return (path for path in entries if path.suffix.lower() in _PICTURES)
