"""Small made-up photos whose truth is known, and a teacher that is right about most of them."""

import csv
import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import simplejpeg

from vistoria.engine import Choice
from vistoria.images import Images
from vistoria.job import Job, open_job
from vistoria.ledger import Ledger, Run, Sample, SampledUnit, SampleSpec
from vistoria.ledger._samples import Purpose
from vistoria.project import load_project
from vistoria.records import (
    Answer,
    Capabilities,
    Decision,
    ImageForm,
    ImageSettings,
    Picture,
    Reply,
    Value,
)
from vistoria.student.backbones.embedding import Load
from vistoria.task import Field, Task

COLOURS: Mapping[str, tuple[int, int, int]] = {
    "red": (210, 50, 40), "green": (40, 190, 60), "blue": (40, 60, 220),
}  # fmt: skip
MARKS = ("left", "middle", "right")

TASK = Task(
    "shapes",
    "Say what the picture shows.",
    (
        Field("colour", "choice", choices=tuple(COLOURS)),
        Field("dark", "boolean", help="Whether the lower half is dark."),
        Field("marks", "choices", help="Where white marks are.", choices=MARKS),
        Field("level", "number", help="How high the bar is.", minimum=0, maximum=100),
        Field("note", "text", help="Anything else."),
    ),
)


def draw(folder: Path, count: int, seed: int = 5) -> dict[str, dict[str, Value]]:
    """Writes `count` JPEGs and `photos.csv`, two photos per asset; returns uri → truth."""
    dice = random.Random(seed)
    noise = np.random.default_rng(seed)
    (folder / "photos").mkdir(parents=True)
    truth: dict[str, dict[str, Value]] = {}
    with (folder / "photos.csv").open("w", newline="") as file:
        out = csv.writer(file)
        out.writerow(["observation_id", "uri", "asset_id"])
        for number in range(count):
            answer = _answer(dice)
            path = folder / "photos" / f"{number:05}.jpg"
            path.write_bytes(simplejpeg.encode_jpeg(_picture(answer, noise), 92))
            truth[str(path)] = answer
            out.writerow([f"p{number:05}", path, f"a{number // 2:05}"])
    return truth


def _answer(dice: random.Random) -> dict[str, Value]:
    return {
        "colour": dice.choices(list(COLOURS), (6, 3, 2))[0],
        "dark": dice.random() < 0.3,
        "marks": [name for name in MARKS if dice.random() < 0.4],
        "level": round(dice.uniform(0, 100), 1),
        "note": "made up",
    }


def _picture(answer: Mapping[str, Any], noise: np.random.Generator) -> "np.ndarray[Any, Any]":
    frame = np.empty((72, 96, 3), np.float64)
    frame[:] = COLOURS[answer["colour"]]
    if answer["dark"]:
        frame[36:] *= 0.35
    for number, name in enumerate(MARKS):
        if name in answer["marks"]:
            frame[8:22, 14 + 28 * number : 26 + 28 * number] = 245
    height = round(answer["level"] / 100 * 44)
    frame[70 - height : 70, 84:92] = (250, 250, 90)
    frame += noise.normal(0, 12, frame.shape)
    return np.ascontiguousarray(frame.clip(0, 255).astype(np.uint8))


class Teacher:
    """Says the truth, but for a share of each field; the same mistakes again for the same photo."""

    def __init__(self, truth: Mapping[str, Mapping[str, Value]], wrong: float = 0.0) -> None:
        self.name = "simulated:teacher"
        self.settings: Mapping[str, Any] = {"wrong": wrong}
        self.capabilities = Capabilities(image=ImageForm(kind="none"), batch_size=16, local=True)
        self.answers = {uri: mistaken(uri, answer, wrong) for uri, answer in truth.items()}
        self.asked = 0

    def unanswerable(self, task: Task) -> tuple[str, ...]:
        return ()

    async def ask(
        self, task: Task, pictures: Sequence[Picture], *, correction: str | None = None
    ) -> Sequence[Reply]:
        self.asked += len(pictures)
        names = [field.name for field in task.fields]
        return [
            Reply(
                answer={name: self.answers[picture.uri][name] for name in names},
                model_version="teacher-1",
            )
            for picture in pictures
        ]

    async def aclose(self) -> None:
        """Nothing to close."""


def mistaken(uri: str, answer: Mapping[str, Value], wrong: float) -> dict[str, Value]:
    """The answer with a share of its fields replaced by others."""
    dice = random.Random(Path(uri).name)
    other = _answer(dice)
    return {name: other[name] if dice.random() < wrong else value for name, value in answer.items()}


def label(folder: Path, teacher: Any, task: Task = TASK, **flags: Any) -> Run:
    """Has the teacher label the photos of a folder drawn before; returns the run."""
    project = load_project(
        flags={
            "source.address": str(folder / "photos.csv"), "model.name": "echo",
            "run.ledger": str(folder / "ledger.sqlite"), **flags,
        }
    )  # fmt: skip
    job: Job = open_job(project, task)
    job = replace(job, ask=replace(job.ask, model=teacher, settings=teacher.settings))
    with Ledger(job.ledger) as ledger:
        plan = job.plan(ledger, Choice())
        job.work(plan, ledger)
        return plan.run


def loading() -> Load:
    """Loads images as a run does."""
    return partial(Images().load, settings=ImageSettings())


def review(
    ledger: Ledger, run: Run, task: Task, ordinals: Sequence[int], said: Mapping[int, Answer],
    purpose: Purpose = "certification",
) -> Sample:  # fmt: skip
    """A sample of these rows, decided by a simulated reviewer."""
    spec = SampleSpec(
        run_id=run.run_id, unit="observation", purpose=purpose, method="simple", by_field=None,
        seed=0, domain={}, strata={"all": len(ledger.scope(run).ordinals)},
        fields=[{"name": one.name, "fingerprint": one.fingerprint} for one in task.fields],
    )  # fmt: skip
    units = [
        SampledUnit(
            item=number, unit=str(ordinal), stratum="all", probability=None, batch=1,
            ordinals=((ordinal,),), labels=({},),
        )
        for number, ordinal in enumerate(ordinals, 1)
    ]  # fmt: skip
    sample = ledger.reviews.add_sample(spec, units)
    ledger.reviews.append(
        [
            Decision(
                sample_id=sample.sample_id, item=number, part=0, field=one.name, verdict="value",
                value=said[ordinal][one.name], reviewer="simulated", simulated=True,
                decided_at="2026-01-01T00:00:00+00:00",
            )
            for number, ordinal in enumerate(ordinals, 1)
            for one in task.fields
        ]
    )  # fmt: skip
    return sample


TASK_FILE = """
instructions = "Say what the picture shows."
[[fields]]
name = "colour"
kind = "choice"
choices = ["red", "green", "blue"]
[[fields]]
name = "dark"
kind = "boolean"
help = "Whether the lower half is dark."
[[fields]]
name = "marks"
kind = "choices"
help = "Where white marks are."
choices = ["left", "middle", "right"]
[[fields]]
name = "level"
kind = "number"
help = "How high the bar is."
minimum = 0
maximum = 100
[[fields]]
name = "note"
kind = "text"
help = "Anything else."
"""
"""The task of `TASK`, as a person writes it."""
