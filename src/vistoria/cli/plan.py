"""Say what a run would take, before anything is spent.

Takes what `vistoria run` takes. Reads the source; says how many observations there are, how many
are done, and what the rest will take in money, tokens and time, what share to expect to fail, and
how far the budget goes. Rests on answers to the same question that the ledger has, else on rules.

--pilot N really asks N observations first, the same ones each time, from each type of asset its
share. Their answers are part of the run, which does not ask them again.

Examples:
    vistoria plan table.parquet --task utility_pole --model gemini:gemini-3.5-flash-lite
    vistoria plan table.parquet --pilot 50 --budget "25 USD"
    vistoria plan --pilot 50 --json
"""

from dataclasses import replace
from typing import Any

import click
import numpy as np

from vistoria.cli import _settings
from vistoria.cli._command import Command
from vistoria.cli._errors import FAILED, INTERRUPTED
from vistoria.cli._forecast import forecast_document, forecast_facts
from vistoria.cli._talk import as_json, note, put_facts, put_json, quiet
from vistoria.cli._work import planned, work
from vistoria.engine import Choice, Forecast, Plan
from vistoria.job import Job
from vistoria.ledger import Ledger
from vistoria.progress import Display


@click.command("plan", cls=Command, help=__doc__)
@_settings.everything
@_settings.only
@click.option("--pilot", type=click.IntRange(2), metavar="N", help="Ask N observations first.")
@_settings.display
@quiet
@as_json
@click.pass_context
def command(context: click.Context, /, **given: Any) -> None:
    """See the top of this file."""
    project, count, display = _settings.load(context), given["pilot"], given["display"]
    choice = Choice.parse(given["only"])
    with planned(project, choice, display) as (job, ledger, plan):
        if count is None:
            found, code = job.forecast(plan, ledger), 0
        else:
            found, code = _with_pilot(job, ledger, plan, count, display)
    if given["as_json"]:
        put_json(_document(found, job))
    else:
        put_facts(forecast_facts(found, job.limits))
    context.exit(code)


def _with_pilot(
    job: Job, ledger: Ledger, plan: Plan, count: int, display: Display
) -> tuple[Forecast, int]:
    """Asks a pilot; what the rest will take, and the exit code."""
    chosen = job.pilot(plan, ledger, count)
    report = work(replace(job, batch=None), ledger, plan.only(chosen), display).report
    if report.outcome != "finished":
        note("pilot", report.stopped_by or report.outcome, fg="yellow")
    asked = [past.ordinal for group in plan.groups for past in ledger.past(group.question_id)]
    left = plan.without(np.intersect1d(chosen, asked))
    codes = {"finished": 0, "interrupted": INTERRUPTED}
    return job.forecast(left, ledger, chosen), codes.get(report.outcome, FAILED)


def _document(found: Forecast, job: Job) -> dict[str, Any]:
    named = {"source": job.source.address, "task": job.ask.task.name, "model": job.ask.model.name}
    return named | forecast_document(found, job.limits)
