"""Compare models with what people decided: accuracy, cost and speed.

Each MODEL is asked about the rows of a reviewed sample that it has not answered yet, and judged
against the decisions, one field at a time, with exact 95 % limits; further models are compared with
the first one on the same rows. A student is judged only on rows that it cannot have learned from.
Without MODEL the run's own is judged. --picture draws accuracy against cost: .svg .png .pdf .html.

Examples:
    vistoria evaluate
    vistoria evaluate gemini:gemini-3.5-flash-lite onnx:student.onnx --sample 2
    vistoria evaluate onnx:street onnx:student.onnx --picture models.svg --field material
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from vistoria.cli import _settings
from vistoria.cli._command import Command
from vistoria.cli._student import fields, share, task_of
from vistoria.cli._talk import (
    as_json,
    note,
    put_facts,
    put_json,
    put_table,
    quiet,
    say,
    warnings_shown,
)
from vistoria.cli._work import confirm, work
from vistoria.engine import plan_part
from vistoria.job import open_job
from vistoria.ledger import Ledger, Run, Sample
from vistoria.pricing import format_money
from vistoria.project import Project
from vistoria.result import shown
from vistoria.task import Task

if TYPE_CHECKING:
    from vistoria.student.evaluation import Evaluation


@click.command("evaluate", cls=Command, help=__doc__)
@click.argument("models", nargs=-1, metavar="[MODEL]...")
@click.option("--sample", "number", type=int, metavar="N",
              help="A reviewed sample by number [default: the last, but for pairs].")  # fmt: skip
@click.option("--picture", type=click.Path(path_type=Path), metavar="FILE",
              help="Accuracy against cost of the models, for one field.")  # fmt: skip
@click.option("--field", "shown_field", metavar="NAME", help="The field of the picture.")
@fields
@_settings.task
@_settings.option
@_settings.spending
@_settings.ledger
@_settings.project
@click.option("--yes", is_flag=True, envvar="VISTORIA_YES", help="Do not ask before a large run.")
@_settings.display
@quiet
@as_json
@click.pass_context
def command(context: click.Context, /, models: Sequence[str], as_json: bool, **given: Any) -> None:
    """See the top of this file."""
    project = _settings.load(context)
    with warnings_shown(), Ledger(project.run.ledger, create=False) as ledger:
        sample = ledger.reviews.sample(given["number"] or _last(ledger))
        run = ledger.run(sample.run_id)
        task = task_of(project, ledger, run, given["fields"])
        note("sample", f"{sample.sample_id}: {sample.method}, for {sample.purpose}, of {run.model}")
        found = list(_evaluations(context, ledger, sample, run, task, models, given))
    if path := given["picture"]:
        from vistoria.student.picture import draw  # noqa: PLC0415 - heavy

        draw(found, given["shown_field"] or next(iter(found[0].fields)), path)
        say(f"accuracy against cost in {shown(path)}")
    if as_json:
        put_json([_document(one, found[0]) for one in found])
        return
    for number, one in enumerate(found):
        if number:
            click.echo()
        put_facts(_facts(one))
        rows = [_row(*scored) for scored in _document(one, found[0])["fields"].items()]
        put_table(_COLUMNS, rows, aligned=True)


def _last(ledger: Ledger) -> int | None:
    """The newest sample that says how right a model is; None leaves the complaint to the ledger."""
    numbers = [one.sample_id for one in ledger.reviews.samples() if one.unit != "pair"]
    return max(numbers, default=None)


def _evaluations(
    context: click.Context, ledger: Ledger, sample: Sample, run: Run, task: Task,
    models: Sequence[str], given: Any,
) -> Iterator["Evaluation"]:  # fmt: skip
    from vistoria.student.evaluation import evaluate, unseen_units  # noqa: PLC0415

    for name in models or (run.model,):
        units, left_out = unseen_units(ledger, sample, name)
        answering = _Answering(run)
        if name != run.model:
            project = _settings.load(
                context, flags={"model.name": name, "source.address": run.source}
            )
            answering = _ask(project, ledger, run, task, units, given)
        found = evaluate(ledger, sample, task, answering.run, units, answering.unanswerable)
        yield replace(found, left_out=left_out, rate=answering.rate)


class _Answering(NamedTuple):
    """The run that holds a model's answers, images per second where it had to be asked, and the
    fields that it cannot answer."""

    run: Run
    rate: float | None = None
    unanswerable: tuple[str, ...] = ()


def _ask(
    project: Project, ledger: Ledger, run: Run, task: Task, units: Any, given: Any
) -> _Answering:
    """Has another model answer the rows of a sample."""
    import numpy as np  # noqa: PLC0415

    from vistoria.student.evaluation import sample_ordinals  # noqa: PLC0415

    job = open_job(project, task)
    plan = plan_part(ledger, run, job.ask, np.array(sample_ordinals(units), np.int64))
    note("model", f"{job.ask.model.name}: {plan.pending:,} of {plan.total:,} rows to ask")
    if not plan.pending:
        return _Answering(plan.run, None, plan.unanswerable)
    if not given["yes"]:
        confirm(job, ledger, plan, project.run)
    result = work(job, ledger, plan, given["display"])
    ledger.flush()
    report = result.report
    rate = report.answered / report.seconds if report.seconds else None
    return _Answering(plan.run, rate, plan.unanswerable)


def _document(one: "Evaluation", first: "Evaluation") -> dict[str, Any]:
    """As JSON values, with how it compares with the first model."""
    from vistoria.student.evaluation import compared  # noqa: PLC0415

    document = one.document()
    for name in one.fields if one is not first else ():
        if pair := compared(one, first, name):
            gain = pair.difference
            document["fields"][name]["against_first"] = {
                "model": first.model, "difference": gain.estimate, "low": gain.low,
                "high": gain.high, "p_value": pair.p_value,
            }  # fmt: skip
    return document


def _facts(one: "Evaluation") -> Iterator[tuple[str, str]]:
    yield "model", one.model
    yield "answered", f"{one.answered:,} of {one.units:,} units"
    if one.left_out:
        yield "left out", f"{one.left_out:,} units that it may have learned from"
    if one.unanswerable:
        yield "not asked", f"{', '.join(one.unanswerable)}: it does not answer them"
    yield "1,000 images", "price unknown" if one.cost is None else format_money(one.cost)
    if one.rate is not None:
        yield "speed", f"{one.rate:.3g} images/s"


_COLUMNS = ("field", "units", "accuracy", "worst recall", "ECE", "against the first")


def _row(name: str, scored: dict[str, Any]) -> Sequence[object]:
    recalls = {key: row["recall"] for key, row in scored["classes"].items()}
    worst = min(recalls, key=lambda key: recalls[key]["estimate"] or 0, default=None)
    return (
        name, scored["units"],
        share(scored["accuracy"]) if scored["accuracy"] else f"{scored['share_right']:.3f}",
        f"{worst} {recalls[worst]['estimate']:.2f}" if worst else "",
        "" if scored["calibration_error"] is None else f"{scored['calibration_error']:.3f}",
        _against(scored.get("against_first")),
    )  # fmt: skip


def _against(gain: dict[str, Any] | None) -> str:
    if gain is None:
        return ""
    return f"{gain['difference']:+.3f} ({gain['low']:+.3f} … {gain['high']:+.3f})"
