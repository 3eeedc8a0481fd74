"""Runs the parts of a benchmark, each in a folder of its own."""

import argparse
import pkgutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import TypeAlias

from benchmarks.bars import Bar, conclude

Part: TypeAlias = Callable[[Path, bool], Iterator[Bar]]
"""From a folder, and whether little will do, to bars."""


def listed(package: str, folder: Path) -> dict[str, Part]:
    """The modules of a benchmark's folder that have a function of their own name."""
    names = (module.name for module in pkgutil.iter_modules([str(folder)]))
    return {
        name: getattr(import_module(f"{package}.{name}"), name)
        for name in sorted(names)
        if not name.startswith("_")
    }


def run_parts(parts: Mapping[str, Part], about: str | None) -> int:
    """Runs those that the command line names, or all; returns the exit code."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--quick", action="store_true", help="less of everything: minutes")
    parser.add_argument("--only", choices=parts, action="append", help="this part; repeatable")
    given = parser.parse_args()
    bars: list[Bar] = []
    for name in given.only or parts:
        began = time.monotonic()
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            for bar in parts[name](Path(folder), given.quick):
                bars.append(bar)
                print(f"  {bar.name}: {bar.figure}", file=sys.stderr, flush=True)
        print(f"{name}: {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    return conclude(bars)
