"""The record of everything asked and answered: one SQLite file, append-only."""

from vistoria.ledger._arrivals import Arrived, Stray
from vistoria.ledger._calls import Call, Refusal
from vistoria.ledger._costs import Costs
from vistoria.ledger._decisions import Certificate
from vistoria.ledger._evidence import Past, Scope
from vistoria.ledger._jobs import Job, JobRow, Jobs, OpenRow, Settled
from vistoria.ledger._ledger import Ledger
from vistoria.ledger._news import News
from vistoria.ledger._reading import Field, Summary
from vistoria.ledger._repeats import Repeat
from vistoria.ledger._reviews import Reviews
from vistoria.ledger._runs import Run, RunSpec
from vistoria.ledger._samples import (
    Method,
    Purpose,
    Sample,
    SampledUnit,
    SampleSpec,
    Sheet,
    Unit,
)
from vistoria.ledger._sessions import Outcome, RunState

__all__ = [
    "Arrived",
    "Call",
    "Certificate",
    "Costs",
    "Field",
    "Job",
    "JobRow",
    "Jobs",
    "Ledger",
    "Method",
    "News",
    "OpenRow",
    "Outcome",
    "Past",
    "Purpose",
    "Refusal",
    "Repeat",
    "Reviews",
    "Run",
    "RunSpec",
    "RunState",
    "Sample",
    "SampleSpec",
    "SampledUnit",
    "Scope",
    "Settled",
    "Sheet",
    "Stray",
    "Summary",
    "Unit",
]
