"""`python -m benchmarks.automate [--quick] [--only PART]`: every bar of the automation.

A part is a module of this folder with a function of its own name: (folder, quick) → bars.
"""

import argparse
import pkgutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path

from benchmarks.bars import Bar, conclude

_PARTS = sorted(
    module.name
    for module in pkgutil.iter_modules([str(Path(__file__).parent)])
    if not module.name.startswith("_")
)


def main() -> int:
    """Runs every part in a folder of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="less of everything: minutes")
    parser.add_argument("--only", choices=_PARTS, action="append", help="this part; repeatable")
    given = parser.parse_args()
    bars: list[Bar] = []
    for name in given.only or _PARTS:
        part: Callable[[Path, bool], Iterator[Bar]]
        part = getattr(import_module(f"benchmarks.automate.{name}"), name)
        began = time.monotonic()
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            for bar in part(Path(folder), given.quick):
                bars.append(bar)
                print(f"  {bar.name}: {bar.figure}", file=sys.stderr, flush=True)
        print(f"{name}: {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    return conclude(bars)


if __name__ == "__main__":
    sys.exit(main())
