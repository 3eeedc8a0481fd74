"""`python -m benchmarks.engine [--quick] [--only PART]`: every bar of the engine."""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.bars import Bar, conclude
from benchmarks.engine.ceiling import ceiling
from benchmarks.engine.cpu import cpu
from benchmarks.engine.faults import faults
from benchmarks.engine.kills import kills
from benchmarks.engine.latency import latency
from benchmarks.engine.limits import limits
from benchmarks.engine.memory import memory
from benchmarks.engine.million import million
from benchmarks.engine.schema import schema
from benchmarks.engine.simulated import simulated

_PARTS: dict[str, Callable[[Path, bool], Iterator[Bar]]] = {
    part.__name__: part
    for part in (latency, cpu, limits, simulated, faults, kills, ceiling, memory, million, schema)
}


def main() -> int:
    """Runs every part in a folder of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="less of everything: minutes")
    parser.add_argument("--only", choices=_PARTS, action="append", help="this part; repeatable")
    given = parser.parse_args()
    bars: list[Bar] = []
    for name in given.only or _PARTS:
        began = time.monotonic()
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            for bar in _PARTS[name](Path(folder), given.quick):
                bars.append(bar)
                print(f"  {bar.name}: {bar.figure}", file=sys.stderr, flush=True)
        print(f"{name}: {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    return conclude(bars)


if __name__ == "__main__":
    sys.exit(main())
