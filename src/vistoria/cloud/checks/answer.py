"""The model's answer to one tiny picture: role, region, quota, and that the model still lives."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import anyio
import numpy as np

from vistoria import opening
from vistoria.cloud.facts import pay_as_you_go
from vistoria.cloud.finding import Finding
from vistoria.cloud.visit import Visit
from vistoria.engine import others
from vistoria.engine.plan import answerable
from vistoria.errors import (
    ObservationError,
    RateLimited,
    RequestRejected,
    TransientError,
    UserError,
)
from vistoria.images._jpeg import encode_jpeg
from vistoria.models import Model
from vistoria.models._gemini_family import retired
from vistoria.records import Picture, Reply
from vistoria.sections import ModelSection
from vistoria.task import Task

_SIDE = 32


def after(visit: Visit) -> tuple[str, ...]:
    """What it asks with."""
    google = ("project", "apis aiplatform") if visit.wants_vertex else ()
    return ("model", "task", *google)


def needless(visit: Visit) -> str | None:
    """A model in this process needs no way in."""
    try:
        able = visit.model.capabilities
    except UserError:
        return None
    if able.local or able.image.kind != "encoded":
        return "the model answers in this process"
    return None if visit.may_ask else "--no-ask"


def look(visit: Visit) -> Iterator[Finding]:
    """Asks once, for a fraction of a cent."""
    try:
        found = anyio.run(_ask, visit.model, visit.task)
    except RateLimited as error:
        yield Finding(check="answer", status="warn", said=f"busy just now: {error}",
                      mend="runs wait for their turn by themselves")  # fmt: skip
        return
    except UserError as error:
        yield _elsewhere(visit) or visit.failed("answer", error)
        return
    if isinstance(found, RequestRejected):
        yield visit.failed("answer", found)
    elif isinstance(found, ObservationError):
        yield Finding(check="answer", status="pass", said=f"{visit.model.name} is reached")
    else:
        yield _living(visit, found.model_version)


def _living(visit: Visit, version: str) -> Finding:
    name = visit.model.name.partition(":")[2].rpartition("/")[2]
    end = retired(name) if visit.model.name.startswith("gemini:") else None
    soon = datetime.now(UTC).date() + timedelta(days=pay_as_you_go().warn_days)
    if end is not None and end.until is not None:
        status: Any = "warn" if end.until <= soon or end.since else "pass"
        return Finding(
            check="answer", status=status, said=f"{name} answers, and ends on {end.until}",
            mend=f"change to gemini:{end.use}; plan shows what that costs",
        )  # fmt: skip
    if others(visit.model.name, [version]):
        return Finding(
            check="answer", status="warn", said=f"{name} answers as {version}",
            mend=f"name the model that answers: --model gemini:{version}",
        )  # fmt: skip
    return Finding(check="answer", status="pass", said=f"{version} answers")


def _elsewhere(visit: Visit) -> Finding | None:
    """Whether the model that is not known here answers everywhere else."""
    region = visit.project.model.options.get("location") or visit.google.region
    if not visit.wants_vertex or region in (None, "global"):
        return None
    said = visit.project.model
    section = ModelSection(name=said.name, **{**said.options, "location": "global"})
    moved = visit.project.model_copy(update={"model": section})
    try:
        found = anyio.run(_ask, opening.open_model(moved), visit.task)
    except (UserError, TransientError):
        return None
    if not isinstance(found, Reply):
        return None
    return Finding(
        check="answer", status="fail", said=f"{visit.model.name} is not served in {region}",
        mend='set region = "global" in [google] (or --region global), or a region that serves it',
    )  # fmt: skip


async def _ask(model: Model, task: Task) -> Reply | ObservationError:
    grey = np.full((_SIDE, _SIDE, 3), 128, np.uint8)
    asked, _ = answerable(task, model)
    picture = Picture(
        uri="doctor.jpg", mime_type="image/jpeg", data=encode_jpeg(grey), width=_SIDE, height=_SIDE
    )
    try:
        (found,) = await model.ask(asked, [picture])
    finally:
        await model.aclose()
    return found
