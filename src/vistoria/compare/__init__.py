"""What differs between runs: noise of the model, the model or its prompt, or the world."""

from vistoria.compare._cost import Cost, costs_of
from vistoria.compare._golden import Golden, GoldenField, golden_file, golden_sample, regression
from vistoria.compare._runs import Comparison, FieldComparison, compare_runs
from vistoria.compare._world import FieldChange, WorldComparison, compare_snapshots

__all__ = [
    "Comparison",
    "Cost",
    "FieldChange",
    "FieldComparison",
    "Golden",
    "GoldenField",
    "WorldComparison",
    "compare_runs",
    "compare_snapshots",
    "costs_of",
    "golden_file",
    "golden_sample",
    "regression",
]
