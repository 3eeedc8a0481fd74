"""Certify from which confidence on a student may answer without its teacher.

Draws rows at random from the whole source, less those that STUDENT learned from, has the teacher
answer them, and finds the threshold at which a promise holds: "at least 95 % of all answers are
what the teacher would say, with 95 % confidence" (--target, --confidence). With --people N it is
what people said about calibration sample N. The thresholds are written beside the student; then
--model cascade:STUDENT.onnx,TEACHER answers easy rows here and sends on the others.

Certify again for another teacher version, region or snapshot. Rare classes are under-counted by any
cascade: take counts from a reviewed sample.

Examples:
    vistoria cascade student.onnx --teacher gemini:gemini-3.5-flash-lite
    vistoria cascade student.onnx table.parquet --rows 3000 --class material=steel
    vistoria cascade student.onnx --people 4 --target 0.97
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vistoria import opening
from vistoria.cli import _settings
from vistoria.cli._command import Command
from vistoria.cli._student import fields, progress, task_of
from vistoria.cli._talk import as_json, note, put_facts, put_json, quiet, warnings_shown
from vistoria.cli._work import confirm, planned, work
from vistoria.engine import Choice, Plan
from vistoria.errors import UserError
from vistoria.job import Job
from vistoria.ledger import Ledger
from vistoria.pricing import format_money
from vistoria.project import Project
from vistoria.result import shown
from vistoria.task import Task

if TYPE_CHECKING:
    from vistoria.models.onnx import OnnxModel
    from vistoria.student.certify import Certified, Compared, Goal


@click.command("cascade", cls=Command, help=__doc__)
@click.argument("student", type=click.Path(path_type=Path), metavar="STUDENT.onnx")
@_settings.source
@click.option("--teacher", metavar="PROVIDER:NAME", help="Who answers the rest [default: its own].")
@click.option("--rows", type=click.IntRange(60), default=1000, metavar="N",
              help="Rows to draw [default: 1000].")  # fmt: skip
@click.option("--target", type=click.FloatRange(0.5, 0.9999), default=0.95, metavar="SHARE",
              help="The agreement to promise [default: 0.95].")  # fmt: skip
@click.option("--confidence", type=click.FloatRange(0.5, 0.9999), default=0.95, metavar="SHARE",
              help="How surely [default: 0.95].")  # fmt: skip
@click.option("--selective", is_flag=True, help="Promise it of the student's own answers alone.")
@click.option("--class", "classes", multiple=True, metavar="FIELD=CLASS",
              help="Promise it of this class's answers besides; may be repeated.")  # fmt: skip
@click.option("--people", type=int, metavar="N", help="Against people, on calibration sample N.")
@click.option("--audit", type=click.FloatRange(0, 1), default=0.02, metavar="SHARE",
              help="Kept answers asked again, to notice drift [default: 0.02].")  # fmt: skip
@click.option("--seed", type=int, default=0, metavar="N", help="Another seed, other rows.")
@fields
@_settings.task
@_settings.option
@_settings.table
@_settings.spending
@_settings.ledger
@_settings.project
@click.option("--yes", is_flag=True, envvar="VISTORIA_YES", help="Do not ask before a large run.")
@_settings.display
@quiet
@as_json
@click.pass_context
def command(context: click.Context, /, student: Path, as_json: bool, **given: Any) -> None:
    """See the top of this file."""
    from vistoria.models.onnx import open_model  # noqa: PLC0415 - heavy
    from vistoria.student.calibration import described  # noqa: PLC0415

    about = described(student)
    model = open_model(str(student), {})
    project = _project(context, about, given)
    if given["people"] is not None:
        document = _by_people(project, model, about, student, given)
    else:
        document = _by_teacher(project, model, about, student, given)
    if as_json:
        put_json(document)
    else:
        put_facts(_facts(document))
    context.exit(0 if document["certified"] else 1)


def _project(context: click.Context, about: Mapping[str, Any], given: Mapping[str, Any]) -> Project:
    flags = {"model.name": given["teacher"] or about["teacher"]["model"]}
    project = _settings.load(context, flags=flags)
    if project.source.address is None:
        with Ledger(project.run.ledger, create=False) as ledger:
            flags["source.address"] = ledger.run(about["rows"]["run"]).source
        project = _settings.load(context, flags=flags)
    return project


def _task(project: Project, about: Mapping[str, Any], only: str | None, model: Any) -> Task:
    """The fields that the student was taught, of the project's task or of its own."""
    with Ledger(project.run.ledger, create=False) as ledger:
        task = task_of(project, ledger, ledger.run(about["rows"]["run"]), only)
    missing = model.unanswerable(task)
    if left := [one.name for one in task.fields if one.name not in missing]:
        return task.only(left)
    raise UserError(f"{model.name!r} answers none of the fields of task {task.name!r}")


def _by_teacher(
    project: Project, model: "OnnxModel", about: Mapping[str, Any], file: Path,
    given: Mapping[str, Any],
) -> dict[str, Any]:  # fmt: skip
    from vistoria.student.calibration import compare_with_teacher, draw_rows  # noqa: PLC0415

    task = _task(project, about, given["fields"], model)
    named = project.model_copy(
        update={
            "task": project.task.model_copy(update={"fields": tuple(f.name for f in task.fields)})
        }
    )
    with planned(named, Choice(), given["display"]) as (job, ledger, plan):
        drawn = draw_rows(ledger, plan.run, about, task, given["rows"], given["seed"])
        note("rows", f"{len(drawn[0]):,} drawn at random from {drawn[1]:,} that it did not learn")
        part = plan.only(drawn[0])
        if not given["yes"]:
            confirm(job, ledger, part, project.run)
        if part.pending:
            work(job, ledger, part, given["display"])
            ledger.flush()
        compared, versions, lost = compare_with_teacher(
            ledger, model, plan.run, task, job.load, drawn, progress()
        )
        found = _certified(compared, task, given, model, job.ask.model.name, versions, file)
        return _document(file, job.ask.model.name, found, given, lost) | _money(
            job, ledger, plan, found
        )


