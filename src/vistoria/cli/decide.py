"""Read filled review sheets back, undo decisions, or simulate a reviewer.

SHEET is the CSV of `vistoria sample`, or the JSON lines that its page saves. All of it is checked
first: unknown items, answers that are not allowed, doubles and sheets of another ledger are named
with their line, and nothing is recorded. Decisions are only ever added: the newest of a reviewer
counts, and --undo adds a retraction. Where two reviewers disagree, `vistoria sample --conflicts`
writes a sheet to adjudicate. Without SHEET: where samples stand.

--simulate answers from a file with the truth, wrong as often as --error-rate says; whatever rests
on such decisions says so.

Examples:
    vistoria decide review/sheet.csv --reviewer ana
    vistoria decide --undo 1 --reviewer ana --item 17
    vistoria decide --simulate truth.parquet --sample 1 --error-rate 0.02
"""

from pathlib import Path
from typing import Any

import click

from vistoria.cli import _settings
from vistoria.cli._command import Command
from vistoria.cli._reviewing import put_samples
from vistoria.cli._talk import as_json, note, put_json, quiet, say
from vistoria.errors import UserError
from vistoria.ledger import Ledger, Sample
from vistoria.review import Reading, check_sheet, read_sheet, record, simulate, undo, verdicts


@click.command("decide", cls=Command, help=__doc__)
@click.argument("sheet", type=click.Path(dir_okay=False, path_type=Path), required=False)
@click.option("--reviewer", metavar="NAME", help="Who filled it in.")
@click.option(
    "--saw-labels",
    is_flag=True,
    help="The reviewer had seen what the machine said; then it certifies nothing.",
)
@click.option("--adjudicate", is_flag=True, help="These answers settle disagreements.")
@click.option("--undo", "undone", type=int, metavar="N", help="Take back decisions on sample N.")
@click.option("--item", type=int, metavar="N", help="Of --undo: only this item.")
@click.option("--field", metavar="NAME", help="Of --undo: only this field.")
@click.option(
    "--simulate",
    "truth",
    type=click.Path(path_type=Path),
    metavar="TRUTH",
    help="A Parquet file with observation_id and the true answers.",
)
@click.option(
    "--sample",
    "number",
    type=int,
    metavar="N",
    help="Of --simulate: the sample [default: the last].",
)
@click.option(
    "--error-rate",
    type=click.FloatRange(0, 1, max_open=True),
    default=0.0,
    metavar="SHARE",
    help="Of --simulate: wrong answers [default: 0].",
)
@_settings.ledger
@_settings.project
@quiet
@as_json
@click.pass_context
def command(context: click.Context, /, sheet: Path | None, as_json: bool, **given: Any) -> None:
    """See the top of this file."""
    project = _settings.load(context)
    with Ledger(project.run.ledger, create=False) as ledger:
        if given["undone"]:
            _undo(ledger, given, as_json=as_json)
            return
        if given["truth"]:
            reading = _simulate(ledger, given)
        elif sheet is not None:
            reading = check_sheet(
                ledger, read_sheet(sheet), given["reviewer"] or "",
                label_seen=given["saw_labels"], adjudicates=given["adjudicate"],
            )  # fmt: skip
        else:
            put_samples(ledger, as_json=as_json)
            return
        record(ledger, reading)
        _show(ledger, reading, as_json=as_json)


def _simulate(ledger: Ledger, given: dict[str, Any]) -> Reading:
    import pyarrow.parquet as pq  # noqa: PLC0415 - only here

    rows = pq.read_table(given["truth"]).to_pylist()
    if not rows or "observation_id" not in rows[0]:
        raise UserError(f"{str(given['truth'])!r} has no column observation_id")
    return simulate(
        ledger, ledger.reviews.sample(given["number"]),
        {row["observation_id"]: row for row in rows}, error_rate=given["error_rate"],
        reviewer=given["reviewer"] or "simulated",
    )  # fmt: skip


def _undo(ledger: Ledger, given: dict[str, Any], *, as_json: bool) -> None:
    if not given["reviewer"]:
        raise UserError("name whose decisions to take back: --reviewer ana")
    sample = ledger.reviews.sample(given["undone"])
    count = undo(ledger, sample, given["reviewer"], given["item"], given["field"])
    if as_json:
        put_json({"sample": sample.sample_id, "retracted": count})
    else:
        say(f"{count:,} decisions of {given['reviewer']} on sample {sample.sample_id} taken back")


def _show(ledger: Ledger, reading: Reading, *, as_json: bool) -> None:
    found = verdicts(ledger, reading.sample)
    still = sum(one.state == "open" for one in found)
    conflicts = sum(one.state == "conflict" for one in found)
    document = {
        "sample": reading.sample.sample_id, "recorded": len(reading.decisions),
        "same_as_before": reading.same, "empty": reading.empty,
        "open": still, "conflicts": conflicts,
        "simulated": any(one.simulated for one in reading.decisions),
    }  # fmt: skip
    if as_json:
        put_json(document)
        return
    number = reading.sample.sample_id
    marked = " by a SIMULATED reviewer, not a person" if document["simulated"] else ""
    say(f"sample {number}: {len(reading.decisions):,} decisions recorded{marked}")
    if reading.same:
        note("as before", f"{reading.same:,}, not recorded again")
    if still:
        note("open", f"{still:,} of {len(found):,} answers", fg="yellow")
    if conflicts:
        note("conflicts", f"{conflicts:,} answers on which reviewers disagree", fg="yellow")
        note("next", f"vistoria sample conflicts/ --conflicts {number}", fg="cyan")
    elif not still and reading.sample.unit == "pair":
        note("next", _comparing(reading.sample), fg="cyan")
    elif not still and reading.sample.purpose == "certification":
        made_up = " --simulated" if any(one.simulated for one in found) else ""
        note("next", f"vistoria certify --sample {number}{made_up}", fg="cyan")


def _comparing(sample: Sample) -> str:
    """The command that a reviewed sample of pairs was drawn for."""
    between = ",".join(sample.domain["between"])
    text = f"vistoria compare {sample.run_id} --between {between}"
    if "changed" in sample.domain:
        text += f" --changes changes.csv --field {sample.domain['changed']}"
    return text
