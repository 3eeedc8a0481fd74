"""A table to run on, and the command line: in this process, or as a process of its own."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import stamina
from click.testing import CliRunner, Result

from tests.cli.running import EXECUTABLE, ROWS, Spawn, Vistoria
from vistoria.cli import main


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """An empty current folder, no setting from outside, retries that do not wait."""
    for name in [name for name in os.environ if name.startswith("VISTORIA_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.chdir(tmp_path)
    with stamina.set_testing(True, attempts=3):
        yield


@pytest.fixture
def table(tmp_path: Path) -> str:
    """A Parquet table of 120 addresses, relative to the current folder."""
    names = [f"photo-{i:04d}" for i in range(ROWS)]
    rows = pa.table({"id": names, "photo": [f"gs://bucket/{name}.jpg" for name in names]})
    pq.write_table(rows, tmp_path / "photos.parquet")
    return "photos.parquet"


@pytest.fixture
def vistoria() -> Vistoria:
    """Calls a command in this process."""

    def call(*args: str, **extra: Any) -> Result:
        return CliRunner().invoke(main, args, prog_name="vistoria", **extra)

    return call


@pytest.fixture
def spawn() -> Iterator[Spawn]:
    """Starts a command as a process; what still runs at the end is killed."""
    started = []

    def start(*args: str, **extra: Any) -> "subprocess.Popen[str]":
        pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        pipes["stdin"] = subprocess.DEVNULL
        process = subprocess.Popen([EXECUTABLE, *args], text=True, **(pipes | extra))
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()
