"""The record of everything asked and answered: one SQLite file, append-only."""

from vistoria.ledger._calls import Call, Refusal
from vistoria.ledger._costs import Costs
from vistoria.ledger._evidence import Past, Scope
from vistoria.ledger._ledger import Ledger
from vistoria.ledger._reading import Field, Summary
from vistoria.ledger._runs import Run, RunSpec
from vistoria.ledger._sessions import Outcome, RunState

__all__ = [
    "Call",
    "Costs",
    "Field",
    "Ledger",
    "Outcome",
    "Past",
    "Refusal",
    "Run",
    "RunSpec",
    "RunState",
    "Scope",
    "Summary",
]
