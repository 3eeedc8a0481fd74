"""Flags that stand above the project's settings: each has its twin in vistoria.toml and in the
environment (see `vistoria.project`), so a command reads the project and not its own arguments.
"""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from vistoria.project import Project

_FLAGS = "vistoria.flags"
_FILE = "vistoria.project"
_Decorated = TypeVar("_Decorated", bound=Callable[..., Any])
_Decorator = Callable[[Any], Any]


def load(
    context: click.Context,
    file: Path | None = None,
    flags: Mapping[str, object] = MappingProxyType({}),
) -> "Project":
    """The project under this command: its file, the environment, the flags given, and `flags`."""
    from vistoria.project import load_project  # noqa: PLC0415 - pydantic, when a command runs

    above = {**context.meta.get(_FLAGS, {}), **flags}
    return load_project(file or context.meta.get(_FILE), flags=above)


def given(context: click.Context, key: str) -> Any:
    """What a flag of this command says about a setting; None if it was left out."""
    return context.meta.get(_FLAGS, {}).get(key)


class _Setting(click.Option):
    def __init__(self, *args: Any, key: str, **rest: Any) -> None:
        super().__init__(*args, expose_value=False, callback=_keep(key), **rest)
        section = key.partition(".")[0]
        self.title = f"[{section}] in vistoria.toml, VISTORIA_{section.upper()}_…"


class _SourceArgument(click.Argument):
    def __init__(self, *args: Any, **rest: Any) -> None:
        super().__init__(*args, expose_value=False, callback=_keep("source.address"), **rest)


class _Pair(click.ParamType[tuple[str, str]]):
    name = "key=value"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str]:
        key, equals, given = str(value).partition("=")
        if not equals or not key:
            self.fail(f"{value!r} is not of the form key=value", param, ctx)
        return key.strip(), given


def _keep(key: str) -> Callable[[click.Context, click.Parameter, Any], None]:
    def keep(context: click.Context, _: click.Parameter, value: Any) -> None:
        if value is not None and value != ():
            context.meta.setdefault(_FLAGS, {}).update(_named(key, value))

    return keep


def _named(key: str, value: Any) -> Iterator[tuple[str, Any]]:
    """The settings that a flag stands for: pairs for "model.*" are settings of their own."""
    if key.endswith(".*"):
        yield from ((f"{key[:-1]}{name}", item) for name, item in value)
    else:
        yield key, dict(value) if isinstance(value, tuple) else value


def _flag(key: str, *names: str, **rest: Any) -> _Decorator:
    return click.option(*names, cls=_Setting, key=key, **rest)


def _all(*decorators: _Decorator) -> Callable[[_Decorated], _Decorated]:
    def decorate(function: _Decorated) -> _Decorated:
        for decorator in reversed(decorators):
            function = decorator(function)
        return function

    return decorate


def _keep_file(context: click.Context, _: click.Parameter, value: Path | None) -> None:
    if value is not None:
        context.meta[_FILE] = value


source = click.argument("source", cls=_SourceArgument, required=False)

project = click.option(
    "--project", type=click.Path(path_type=Path), metavar="FILE", expose_value=False,
    callback=_keep_file, help="The project file [default: vistoria.toml here or above; "
    "VISTORIA_PROJECT].",
)  # fmt: skip

ledger = _flag("run.ledger", "--ledger", metavar="FILE", help="Where everything is recorded.")

task = _flag("task.name", "--task", metavar="NAME|FILE", help="A ready task or a task file.")

model = _flag("model.name", "--model", metavar="PROVIDER:NAME", help="What answers.")

option = _flag(
    "model.*", "-o", "--option", type=_Pair(), multiple=True, metavar="KEY=VALUE",
    help="An option of the model; may be repeated.",
)  # fmt: skip

asking = _all(
    task,
    _flag("task.fields", "--fields", metavar="A,B", help="Ask only these fields of the task."),
    model,
    option,
)

