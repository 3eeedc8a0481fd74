"""`python -m benchmarks.engine [--quick] [--only PART]`: every bar of the engine."""

import sys

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
from benchmarks.parts import Part, run_parts

_PARTS: dict[str, Part] = {
    part.__name__: part
    for part in (latency, cpu, limits, simulated, faults, kills, ceiling, memory, million, schema)
}


if __name__ == "__main__":
    sys.exit(run_parts(_PARTS, __doc__))
