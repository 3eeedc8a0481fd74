"""Show the batch jobs of a ledger, collect what they have answered, or cancel them.

Jobs that `vistoria run --batch` submitted go on without it. The same run command collects them and
asks what is left; --collect only collects, without new jobs. --cancel ends them early at the
service and collects what was answered, and billed, by then.

--collect and --cancel take the settings of the run: source, task and model.

Examples:
    vistoria jobs
    vistoria jobs --json
    vistoria jobs --collect
    vistoria jobs --cancel
"""

from dataclasses import replace
from typing import Any

import anyio
import click

from vistoria.cli import _settings
from vistoria.cli._command import Command
from vistoria.cli._ending import exit_code, show_ending
from vistoria.cli._talk import as_json, note, put_json, put_table, quiet
from vistoria.cli._work import planned, work
from vistoria.engine import BatchSettings, Choice, batches_of
from vistoria.ledger import Job, Jobs, Ledger
from vistoria.models import Model
from vistoria.progress import Display
from vistoria.result import job_document

_COLUMNS = ("job", "run", "rows", "done", "state", "made", "")


@click.command("jobs", cls=Command, help=__doc__)
@click.option("--run", "number", type=int, metavar="N", help="Only those of a run.")
@click.option("--collect", is_flag=True, help="Collect what is answered; make no new jobs.")
@click.option("--cancel", is_flag=True, help="End them early, and collect what is answered.")
@_settings.source
@_settings.asking
@_settings.table
@_settings.rows
@_settings.images
@_settings.ledger
@_settings.project
@_settings.display
@quiet
@as_json
@click.pass_context
def command(context: click.Context, /, **given: Any) -> None:
    """See the top of this file."""
    if given["collect"] or given["cancel"]:
        _collect(context, given["display"], cancel=given["cancel"])
        return
    with Ledger(_settings.load(context).run.ledger, create=False) as ledger:
        jobs = ledger.jobs.all(given["number"])
    if given["as_json"]:
        put_json([job_document(job) for job in jobs])
    elif jobs:
        put_table(_COLUMNS, [_row(job) for job in jobs])
    else:
        note("jobs", "none; `vistoria run --batch` makes some")


def _row(job: Job) -> tuple[object, ...]:
    found = job_document(job)
    state = found["state"] if job.live else f"{found['state']}, collected"
    done = "" if job.done_rows is None else job.done_rows
    made = job.made_at[:16].replace("T", " ")
    return job.name, job.run_id, job.rows, done, state, made, job.detail or ""


def _collect(context: click.Context, display: Display, *, cancel: bool) -> None:
    """Waits for jobs that were cancelled, since they end soon; else takes what is there."""
    with planned(_settings.load(context), Choice(), display) as (job, ledger, plan):
        how = job.batch or BatchSettings(limits=job.limits)
        if cancel:
            count = anyio.run(_cancel, job.ask.model, ledger.jobs)
            note("cancelled", f"{count:,} batch jobs; what they answered is billed and kept")
        how = replace(how, submit=False, wait=cancel, poll=min(how.poll, 5.0))
        result = work(replace(job, batch=how), ledger, plan, display)
    show_ending(result)
    context.exit(0 if cancel else exit_code(result))


async def _cancel(model: Model, jobs: Jobs) -> int:
    """How many there were; those that were never submitted are given up."""
    live, batches = jobs.all(live=True), batches_of(model)
    with jobs.alone():
        for job in live:
            known = job.resource
            if known is None and (found := await batches.find(job.name)):
                known = found.resource
            if known is None:
                jobs.drop(job)
            else:
                await batches.cancel(known)
    await model.aclose()
    return len(live)
