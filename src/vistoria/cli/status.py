"""Show where runs stand, also while one is at work.

Without --run: a table of all runs when there are several, then the one worked on last in detail:
answered, failed by reason, tokens, cost, calls in flight, batch jobs, and how often each field has
which value. With --json also the cost of each field (each call is paid for in equal parts by the
fields that it asked) and of all runs of the same model and task.

Examples:
    vistoria status
    vistoria status --run 2 --json
    watch vistoria status
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import click

from vistoria.cli import _settings
from vistoria.cli._command import Command
from vistoria.cli._counts import FieldCount, count_fields
from vistoria.cli._talk import as_json, put_facts, put_json, put_table
from vistoria.ledger import Costs, Job, Ledger, Run, RunState, Summary
from vistoria.pricing import Spend, format_money
from vistoria.result import (
    answered_facts,
    cost_document,
    cost_facts,
    job_document,
    reasons,
    shown,
    usd,
    version_facts,
)


class _Standing(NamedTuple):
    """A run and where it stands."""

    run: Run
    state: RunState
    summary: Summary
    costs: Costs
    cost_document: Mapping[str, Any]
    jobs: tuple[Job, ...]


@click.command("status", cls=Command, help=__doc__)
@click.option("--run", "number", type=int, metavar="N", help="A run by number.")
@_settings.ledger
@_settings.project
@as_json
@click.pass_context
def command(context: click.Context, /, number: int | None, as_json: bool) -> None:
    """See the top of this file."""
    path = _settings.load(context).run.ledger
    with Ledger(path, create=False) as ledger:
        chosen = ledger.run(number)
        runs = (chosen,) if number is not None else ledger.runs()
        all_of_them = _standings(ledger, runs)
        counts = count_fields(ledger.fields(chosen.question_id), ledger.batches(chosen))
    if as_json:
        put_json([
            _document(one) | _fields(one, chosen, counts) for one in all_of_them
        ])  # fmt: skip
        return
    if len(all_of_them) > 1:
        put_table(_COLUMNS, [_row(one, runs) for one in all_of_them])
        click.echo()
    last = next(one for one in all_of_them if one.run == chosen)
    put_facts(_facts(last, counts, path))


_COLUMNS = (
    "run", "task", "model", "source", "total", "answered", "failed", "to ask", "cost", "state",
)  # fmt: skip


def _standings(ledger: Ledger, runs: Sequence[Run]) -> list[_Standing]:
    known = ledger.costs_of_all()
    every = [(run, known.get(run.run_id, Costs())) for run in ledger.runs()]
    found = []
    for run, costs in every:
        if run in runs:
            of_model = sum((c.spent for other, c in every if other.model == run.model), Spend())
            of_task = sum((c.spent for other, c in every if other.task == run.task), Spend())
            parts = {name: usd(share) for name, share in ledger.field_costs(run).items()}
            document = cost_document(costs) | {
                "usd_by_field": parts,
                "usd_of_model": usd(of_model.money),
                "usd_of_task": usd(of_task.money),
            }
            jobs = ledger.jobs.all(run.run_id)
            summary = ledger.summary(run)
            found.append(_Standing(run, ledger.state(run), summary, costs, document, jobs))
    return found


def _row(one: _Standing, runs: Sequence[Run]) -> tuple[object, ...]:
    run, summary = one.run, one.summary
    special = _special(run, runs)
    model = f"{run.model} ({', '.join(special)})" if special else run.model
    return (
        run.run_id, run.task, model, run.source, summary.total, summary.answered,
        sum(summary.failed.values()), summary.pending,
        format_money(one.costs.spent.money) if one.costs.spent.requests else "", one.state,
    )  # fmt: skip


def _special(run: Run, runs: Sequence[Run]) -> list[str]:
    """The settings that tell a run from others of the same task and model."""
    alike = [r.settings for r in runs if (r.task, r.model) == (run.task, run.model)]
    return [
        f"{name.rpartition('.')[2]} {value}"
        for name, value in run.settings.items()
        if any(other.get(name) != value for other in alike)
    ]


def _facts(one: _Standing, counts: Sequence[FieldCount], ledger: Path) -> Iterator[tuple[str, str]]:
    run, summary = one.run, one.summary
    yield f"run {run.run_id}", f"{run.task} by {run.model} on {run.source}"
    yield "state", f"{one.state}; begun {run.started_at[:19].replace('T', ' ')} UTC"
    shown_of = [
        f"{k} {v}" for k, v in run.selection.items() if k != "seed" or "sample" in run.selection
    ]
    if shown_of:
        yield "selection", ", ".join(shown_of)
    if set_to := [f"{name} {value}" for name, value in run.settings.items() if value]:
        yield "settings", ", ".join(set_to)
    yield "answered", f"{summary.answered:,} of {summary.total:,}"
    if summary.failed:
        yield "failed", reasons(summary.failed)
    if summary.pending:
        yield "to ask", f"{summary.pending:,}"
    if tokens := summary.input_tokens + summary.output_tokens:
        yield "tokens", f"{tokens:,} ({summary.input_tokens:,} in, {summary.output_tokens:,} out)"
    yield from cost_facts(one.costs)
    yield from _job_facts(one.jobs)
    yield from answered_facts(summary, one.costs)
    yield from version_facts(summary)
    yield "ledger", shown(ledger)
    yield "", ""
    for count in counts:
        yield count.name, str(count)


def _job_facts(jobs: Sequence[Job]) -> Iterator[tuple[str, str]]:
    """A line for each that goes on; of those that are done, how many."""
    if over := [job for job in jobs if not job.live]:
        yield "batch jobs", f"{len(over):,} done, {sum(job.rows for job in over):,} rows"
    for job in jobs:
        if job.live:
            done = f", {job.done_rows:,} done" if job.done_rows else ""
            said = job.said if job.state == "submitted" else "not submitted yet"
            yield "batch job", f"{job.name}: {said}, {job.rows:,} rows{done}"


def _document(one: _Standing) -> dict[str, Any]:
    run, summary = one.run, one.summary
    return {
        "run": run.run_id,
        "state": one.state,
        "source": run.source,
        "profile": run.profile,
        "selection": dict(run.selection),
        "task": run.task,
        "model": run.model,
        "settings": dict(run.settings),
        "model_versions": list(summary.model_versions),
        "answered_by": dict(summary.model_versions),
        "started_at": run.started_at,
        "total": summary.total,
        "answered": summary.answered,
        "failed": dict(summary.failed),
        "pending": summary.pending,
        "input_tokens": summary.input_tokens,
        "output_tokens": summary.output_tokens,
        "cost": one.cost_document,
        "jobs": [job_document(job) for job in one.jobs],
    }


def _fields(one: _Standing, chosen: Run, counts: Sequence[FieldCount]) -> dict[str, Any]:
    """Counts of the run shown in detail."""
    return {"fields": {c.name: c.document() for c in counts}} if one.run == chosen else {}
