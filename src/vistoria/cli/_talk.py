"""What is said to a person, on stderr; and data, on stdout."""

import json
import logging
import os
import shutil
import sys
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import click

_QUIET = "vistoria.quiet"
_LABEL = 12
_WIDTH = 100


def say(text: str = "", **style: Any) -> None:
    """A line on stderr, unless `--quiet` was given."""
    if not is_quiet():
        click.secho(text, err=True, **style)


def note(label: str, text: str, *, fold: bool = True, **style: Any) -> None:
    """A line with a label before it, folded to the width of the terminal."""
    width = min(shutil.get_terminal_size().columns, _WIDTH) if fold else len(text) * 2
    lines = textwrap.wrap(
        text, width - _LABEL - 2, break_long_words=False, break_on_hyphens=False,
        drop_whitespace=fold,
    ) or [""]  # fmt: skip
    for start, line in zip([label, *[""] * len(lines)], lines, strict=False):
        say(click.style(f"  {start:<{_LABEL}}", dim=True) + click.style(line, **style))


def is_quiet() -> bool:
    """Whether `--quiet` was given to the command at work."""
    context = click.get_current_context(silent=True)
    return context is not None and bool(context.meta.get(_QUIET))


def _be_quiet(context: click.Context, _: click.Parameter, value: bool) -> None:
    context.meta[_QUIET] = value


quiet = click.option(
    "-q", "--quiet", is_flag=True, expose_value=False, callback=_be_quiet, envvar="VISTORIA_QUIET",
    help="No progress, no notes, no summary.",
)  # fmt: skip

as_json = click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")


def put_json(document: object) -> None:
    """One JSON document on stdout."""
    click.echo(json.dumps(document, ensure_ascii=False, indent=2, default=str))


_FREE = 120  # letters to a line where no terminal sets a limit


def put_table(
    columns: Sequence[str], rows: Iterable[Sequence[object]], *, aligned: bool = False
) -> None:
    """A table on stdout: on a terminal (or `aligned`) in columns, without those that hold nothing;
    else tab-separated."""
    texts = [[cell(value) for value in row] for row in rows]
    if not (aligned or sys.stdout.isatty()):
        for line in (columns, *texts):
            click.echo("\t".join(text.replace("\t", " ").replace("\n", " ") for text in line))
        return
    from rich import box  # noqa: PLC0415 - 60 ms, on a terminal only
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="bold")
    told = [n for n in range(len(columns)) if not texts or any(line[n] for line in texts)]
    for number in told:
        right = bool(texts) and all(_is_number(line[number]) for line in texts)
        table.add_column(columns[number], justify="right" if right else "left", overflow="fold")
    for line in texts:
        table.add_row(*(Text(line[number]) for number in told))
    Console(width=None if sys.stdout.isatty() else _FREE).print(table)


def put_facts(facts: Iterable[tuple[str, str]]) -> None:
    """Labelled lines on stdout; an empty label and text make an empty line."""
    lines = list(facts)
    wide = max((len(label) for label, _ in lines), default=0) + 2
    for label, text in lines:
        click.echo(click.style(f"{label:<{wide}}", dim=True) + text if label else "")


def cell(value: object) -> str:
    """A value as a person reads it."""
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case int() | float():
            return f"{value:,}" if isinstance(value, int) else f"{value:g}"
        case tuple() | list() if all(isinstance(item, str) for item in value):
            return ", ".join(value)
        case list() | dict():
            return json.dumps(value, ensure_ascii=False) if value else ""
    return str(value)


def _is_number(text: str) -> bool:
    return text.replace(",", "").replace(".", "").isdigit() or not text


class _Warnings(logging.Handler):
    """Log records as lines on stderr, above a progress bar if there is one."""

    def emit(self, record: logging.LogRecord) -> None:
        """One line."""
        click.echo(f"{record.levelname.lower()}: {self.format(record)}", err=True)


@contextmanager
def warnings_shown() -> Iterator[None]:
    """Sends log records to stderr meanwhile: warnings, or everything with VISTORIA_DEBUG."""
    log, lines = logging.getLogger("vistoria"), _Warnings()
    level = log.level
    log.addHandler(lines)
    log.setLevel(logging.DEBUG if os.environ.get("VISTORIA_DEBUG") else logging.WARNING)
    try:
        yield
    finally:
        log.removeHandler(lines)
        log.setLevel(level)
