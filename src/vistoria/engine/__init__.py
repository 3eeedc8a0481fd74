"""Runs a task over a source: plan what is missing, ask, record. Knows no screen and no provider."""

from vistoria.engine.loading import Load
from vistoria.engine.local import Limits, Report, work_through
from vistoria.engine.plan import Ask, Choice, Plan, make_plan

__all__ = ["Ask", "Choice", "Limits", "Load", "Plan", "Report", "make_plan", "work_through"]