def _by_people(
    project: Project, model: "OnnxModel", about: Mapping[str, Any], file: Path,
    given: Mapping[str, Any],
) -> dict[str, Any]:  # fmt: skip
    from vistoria.student.calibration import compare_with_people  # noqa: PLC0415

    task = _task(project, about, given["fields"], model)
    teacher = opening.open_model(project).name
    with warnings_shown(), Ledger(project.run.ledger, create=False) as ledger:
        sample = ledger.reviews.sample(given["people"])
        load = opening.open_images(project)
        compared = compare_with_people(ledger, model, sample, task, load, progress())
        found = _certified(compared, task, given, model, teacher, (), file)
        if found.rule is not None:
            ledger.reviews.note_use(sample, "cascade thresholds")
    return _document(file, teacher, found, given, 0)


def _certified(
    compared: "Compared", task: Task, given: Mapping[str, Any], model: "OnnxModel", teacher: str,
    versions: Sequence[str], file: Path,
) -> "Certified":  # fmt: skip
    from vistoria.models.cascade import thresholds_of  # noqa: PLC0415
    from vistoria.student.certify import certify  # noqa: PLC0415

    found = certify(
        compared, task, _goal(given), student=model.version, teacher=teacher, versions=versions,
        tolerances=model.tolerances,
    )  # fmt: skip
    if found.rule is not None:
        found.rule.write(thresholds_of(file))
    return found


def _goal(given: Mapping[str, Any]) -> "Goal":
    from vistoria.student.certify import Goal  # noqa: PLC0415

    named = [text.partition("=") for text in given["classes"]]
    if wrong := [name for name, equals, _ in named if not equals]:
        raise UserError(f"--class {wrong[0]!r} is not of the form FIELD=CLASS")
    return Goal(
        target=given["target"], confidence=given["confidence"], audit=given["audit"],
        guarantee="selective" if given["selective"] else "overall",
        against="teacher" if given["people"] is None else "people",
        classes=tuple((name, value) for name, _, value in named),
    )  # fmt: skip


def _document(
    file: Path, teacher: str, found: "Certified", given: Mapping[str, Any], lost: int
) -> dict[str, Any]:
    from vistoria.models.cascade import thresholds_of  # noqa: PLC0415

    rule = found.rule
    return {
        "certified": rule is not None, "why": found.why, "student": str(file), "teacher": teacher,
        "target": given["target"], "confidence": given["confidence"],
        "against": "teacher" if given["people"] is None else "people",
        "promise": "of the student's own answers" if given["selective"] else "of all answers",
        "threshold": None if rule is None else rule.threshold,
        "classes": {} if rule is None else {k: dict(v) for k, v in rule.classes.items()},
        "kept_here": round(found.kept.estimate or 0.0, 4),
        "kept_limits": [round(found.kept.low, 4), round(found.kept.high, 4)],
        "agreement_in_sample": {k: round(v, 4) for k, v in found.agreement.items()},
        "rows": None if rule is None else rule.certificate["rows"],
        "teacher_failed": lost,
        "thresholds": None if rule is None else str(thresholds_of(file)),
    }  # fmt: skip


def _money(job: Job, ledger: Ledger, plan: Plan, found: "Certified") -> dict[str, Any]:
    """What the cascade is expected to spare on the rows that are still to be asked."""
    spent = ledger.costs(plan.run).spent
    left = max(0, plan.pending - (found.rule.certificate["rows"] if found.rule else 0))
    calls = round(left * job.ask.model.capabilities.handed_over * (1 - (found.kept.estimate or 0)))
    known = spent.money is not None and spent.requests
    each = spent.money // spent.requests if known and spent.money is not None else None
    saved = None if each is None else each * (left - calls)
    return {
        "rows_left": left, "teacher_calls_expected": calls,
        "money_saved_expected": None if saved is None else format_money(saved),
        "calibration_spent": format_money(spent.money),
    }  # fmt: skip


def _facts(document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    who = "people say" if document["against"] == "people" else f"{document['teacher']} says"
    promise = (
        f"at least {document['target']:.1%} {document['promise']} are what {who}, with "
        f"{document['confidence']:.1%} confidence"
    )
    if not document["certified"]:
        yield "not certified", f"{promise}: {document['why']}"
        return
    yield "certified", f"{promise}; in each field, on {document['rows']:,} rows"
    low, high = document["kept_limits"]
    yield "answers here", f"{document['kept_here']:.1%} of rows (95 %: {low:.1%} … {high:.1%})"
    for name, limits in document["classes"].items():
        for key, value in limits.items():
            said = "never answered here" if value > 1 else f"from a score of {value:.3f}"
            yield f"{name} = {key}", said
    if left := document.get("rows_left"):
        saved = document["money_saved_expected"]
        worth = f"; saves about {saved}" if saved else ""
        calls = document["teacher_calls_expected"]
        yield "teacher calls", f"{calls:,} expected for {left:,} rows left{worth}"
    yield "thresholds", shown(Path(document["thresholds"]))
    yield "counts", "rare classes are under-counted by a cascade: take counts from a sample"
    yield "next", f"vistoria run --model cascade:{document['student']},{document['teacher']}"
