"""What the tests of the command line share."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from click.testing import Result

EXECUTABLE = str(Path(sys.executable).with_name("vistoria"))
ROWS = 120

Vistoria = Callable[..., Result]
Spawn = Callable[..., "subprocess.Popen[str]"]


def run(table: str, *more: str) -> tuple[str, ...]:
    """The arguments of a run of `echo:` over the table."""
    column = ("--column", "uri=photo")
    return ("run", table, *column, "--task", "street_asset", "--model", "echo:", *more)


def status(vistoria: Vistoria, *more: str) -> dict[str, Any]:
    """The last run, from `vistoria status --json`."""
    runs: list[dict[str, Any]] = json.loads(vistoria("status", "--json", *more).stdout)
    return runs[-1]


def words(text: str) -> str:
    """`text` without its line breaks and columns."""
    return " ".join(text.split())
