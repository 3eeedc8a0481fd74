"""Where errors become messages and exit codes, for every command.

0 all fine · 1 ran, but some observations failed or the run was stopped · 2 a person must change
something · 70 a bug in Vistoria (EX_SOFTWARE) · 130 interrupted.
"""

import os
import traceback
from collections.abc import Iterator

import click

from vistoria.errors import RunStopped, UserError, VistoriaError

__all__ = ["FAILED", "INTERRUPTED", "end"]

FAILED = 1
INTERRUPTED = 130
_USAGE = 2
_BUG = 70


def end(error: BaseException) -> int:
    """Says on stderr what happened, why and what to do next; returns the exit code."""
    code = _code(error)
    if os.environ.get("VISTORIA_DEBUG"):
        click.echo("".join(traceback.format_exception(error)), err=True, nl=False)
    if code == INTERRUPTED:
        click.secho("interrupted", fg="yellow", err=True)
        return code
    click.echo(click.style("error: ", fg="red", bold=True) + _message(error, code), err=True)
    for cause in _causes(error):
        click.echo(f"  caused by {cause}", err=True)
    for hint in _hints(error, code):
        click.echo(click.style("hint: ", fg="cyan") + hint, err=True)
    return code


def _code(error: BaseException) -> int:
    match error:
        case RunStopped(interrupted=True) | KeyboardInterrupt() | click.Abort():
            return INTERRUPTED
        case click.ClickException() | UserError() | OSError():
            return _USAGE
        case VistoriaError():
            return FAILED
        case _:
            return _BUG


def _message(error: BaseException, code: int) -> str:
    if isinstance(error, click.ClickException):
        return error.format_message()
    if code == _BUG:
        return f"this is a bug in Vistoria: {type(error).__name__}: {error}"
    return str(error)


def _causes(error: BaseException) -> Iterator[str]:
    """What led to it, unless the message says so itself."""
    cause = error.__cause__
    if cause is not None and str(cause) not in str(error):
        yield f"{type(cause).__name__}: {cause}"


def _hints(error: BaseException, code: int) -> Iterator[str]:
    yield from getattr(error, "__notes__", ())
    if isinstance(error, click.UsageError) and error.ctx is not None:
        yield f"{error.ctx.command_path} --help"
    if code == _BUG:
        yield "VISTORIA_DEBUG=1 shows where it happened; please report it with that"
