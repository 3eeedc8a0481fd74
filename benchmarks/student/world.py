"""The scenes labelled by the noisy teacher, and a student of those labels, made once."""

import time
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path

from benchmarks.student.scenes import TASK, NoisyTeacher, Scenes, drawn
from vistoria.engine import Choice
from vistoria.images import Images
from vistoria.job import open_job
from vistoria.ledger import Ledger, Run
from vistoria.project import load_project
from vistoria.records import ImageSettings
from vistoria.student.backbones.embedding import Vision
from vistoria.student.backbones.street import street_backbone
from vistoria.student.dataset import Shares
from vistoria.student.student import Settings, Student, train_student

__all__ = ["World", "world"]

WRONG = 0.07
SHARES = Shares(validation=0.1, test=0.4)


@dataclass(frozen=True)
class World:
    """A folder with everything in it. `seconds`: what training took, embedding included."""

    folder: Path
    scenes: Scenes
    teacher: NoisyTeacher
    run: Run
    student: Student
    file: Path
    seconds: float

    def ledger(self) -> Ledger:
        """To be closed by who asks."""
        return Ledger(self.folder / "ledger.sqlite")


@cache
def world(folder: Path, count: int) -> World:
    """Draws (or finds) the scenes, labels them and trains; the same again is made once."""
    scenes = drawn(folder, count)
    teacher = NoisyTeacher(scenes.truth, WRONG)
    flags = {
        "source.address": str(scenes.table), "model.name": "echo",
        "run.ledger": str(folder / "ledger.sqlite"),
    }  # fmt: skip
    job = open_job(load_project(flags=flags), TASK)
    job = replace(job, ask=replace(job.ask, model=teacher, settings=teacher.settings))
    with Ledger(job.ledger) as ledger:
        plan = job.plan(ledger, Choice())
        job.work(plan, ledger)
        vision = Vision(street_backbone(), partial(Images().load, settings=ImageSettings()))
        began = time.monotonic()
        student = train_student(ledger, plan.run, TASK, vision, Settings(shares=SHARES))
        file = folder / "student.onnx"
        student.write(file)
        seconds = time.monotonic() - began
    return World(folder, scenes, teacher, plan.run, student, file, seconds)