table = _all(
    _flag("source.table", "--table", metavar="NAME", help="A table of a database."),
    _flag("source.query", "--query", metavar="SQL", help="A query instead of a table."),
    _flag("source.dialect", "--dialect", type=click.Choice(["bigquery"]),
          help="The SQL that query, condition and columns are in, if not the source's own."),
    _flag("source.max_bytes_billed", "--max-bytes-billed", metavar="SIZE",
          help="Run no query that bills more, e.g. '20 GiB' [default: 100 GiB]."),
    _flag("source.profile", "--profile", metavar="NAME",
          help="How its columns map to ours [default: detected]."),
    _flag("source.columns", "--column", type=_Pair(), multiple=True, metavar="OURS=THEIRS",
          help="One column's mapping, e.g. uri=photo_url; may be repeated."),
)  # fmt: skip

rows = _all(
    _flag("source.where", "--where", metavar="SQL", help="Only rows that meet a condition."),
    _flag("source.limit", "--limit", type=int, metavar="N", help="The first N rows."),
    _flag("source.sample", "--sample", type=int, metavar="N",
          help="N rows at random."),
    _flag("source.seed", "--seed", type=int, metavar="N",
          help="Another seed, another sample [default: 0]."),
)  # fmt: skip

images = _all(
    _flag("images.crop", "--crop/--no-crop", default=None, help="Cut each image to its box."),
    _flag("images.max_side", "--max-side", type=int, metavar="PIXELS",
          help="Downscale so that the longer side is no longer than this."),
)  # fmt: skip

running = _all(
    ledger,
    _flag("run.concurrency", "--concurrency", type=int, metavar="N",
          help="Calls at once [default: the model's own]."),
    _flag("run.max_failure_rate", "--max-failure-rate", type=float,
          metavar="SHARE", help="Stop when more than this share of observations fails."),
    _flag("run.telemetry", "--telemetry/--no-telemetry", default=None,
          help="Send OpenTelemetry metrics and traces [default: if OTEL_… variables say where]."),
    _flag("run.batch", "--batch/--no-batch", default=None,
          help="Ask in batch jobs of the model's service: cheaper, and within a day or so."),
    _flag("run.wait", "--wait/--no-wait", default=None,
          help="Wait for batch jobs to end, or leave them [default: wait]."),
)  # fmt: skip

spending = _all(
    _flag("run.budget", "--budget", metavar="MOST",
          help='The most that the run may take: "25 USD", "10000 requests", "5M tokens".'),
    _flag("run.prices", "--prices", type=click.Path(path_type=Path), metavar="FILE",
          help="Prices that go before ours."),
    _flag("run.requests_per_minute", "--requests-per-minute", type=float, metavar="N",
          help="No more calls than this."),
    _flag("run.tokens_per_minute", "--tokens-per-minute", type=float, metavar="N",
          help="No more tokens than this."),
    _flag("run.ambiguous", "--ambiguous", type=click.Choice(["ask", "skip"]),
          help="What a killed run had asked: ask again, or skip [default: ask]."),
)  # fmt: skip

everything = _all(source, asking, table, rows, images, running, spending, project)
"""What a run takes; what else takes it plans or repeats one."""

google = _all(
    _flag("google.project", "--google-project", metavar="ID",
          help="The Google Cloud project that is billed."),
    _flag("google.region", "--region", metavar="NAME",
          help="Where models answer: global, or one like us-central1."),
    _flag("google.location", "--location", metavar="NAME",
          help="Where the imagery lies: us or eu."),
    _flag("google.customer", "--customer", metavar="ID",
          help="The id by which Google lists your imagery."),
    _flag("google.impersonate", "--impersonate", metavar="EMAIL",
          help="Act as this service account."),
)  # fmt: skip

only = click.option(
    "--only", metavar="failed[:REASON]", help="Ask again what failed (for a reason), nothing else."
)

display = click.option(
    "--progress", "display", type=click.Choice(["auto", "rich", "plain", "none"]), default="auto",
    envvar="VISTORIA_PROGRESS", help="How to show progress on stderr [default: auto].",
)  # fmt: skip
