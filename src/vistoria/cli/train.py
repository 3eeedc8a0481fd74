"""Train a small model of your own on the labels of a run.

The labels of a run, with decisions of people in their place where there are some, teach a head per
field on the features of a frozen backbone. Samples drawn for certification or calibration are never
learned from. Writes one ONNX file, which runs as --model onnx:FILE, and beside it a card (.md,
.json) and the labels that the student doubts (.suspects.csv). Text and boxes stay with the teacher.

BACKBONE is "street" (bundled; it knows drawn streets), an ONNX image encoder, hub:OWNER/NAME,
timm:NAME, a folder laid out like a repository of the hub, or gemini-embedding-2, a service that is
paid for each photo, within --budget, and never twice. Weights (.safetensors) are converted once, by
torch. With --fine-tune the backbone itself learns too; the same command goes on after a kill.

Examples:
    vistoria train
    vistoria train --run 3 --out poles.onnx --fields material,leaning
    vistoria train --backbone hub:onnx-community/siglip2-base-patch16-224-ONNX --int8
    vistoria train --backbone hub:google/siglip2-base-patch16-224 --fine-tune -t epochs=10
    vistoria train --backbone gemini-embedding-2 -b dimensions=1536 --budget "2 USD"
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vistoria.cli import _settings
from vistoria.cli._command import Command
from vistoria.cli._fine_tuning import check_flags, fine_tuning, say_tuned, tune
from vistoria.cli._student import fields, progress, share, task_of
from vistoria.cli._talk import as_json, note, put_json, put_table, quiet, warnings_shown
from vistoria.cli._vision import open_vision
from vistoria.errors import UserError
from vistoria.ledger import Ledger
from vistoria.result import shown

if TYPE_CHECKING:
    from vistoria.student.backbones.embedding import Seeing


@click.command("train", cls=Command, help=__doc__)
@click.option("--run", "number", type=int, metavar="N", help="A run by number [default: the last].")
@click.option("--out", type=click.Path(path_type=Path), default="student.onnx", metavar="FILE",
              help="Where to write the student [default: student.onnx].")  # fmt: skip
@click.option(
    "--backbone", default="street", metavar="BACKBONE", help="What sees [default: street]."
)
@click.option("-b", "--backbone-option", "options", multiple=True, metavar="KEY=VALUE",
              help="An option of an encoder or a service, e.g. output=pooler_output.")  # fmt: skip
@fine_tuning
@click.option("--int8", is_flag=True, help="Write the backbone in 8 bits, and measure the loss.")
@click.option("--seed", type=int, default=0, metavar="N", help="Another division of the rows.")
@click.option("--suspects", type=int, default=200, metavar="N", help="Doubtful labels to list.")
@_settings.task
@fields
@_settings.spending
@_settings.ledger
@_settings.project
@click.option("--yes", is_flag=True, envvar="VISTORIA_YES", help="Do not ask before it costs.")
@_settings.display
@quiet
@as_json
@click.pass_context
def command(context: click.Context, /, as_json: bool, **given: Any) -> None:
    """See the top of this file."""
    from vistoria.student.dataset import Shares  # noqa: PLC0415 - heavy
    from vistoria.student.student import Settings, train_student  # noqa: PLC0415

    project = _settings.load(context)
    out: Path = given["out"]
    if out.suffix != ".onnx":
        raise UserError(f"a student is written as an .onnx file, not {str(out)!r}")
    settings = Settings(
        shares=Shares(seed=given["seed"]), int8=given["int8"], suspects=given["suspects"]
    )
    check_flags(given)
    with warnings_shown(), Ledger(project.run.ledger, create=False) as ledger:
        run = ledger.run(given["number"])
        task = task_of(project, ledger, run, given["fields"])
        note("run", f"{run.run_id}: task {run.task}, labelled by {run.model}")
        if given["fine_tune"]:
            vision: Seeing = tune(project, ledger, run, task, settings.shares, given)
        else:
            vision = open_vision(project, run, given)
        note("backbone", f"{vision.backbone.name} {vision.backbone.version}")
        student = train_student(
            ledger, run, task, vision, settings, name=out.stem, listen=progress()
        )
        written = student.write(out)
    document = {**_read(written.card.with_suffix(".json")), "file": str(written.path)}
    if as_json:
        put_json(document)
        return
    put_table(_COLUMNS, [_row(name, one) for name, one in document["fields"].items()], aligned=True)
    say_tuned(document["fine_tuning"])
    for name, why in document["left_to_teacher"].items():
        note("not learned", f"{name}: {why}", fg="yellow")
    note("student", f"{shown(written.path)}; card {shown(written.card)}")
    note("suspicious", f"{document['suspects']:,} labels in {shown(written.suspects)}")
    note("next", _next(document, shown(written.path), run.model))


def _next(document: Mapping[str, Any], student: str, teacher: str) -> str:
    if "embedding" in document["backbone"]:
        return f"vistoria run --model probe:{student}"
    return f"vistoria cascade {student} --teacher {teacher}"


_COLUMNS = ("field", "learned from", "agreement", "accuracy", "ECE", "sure from")


def _row(name: str, one: Mapping[str, Any]) -> Sequence[object]:
    test = one["test"]
    return (
        name if one["trained"] else f"{name} (not used)", one["rows"],
        share(test["agreement"]), share(test["accuracy"]),
        f"{test['calibration_error']:.3f}",
        "never" if one["abstain_below"] is None else f"{one['abstain_below']:.3f}",
    )  # fmt: skip


def _read(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text())
    return found
