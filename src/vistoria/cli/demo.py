"""Draw a small town, label its photos, and show how right that is.

FOLDER (default: demo) gets the photos, a database like that of Street View Insights, a project
file, the labels and a report. As the truth is known here, the report shows how far off the
machine's counts are, and how counts corrected by a reviewed sample hold the truth; the reviewer is
simulated. A small model of your own is trained on the labels, and how many photos it may answer
alone is certified. Nothing leaves this machine, unless --model names a service. Where the town is
drawn already only what is missing is done.

Examples:
    vistoria demo
    vistoria demo small --assets 40
    vistoria demo --model gemini:gemini-3.5-flash-lite
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import pyarrow as pa
import pyarrow.parquet as pq

from vistoria.cli import _settings
from vistoria.cli._accuracy import Score, score
from vistoria.cli._command import Command
from vistoria.cli._counts import count_fields
from vistoria.cli._drawing import draw_town
from vistoria.cli._ending import exit_code, show_ending
from vistoria.cli._keeping import Kept, keep
from vistoria.cli._sheet import SHOWN_WRONG, tiles
from vistoria.cli._talk import as_json, note, put_facts, put_json, put_table, quiet, say
from vistoria.cli._teaching import teach
from vistoria.cli._work import confirm, planned, work
from vistoria.cli._writing import format_of, write
from vistoria.cli.init import project_file
from vistoria.engine import Choice
from vistoria.ledger import Ledger
from vistoria.opening import open_task
from vistoria.project import FILE_NAME
from vistoria.report import Report
from vistoria.result import Result, shown
from vistoria.task import Task

_TABLE = "cropped_observations_all"
_FILES = ("labels.parquet", "labels.csv")
_SHEET = "contact-sheet.png"
_PAGE = "report.html"
_STUDENT = "student.onnx"


@click.command("demo", cls=Command, help=__doc__)
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path), default="demo")
@click.option("--assets", default=200, metavar="N", help="Poles, signs and covers [default: 200].")
@click.option("--seed", default=7, metavar="N", help="Another seed, another town [default: 7].")
@_settings.model
@_settings.option
@quiet
@as_json
@click.pass_context
def command(context: click.Context, /, folder: Path, assets: int, seed: int, as_json: bool) -> None:
    """See the top of this file."""
    draw_town(folder, assets=assets, seed=seed)
    file = folder / FILE_NAME
    if not file.exists():
        file.write_text(project_file("town.duckdb", "street_asset", "onnx:street", table=_TABLE))
    project = _settings.load(context, file)
    with planned(project, Choice(), "auto") as (job, ledger, plan):
        confirm(job, ledger, plan, project.run)
        result = work(job, ledger, plan, "auto")
    show_ending(result, ())
    _show(folder, result, open_task(project), as_json=as_json)
    context.exit(exit_code(result))


def _show(folder: Path, result: Result, task: Task, *, as_json: bool) -> None:
    with Ledger(result.ledger, create=False) as ledger:
        run = result.summary.run
        schema, batches = ledger.schema(run), list(ledger.batches(run))
        counts = count_fields(ledger.fields(run.question_id), batches)
    for name in _FILES:
        write(folder / name, format_of(name), schema, batches)
    labels = pa.Table.from_batches(batches, schema).to_pylist()
    known = pq.read_table(folder / "truth.parquet").to_pylist()
    truth = {row["observation_id"]: row for row in known}
    fields = [count.name for count in counts if count.name in known[0]]
    scores = score(fields, labels, truth)
    _write_sheet(folder / _SHEET, fields, labels, truth)
    report = teach(folder, result.ledger, run, task, folder / _PAGE)
    kept = keep(folder / _STUDENT, result.ledger, run, task)
    if as_json:
        more = {"accuracy": [one.document() for one in scores], "report": report.document()}
        put_json(result.document() | more | {"student": kept.document()})
        return
    click.echo()
    put_facts((count.name, str(count)) for count in counts)
    click.echo()
    put_table(_COLUMNS, [_row(one) for one in scores], aligned=True)
    bad = sum(row["bad_view"] for row in known)
    say(f"\nclear: without the {bad:,} bad views, which a person could misread too")
    _where(folder, report, kept)


_COLUMNS = ("field", "photos", "right", "%", "clear", "right of clear", "% of clear")


def _row(one: Score) -> Sequence[Any]:
    return (
        one.field, one.total, one.right, _percent(one.right, one.total),
        one.clear, one.clear_right, _percent(one.clear_right, one.clear),
    )  # fmt: skip


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f}" if whole else ""


def _write_sheet(path: Path, fields: Sequence[str], labels: Any, truth: Any) -> None:
    from vistoria.street.sheet import contact_sheet  # noqa: PLC0415 - of the extra `demo`

    shown_ones = list(tiles(fields, labels, truth))
    if shown_ones:
        contact_sheet(shown_ones).save(path)


def _where(folder: Path, report: Report, kept: Kept) -> None:
    say()
    note("report", f"{shown(folder / _PAGE)}: open it in a browser")
    if known := report.taught:
        note("", f"of {known.counts} counts the machine's own is right in {known.machine_right}; "
             f"the corrected interval holds the truth in {known.held}")  # fmt: skip
    note("student", f"{shown(folder / _STUDENT)}: {kept}" if kept.shown else str(kept))
    note("labels", ", ".join(shown(folder / name) for name in _FILES))
    note("look at", f"{shown(folder / _SHEET)}: {SHOWN_WRONG} photos there were picked as wrong")
    note("town", f"{shown(folder)}: images, town.duckdb, truth.parquet, {FILE_NAME}")
    steps = [
        "vistoria status",
        "vistoria report         # of your own runs; --help: PDF, map, JSON",
        "vistoria run            # the same again: nothing is left to ask",
        "vistoria run --where \"asset_type LIKE '%POLE'\" --task utility_pole",
        "vistoria sources town.duckdb --table cropped_observations_latest",
    ]
    if kept.shown and kept.shown.kept:
        steps.append(f"vistoria run --model cascade:{_STUDENT},onnx:street   # the student first")
    if folder.resolve() != Path.cwd():
        steps.insert(0, f"cd {shown(folder)}")
    for number, step in enumerate(steps):
        say(
            click.style(f"  {'' if number else 'next':<10}", dim=True)
            + click.style(step, fg="cyan")
        )
