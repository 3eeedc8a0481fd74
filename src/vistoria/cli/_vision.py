"""What sees the photos that a student learns from: a network here, or a service that is paid."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from vistoria import opening
from vistoria.cli._student import pairs, progress
from vistoria.cli._talk import note
from vistoria.cli._work import confirm, work
from vistoria.engine import Plan, Report
from vistoria.errors import UserError
from vistoria.job import Job, limits_of
from vistoria.ledger import Ledger, Run
from vistoria.pricing import format_money

if TYPE_CHECKING:
    from vistoria.models import Embedding
    from vistoria.project import Project
    from vistoria.student.backbones.embedding import Seeing

_HERE = ("street",)


def open_vision(project: "Project", run: Run, given: Mapping[str, Any]) -> "Seeing":
    """By the flags --backbone and --backbone-option; a service shows what it will cost, and asks
    (--yes) before much is sent. Raises UserError."""
    from vistoria.student.backbones.embedding import Vision  # noqa: PLC0415
    from vistoria.student.backbones.opening import open_backbone  # noqa: PLC0415 - heavy

    name, options = given["backbone"], pairs(given["options"])
    here = name in _HERE or name.endswith(".onnx") or name.startswith("hub:")
    if not here and (embedding := opening.open_embedding(project, name, options)):
        return _service(project, run, embedding, given)
    backbone = open_backbone(name, options, progress())
    return Vision(backbone, opening.open_images(project), project.run.ledger.parent)


def _service(
    project: "Project", run: Run, embedding: "Embedding", given: Mapping[str, Any]
) -> "Seeing":
    from vistoria.student.backbones.service import ServiceVision  # noqa: PLC0415 - heavy

    if given["int8"]:
        raise UserError(
            f"{embedding.name} computes at its service: nothing is here to put into 8 bits; leave "
            "out --int8"
        )

    def ask(job: Job, ledger: Ledger, plan: Plan) -> Report:
        found = job.forecast(plan, ledger)
        price = found.cost or format_money(None)
        note("numbers", f"{plan.pending:,} photos to send to {embedding.name}: {price}")
        if not given["yes"]:
            confirm(job, ledger, plan, project.run)
        return work(job, ledger, plan, given["display"]).report

    return ServiceVision(
        embedding=embedding, load=opening.open_images(project), folder=project.run.ledger.parent,
        origin=f"run {run.run_id} of {run.source}", limits=limits_of(project), work=ask,
    )  # fmt: skip
