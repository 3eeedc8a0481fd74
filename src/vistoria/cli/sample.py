"""Draw photos or assets for people to review, and write them a sheet.

FOLDER gets sheet.csv, to be filled in with a spreadsheet, and page.html, to be filled in with a
browser; either is read back with `vistoria decide`. The sheet does not show what the machine said,
because who has seen it tends to agree. Without FOLDER: the samples there are.

A photo is set apart for one purpose for good: a fifth for development (choosing prompts, golden
sets), a fifth for calibration, three fifths for certification. Samples of 100 and more are spread
over what the machine said about --by, so that rare answers are looked at too; smaller ones, and
those of --simple, are drawn from all alike. --plan tells how many reviews are needed for what.

Examples:
    vistoria sample --plan --fields material
    vistoria sample review/ --fields material,leaning --size 300
    vistoria sample review/ --unit asset --snapshot 1f2e --size 200 --suspicious 0.25
    vistoria sample pairs/ --unit pair --between 1f2e,3a4b --changed material   # for a change list
    vistoria sample second/ --of 1          # sample 1 again, for a second reviewer
    vistoria sample more/ --extend 1 --size 100
    vistoria sample doubts/ --listed student.suspects.csv --size 40
"""

import csv
from pathlib import Path
from typing import Any

import click

from vistoria.cli import _settings
from vistoria.cli._command import Command
from vistoria.cli._reviewing import domain_of, needed, put_plan, put_samples, write_folder
from vistoria.cli._talk import as_json, note, put_json, quiet, say
from vistoria.errors import UserError
from vistoria.ledger import Ledger, Sample
from vistoria.opening import open_task
from vistoria.result import shown
from vistoria.review import Key, Wish, choose_sample, draw_sample, extend_sample
from vistoria.task import Task


