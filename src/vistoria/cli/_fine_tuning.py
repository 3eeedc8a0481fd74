"""The flags that have the backbone of a student tuned, and what is said of it."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from vistoria import opening
from vistoria.cli._student import pairs, progress, share
from vistoria.cli._talk import note
from vistoria.errors import UserError

if TYPE_CHECKING:
    from vistoria.ledger import Ledger, Run
    from vistoria.project import Project
    from vistoria.student.dataset import Shares
    from vistoria.student.finetuning.tuned import Tuned
    from vistoria.task import Task


def fine_tuning(function: Any) -> Any:
    """The flags."""
    for option in reversed(_FLAGS):
        function = option(function)
    return function


_FLAGS = (
    click.option("--fine-tune", is_flag=True,
                 help="Tune the whole backbone on the labels too; takes torch, and better a GPU."),
    click.option("-t", "--tune-option", "tuning", multiple=True, metavar="KEY=VALUE",
                 help="An option of --fine-tune, e.g. epochs=30 or rate=2e-5."),
    click.option("--device", metavar="NAME",
                 help="Where to tune: cpu, cuda, cuda:1, mps [default: the fastest there is]."),
)  # fmt: skip


def check_flags(given: Mapping[str, Any]) -> None:
    """Raises UserError where there is an option of tuning, and no tuning."""
    if not given["fine_tune"] and (given["tuning"] or given["device"]):
        flag = "--tune-option" if given["tuning"] else "--device"
        raise UserError(f"{flag} says how to tune the backbone: add --fine-tune, or leave it out")


def tune(
    project: "Project", ledger: "Ledger", run: "Run", task: "Task", shares: "Shares",
    given: Mapping[str, Any],
) -> "Tuned":  # fmt: skip
    """The backbone that the flags name, tuned on the labels of a run."""
    from vistoria.student.backbones.opening import open_weights  # noqa: PLC0415 - heavy
    from vistoria.student.finetuning.lesson import fine_tuning_options  # noqa: PLC0415
    from vistoria.student.finetuning.tuned import Untuned, fine_tuned  # noqa: PLC0415

    device = {"device": given["device"]} if given["device"] else {}
    options = fine_tuning_options({"seed": given["seed"], **pairs(given["tuning"]), **device})
    untuned = Untuned(
        weights=open_weights(given["backbone"], pairs(given["options"])),
        load=opening.open_images(project), folder=project.run.ledger.parent, options=options,
        shares=shares,
    )  # fmt: skip
    return fine_tuned(ledger, run, task, untuned, progress())


def say_tuned(tuning: Mapping[str, Any] | None) -> None:
    """What tuning changed, if there was any."""
    if tuning is None:
        return
    from vistoria.student.finetuning.tuned import worse_fields  # noqa: PLC0415 - heavy

    note(
        "fine-tuned",
        f"{tuning['epochs']} epochs on {tuning['taught']:,} rows, {tuning['device']}, "
        f"{tuning['seconds']:,} s; kept epoch {tuning['kept_epoch']}",
    )
    for name, one in tuning["agreement"].items():
        note("", f"{name}: {share(one['tuned'])}, frozen {share(one['frozen'])}")
    if worse := worse_fields(tuning):
        text = f"the frozen backbone did better on {', '.join(worse)}: a lower rate, or no tuning"
        note("mind", text, fg="yellow")
