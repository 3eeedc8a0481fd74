"""A table of bars: what was promised, what was measured, held or not."""

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

VISTORIA = str(Path(sys.executable).with_name("vistoria"))


@dataclass(frozen=True)
class Bar:
    """One promise: `figure` is the measurement as a person reads it."""

    name: str
    promise: str
    figure: str
    held: bool


def at_least(name: str, figure: float, bar: float, form: str = ".3f") -> Bar:
    """A bar that is held when the figure is not below it."""
    return Bar(name, f">= {bar:{form}}", f"{figure:{form}}", figure >= bar)


def at_most(name: str, figure: float, bar: float, form: str = ".2f") -> Bar:
    """A bar that is held when the figure is not above it."""
    return Bar(name, f"<= {bar:{form}}", f"{figure:{form}}", figure <= bar)


def exactly(name: str, figure: object, bar: object) -> Bar:
    """A bar that is held when both are equal."""
    return Bar(name, f"= {bar}", f"{figure}", figure == bar)


def conclude(bars: Sequence[Bar]) -> int:
    """Prints the table and the last line; returns the exit code."""
    widths = [max(len(getattr(b, part)) for b in bars) for part in ("name", "promise", "figure")]
    for bar in bars:
        cells = zip((bar.name, bar.promise, bar.figure), widths, strict=True)
        print(
            "  ".join(text.ljust(width) for text, width in cells), "held" if bar.held else "MISSED"
        )
    held = sum(bar.held for bar in bars)
    print(f"{held} of {len(bars)} bars met")
    return 0 if held == len(bars) else 1


@dataclass(frozen=True)
class Process:
    """A finished command: exit code, seconds, peak memory in MiB, and what it wrote."""

    code: int
    seconds: float
    peak: float
    out: str
    err: str


def run(command: Sequence[str], folder: Path, env: Mapping[str, str] | None = None) -> Process:
    """Runs a command to its end; the memory is its own largest resident set."""
    out, err = folder / ".stdout", folder / ".stderr"
    with out.open("wb") as stdout, err.open("wb") as stderr:
        started = time.monotonic()
        child = subprocess.Popen(
            command, cwd=folder, stdout=stdout, stderr=stderr, stdin=subprocess.DEVNULL,
            env={**os.environ, **(env or {})},
        )  # fmt: skip
        _, status, usage = os.wait4(child.pid, 0)
        seconds = time.monotonic() - started
    child.returncode = os.waitstatus_to_exitcode(status)
    texts = [path.read_text(errors="replace") for path in (out, err)]
    out.unlink()
    err.unlink()
    return Process(child.returncode, seconds, usage.ru_maxrss / 1024, *texts)
