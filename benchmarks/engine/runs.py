"""`vistoria run` as a person starts it, against the server of a benchmark."""

import json
import os
import sqlite3
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.bars import VISTORIA, Process, run

MODEL = "gemini:gemini-3.5-flash-lite"


def command(source: str, *flags: str, options: Mapping[str, str] | None = None) -> list[str]:
    """The command; `options`: of the model."""
    given = [word for k, v in (options or {}).items() for word in ("-o", f"{k}={v}")]
    asked = ["--task", "utility_pole", "--model", MODEL, "--yes", "--quiet"]
    return [VISTORIA, "run", source, *asked, *given, *flags]


def settings(**run_settings: object) -> dict[str, str]:
    """Environment for `[run]`."""
    return {f"VISTORIA_RUN_{name.upper()}": str(value) for name, value in run_settings.items()}


def finish(words: Sequence[str], folder: Path, env: Mapping[str, str]) -> Process:
    """Runs to the end; raises RuntimeError with what it said if that was an error."""
    done = run(words, folder, env)
    if done.code not in (0, 1):
        raise RuntimeError(f"exit code {done.code}: {done.err[-2000:]}")
    return done


def begin(words: Sequence[str], folder: Path, env: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """Starts it."""
    return subprocess.Popen(
        words, cwd=folder, env={**os.environ, **env},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL,
    )  # fmt: skip


def summary(done: Process) -> dict[str, Any]:
    """What `--json` printed."""
    found: dict[str, Any] = json.loads(done.out)
    return found


def rows(ledger: Path, sql: str) -> list[tuple[Any, ...]]:
    """What a query of the ledger finds."""
    db = sqlite3.connect(ledger, timeout=60)
    try:
        return db.execute(sql).fetchall()
    finally:
        db.close()