@click.command("sample", cls=Command, help=__doc__)
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path), required=False)
@click.option("--plan", is_flag=True, help="Only tell how many reviews are needed for what.")
@click.option("--size", type=int, metavar="N", help="Reviews [default: 200].")
@click.option("--run", "number", type=int, metavar="N", help="A run by number [default: the last].")
@click.option(
    "--unit",
    type=click.Choice(["observation", "asset", "pair"]),
    default="observation",
    help="Photos, whole assets, or assets in two snapshots [default: observation].",
)
@click.option(
    "--purpose",
    type=click.Choice(["certification", "calibration", "development"]),
    default="certification",
    help="What it is drawn for [default: certification].",
)
@click.option(
    "--by",
    "by_field",
    metavar="FIELD",
    help="Spread over what the machine said about this field [default: the first].",
)
@click.option("--simple", is_flag=True, help="Spread over nothing: a simple random sample.")
@click.option(
    "--suspicious",
    type=click.FloatRange(0, 1),
    default=0.0,
    metavar="SHARE",
    help="Spend this share on what looks most likely wrong, e.g. 0.25.",
)
@click.option(
    "--draw-seed",
    "seed",
    type=int,
    default=0,
    metavar="N",
    help="Another seed, another sample [default: 0].",
)
@click.option("--snapshot", metavar="ID", help="Only this snapshot.")
@click.option("--between", metavar="A,B", help="Of pairs: the earlier and the later snapshot.")
@click.option("--changed", metavar="FIELD", help="Of pairs: only where its labels differ.")
@click.option("--asset-type", metavar="TYPE", help="Only this type of asset.")
@click.option("--region", metavar="W,S,E,N", help="Only what lies there, in degrees.")
@click.option("--of", "again", type=int, metavar="N", help="Another sheet of sample N.")
@click.option(
    "--listed",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE.csv",
    help="The first photos of a list with a column ordinal or observation_id, such as the doubtful "
    "labels of `vistoria train`; only those set apart for development; certifies nothing.",
)
@click.option("--extend", type=int, metavar="N", help="Draw --size more units of sample N.")
@click.option(
    "--conflicts",
    type=int,
    metavar="N",
    help="A sheet of what the reviewers of sample N disagree on, to adjudicate.",
)
@click.option(
    "--show-labels", is_flag=True, help="Show what the machine said; such reviews certify nothing."
)
@click.option(
    "--images",
    type=click.Choice(["embed", "link"]),
    default="embed",
    help="Photos in the page, or links to them [default: embed].",
)
@click.option("--attribution", metavar="TEXT", help="Whose pictures they are [default: known].")
@click.option(
    "--margin",
    type=click.FloatRange(0, 50, min_open=True),
    default=1.0,
    metavar="POINTS",
    help="Of --plan: ± so many percentage points [default: 1].",
)
@click.option(
    "--at-least",
    type=click.FloatRange(50, 100, max_open=True),
    metavar="PERCENT",
    help="Of --plan: to certify so many percent right [default: 95].",
)
@click.option(
    "--expected",
    type=click.FloatRange(50, 100, max_open=True),
    metavar="PERCENT",
    help="Of --plan: percent right that you expect [default: what earlier reviews say].",
)
@_settings.task
@click.option("--fields", metavar="A,B", help="Review only these fields of the run.")
@_settings.ledger
@_settings.project
@quiet
@as_json
@click.pass_context
def command(context: click.Context, /, folder: Path | None, as_json: bool, **given: Any) -> None:
    """See the top of this file."""
    project = _settings.load(context)
    with Ledger(project.run.ledger, create=False) as ledger:
        if given["plan"]:
            put_plan(needed(ledger, ledger.run(given["number"]), given), as_json=as_json)
            return
        if folder is None:
            put_samples(ledger, as_json=as_json)
            return
        batch = 1
        known = [given[name] for name in ("again", "extend", "conflicts", "listed") if given[name]]
        if len(known) > 1:
            raise UserError("--of, --extend, --conflicts and --listed exclude each other")
        if given["listed"]:
            sample = _listed(ledger, open_task(project), given)
        elif known:
            sample = ledger.reviews.sample(known[0])
            if given["extend"]:
                batch = extend_sample(ledger, sample, given["size"] or 100)
        else:
            sample = draw_sample(
                ledger, ledger.run(given["number"]), open_task(project), _wish(given)
            )
        sheet = ledger.reviews.add_sheet(
            sample, labels_shown=given["show_labels"], conflicts_only=bool(given["conflicts"])
        )
        document = write_folder(
            ledger, project, sheet, folder, batch=batch,
            embed=given["images"] == "embed", attribution=given["attribution"],
        )  # fmt: skip
    if as_json:
        put_json(document)
        return
    say(f"sample {sample.sample_id}: {document['rows']:,} to review, {document['design']}")
    note("look at", shown(folder / "page.html"))
    note("or fill in", shown(folder / "sheet.csv"))
    note("then", f"vistoria decide {shown(folder / 'sheet.csv')} --reviewer NAME", fg="cyan")


def _listed(ledger: Ledger, task: Task, given: dict[str, Any]) -> Sample:
    path: Path = given["listed"]
    with path.open(newline="", encoding="utf-8-sig") as file:
        rows = csv.DictReader(file)
        keys: tuple[Key, ...] = ("ordinal", "observation_id")
        key = next((name for name in keys if name in (rows.fieldnames or ())), None)
        if key is None:
            raise UserError(f"{shown(path)} has neither a column ordinal nor observation_id")
        listed = [row[key] for row in rows]
    run, size = ledger.run(given["number"]), given["size"] or 200
    sample, passed = choose_sample(ledger, run, task, key, listed, size, _names(given))
    if passed:
        note("left out", f"{passed:,} listed photos, set apart for calibration or certification")
    return sample


def _names(given: dict[str, Any]) -> tuple[str, ...]:
    return tuple(name.strip() for name in (given["fields"] or "").split(",") if name.strip())


def _wish(given: dict[str, Any]) -> Wish:
    return Wish(
        size=given["size"] or 200, unit=given["unit"],
        fields=_names(given),
        purpose=given["purpose"], domain=domain_of(given),
        choice="simple" if given["simple"] else "auto", by_field=given["by_field"],
        suspicious=given["suspicious"], seed=given["seed"],
    )  # fmt: skip
