"""`python -m benchmarks.automate [--quick] [--only PART]`: every bar of the automation.

A part is a module of this folder with a function of its own name: (folder, quick) → bars.
"""

import sys
from pathlib import Path

from benchmarks.parts import listed, run_parts

if __name__ == "__main__":
    sys.exit(run_parts(listed("benchmarks.automate", Path(__file__).parent), __doc__))
