"""The record of everything asked and answered: one SQLite file, append-only."""

from vistoria.ledger._ledger import Ledger
from vistoria.ledger._reading import Field, Summary
from vistoria.ledger._runs import Outcome, Run, RunSpec, RunState

__all__ = ["Field", "Ledger", "Outcome", "Run", "RunSpec", "RunState", "Summary"]
