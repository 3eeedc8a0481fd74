"""One session of a run in a process that is forked from a warm one, so that it starts at once."""

import contextlib
import logging
import multiprocessing
from multiprocessing.context import ForkServerContext, ForkServerProcess
from typing import Any

from vistoria.engine import Choice
from vistoria.errors import RunStopped, UserError
from vistoria.job import run_project
from vistoria.models import gemini  # noqa: F401 - so that the warm process has it
from vistoria.project import load_project


def warm() -> ForkServerContext:
    """Makes processes; the one they are forked from has imported all this."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    return context


def start(context: ForkServerContext, flags: dict[str, Any]) -> ForkServerProcess:
    """A process that works on the project of these flags until done, stopped or killed."""
    process = context.Process(target=work, args=(flags,), daemon=True)
    process.start()
    return process


def work(flags: dict[str, Any]) -> None:
    """Runs the project; what a person would have to mend ends it silently."""
    logging.disable(logging.CRITICAL)
    with contextlib.suppress(UserError, RunStopped):
        run_project(load_project(env={}, flags=flags), Choice())
