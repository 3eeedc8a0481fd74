"""Runs a task over a source: plan what is missing, ask, record. Knows no screen and no provider."""

from vistoria.engine.batch import BatchSettings, batches_of, work_in_batches
from vistoria.engine.binomial import Share
from vistoria.engine.forecast import Average, Forecast, average, forecast
from vistoria.engine.loading import Load
from vistoria.engine.local import Limits, Report, work_through
from vistoria.engine.pilot import draw
from vistoria.engine.plan import Ask, Choice, Plan, make_plan, plan_part, plan_to_come
from vistoria.engine.sizing import Difference, Size, acceptable, differences, sizes
from vistoria.engine.standing import Standing
from vistoria.engine.versions import others

__all__ = [
    "Ask",
    "Average",
    "BatchSettings",
    "Choice",
    "Difference",
    "Forecast",
    "Limits",
    "Load",
    "Plan",
    "Report",
    "Share",
    "Size",
    "Standing",
    "acceptable",
    "average",
    "batches_of",
    "differences",
    "draw",
    "forecast",
    "make_plan",
    "others",
    "plan_part",
    "plan_to_come",
    "sizes",
    "work_in_batches",
    "work_through",
]
