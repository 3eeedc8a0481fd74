"""Runs a task over a source: plan what is missing, ask, record. Knows no screen and no provider."""

from vistoria.engine.binomial import Share
from vistoria.engine.forecast import Forecast, forecast
from vistoria.engine.loading import Load
from vistoria.engine.local import Limits, Report, work_through
from vistoria.engine.pilot import draw
from vistoria.engine.plan import Ask, Choice, Plan, make_plan

__all__ = [
    "Ask",
    "Choice",
    "Forecast",
    "Limits",
    "Load",
    "Plan",
    "Report",
    "Share",
    "draw",
    "forecast",
    "make_plan",
    "work_through",
]
