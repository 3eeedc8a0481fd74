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
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vistoria.cli import _settings
from vistoria.cli._command import Command
from vistoria.cli._student import fields, share, task_of
from vistoria.cli._talk import as_json, note, put_json, put_table, quiet, say, warnings_shown
from vistoria.cli._work import confirm, work
from vistoria.engine import plan_part
from vistoria.job import open_job
from vistoria.ledger import Ledger, Run, Sample
from vistoria.project import Project
from vistoria.result import shown
from vistoria.task import Task

if TYPE_CHECKING:
    from vistoria.student.evaluation import Evaluation


@click.command("evaluate", cls=Command, help=__doc__)
@click.argument("models", nargs=-1, metavar="[MODEL]...")
@click.option("--sample", "number", type=int, metavar="N",
              help="A reviewed sample by number [default: the last].")  # fmt: skip
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
        sample = ledger.reviews.sample(given["number"])
        run = ledger.run(sample.run_id)
        task = task_of(project, ledger, run, given["fields"])
        note("sample", f"{sample.sample_id}: {sample.method}, for {sample.purpose}, of {run.model}")
        found = list(_evaluations(context, ledger, sample, run, task, models, given))
    if path := given["picture"]:
        from vistoria.student.picture import draw  # noqa: PLC0415 - heavy

        draw(found, given["shown_field"] or next(iter(found[0].fields)), path)
        say(f"accuracy against cost in {shown(path)}")
    if as_json:
        put_json([one.document() for one in found])
        return
    put_table(_COLUMNS, [row for one in found for row in _rows(one, found[0])], aligned=True)
    for one in found:
        if one.left_out:
            note("left out", f"{one.left_out:,} units that {one.model} may have learned from")


def _evaluations(
    context: click.Context, ledger: Ledger, sample: Sample, run: Run, task: Task,
    models: Sequence[str], given: Any,
) -> Iterator["Evaluation"]:  # fmt: skip
    from vistoria.student.evaluation import evaluate, unseen_units  # noqa: PLC0415

    for name in models or (run.model,):
        units, left_out = unseen_units(ledger, sample, name)
        mine, rate = run, None
        if name != run.model:
            project = _settings.load(
                context, flags={"model.name": name, "source.address": run.source}
            )
            mine, rate = _ask(project, ledger, run, task, units, given)
        yield evaluate(ledger, sample, task, mine, units=units, left_out=left_out, rate=rate)


def _ask(
    project: Project, ledger: Ledger, run: Run, task: Task, units: Any, given: Any
) -> tuple[Run, float | None]:
    """Has another model answer the rows of a sample; the run that holds its answers."""
    import numpy as np  # noqa: PLC0415

    from vistoria.student.evaluation import sample_ordinals  # noqa: PLC0415

    job = open_job(project, task)
    plan = plan_part(ledger, run, job.ask, np.array(sample_ordinals(units), np.int64))
    note("model", f"{job.ask.model.name}: {plan.pending:,} of {plan.total:,} rows to ask")
    if not plan.pending:
        return plan.run, None
    if not given["yes"]:
        confirm(job, ledger, plan, project.run)
    result = work(job, ledger, plan, given["display"])
    ledger.flush()
    report = result.report
    return plan.run, report.answered / report.seconds if report.seconds else None


_COLUMNS = (
    "model", "field", "units", "accuracy", "worst class recall", "ECE", "against the first",
    "cost of 1,000", "images/s",
)  # fmt: skip


def _rows(one: "Evaluation", first: "Evaluation") -> Iterator[Sequence[object]]:
    from vistoria.student.evaluation import compared  # noqa: PLC0415

    document = one.document()
    for name, scored in document["fields"].items():
        recalls = {key: row["recall"] for key, row in scored["classes"].items()}
        worst = min(recalls, key=lambda key: recalls[key]["estimate"] or 0, default=None)
        pair = compared(one, first, name) if one is not first else None
        yield (
            one.model, name, scored["units"],
            share(scored["accuracy"]) if scored["accuracy"] else f"{scored['share_right']:.3f}",
            f"{worst} {recalls[worst]['estimate']:.2f}" if worst else "",
            "" if scored["calibration_error"] is None else f"{scored['calibration_error']:.3f}",
            "" if pair is None else _against(pair),
            document["cost_per_1000"] or "unknown", document["images_per_second"] or "",
        )  # fmt: skip


def _against(pair: Any) -> str:
    gain = pair.difference
    return f"{gain.estimate:+.3f} ({gain.low:+.3f} … {gain.high:+.3f}), p {pair.p_value:.3f}"
