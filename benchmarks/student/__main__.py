"""`python -m benchmarks.student [--quick] [--only PART]`: every bar of "keep the model".

Drawn scenes are kept in the system's temporary folder, so that only the first run draws them.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.bars import Bar, conclude
from benchmarks.student.cascade import cascade, simulated
from benchmarks.student.speed import speed
from benchmarks.student.training import train

_PARTS: dict[str, Callable[[Path, bool], Iterator[Bar]]] = {
    part.__name__: part for part in (train, speed, cascade, simulated)
}


def main() -> int:
    """Runs every part on the same world."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="600 scenes in place of 8,000")
    parser.add_argument("--only", choices=_PARTS, action="append", help="this part; repeatable")
    given = parser.parse_args()
    bars: list[Bar] = []
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        for name in given.only or _PARTS:
            began = time.monotonic()
            for bar in _PARTS[name](Path(folder), given.quick):
                bars.append(bar)
                print(f"  {bar.name}: {bar.figure}", file=sys.stderr, flush=True)
            print(f"{name}: {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    return conclude(bars)


if __name__ == "__main__":
    sys.exit(main())
