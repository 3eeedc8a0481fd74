"""The rows on which a cascade is certified: drawn at random, answered by teacher and student."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vistoria.errors import AnswerInvalid, ObservationError, TransientError, UserError
from vistoria.ledger import Ledger, Run, Sample
from vistoria.models.onnx import OnnxModel
from vistoria.records import Answer, Observation, Picture, Reply
from vistoria.student.backbones.backbone import cores
from vistoria.student.backbones.embedding import Listen, Load, unheard
from vistoria.student.certify import Compared
from vistoria.student.dataset import Shares, gather
from vistoria.student.evaluation import about_student
from vistoria.student.reviewed import decided
from vistoria.task import Task

__all__ = [
    "compare_with_people",
    "compare_with_teacher",
    "described",
    "draw_rows",
    "student_answers",
]

_BATCH = 16


def draw_rows(
    ledger: Ledger, scope: Run, about: Mapping[str, Any], task: Task, count: int, seed: int = 0
) -> tuple[NDArray[np.int64], int]:
    """`count` ordinals drawn at random from the rows of a run that the student has not learned
    from, and how many those are. `about`: what the student's file says about its training.

    Raises UserError where there are too few.
    """
    every = ledger.scope(scope).ordinals
    learned = _learned(ledger, about, task)
    free = every[~np.isin(every, learned)]
    if len(free) < 60:
        raise UserError(
            f"only {len(free)} rows are left that the student has not learned from; a guarantee "
            "needs 60 at the very least, and better 1,000: train on fewer rows, or name a larger "
            "source"
        )
    dice = np.random.default_rng([seed, len(every)])
    chosen = dice.choice(free, min(count, len(free)), replace=False)
    return np.sort(chosen), len(free)


def _learned(ledger: Ledger, about: Mapping[str, Any], task: Task) -> NDArray[np.int64]:
    """Rows that were, or may have been, used to train the student."""
    rows = about["rows"]
    known = {run.run_id for run in ledger.runs()}
    if rows.get("run") not in known:
        return np.zeros(0, np.int64)
    shares = Shares(validation=rows["validation_share"], test=rows["test_share"], seed=rows["seed"])
    taught = [name for name in about["task"]["fields"] if name in {f.name for f in task.fields}]
    given = gather(ledger, ledger.run(rows["run"]), task.only(taught), shares)
    used: NDArray[np.int64] = given.ordinals[given.part != 2]
    return used


def compare_with_teacher(
    ledger: Ledger, student: OnnxModel, teacher: Run, task: Task, load: Load,
    drawn: tuple[NDArray[np.int64], int], listen: Listen = unheard,
) -> tuple[Compared, tuple[str, ...], int]:  # fmt: skip
    """Student and teacher on the drawn rows, the teacher's versions, and how many of the rows the
    teacher could not answer; those are left out, since a cascade cannot answer them either."""
    ordinals = drawn[0].tolist()
    answers, versions = _teacher(ledger, teacher, task, set(ordinals))
    kept = [ordinal for ordinal in ordinals if ordinal in answers]
    eyes = _Eyes(ledger, student, task, load, listen)
    compared = eyes.compared(kept, answers, drawn[1])
    return compared, versions, len(ordinals) - len(kept)


def compare_with_people(
    ledger: Ledger, student: OnnxModel, sample: Sample, task: Task, load: Load,
    listen: Listen = unheard,
) -> Compared:  # fmt: skip
    """Student and people on a sample for calibration. Raises UserError on any other sample."""
    if sample.purpose != "calibration" or sample.method != "simple" or sample.unit != "observation":
        raise UserError(
            f"sample {sample.sample_id} is a {sample.method} one of {sample.unit}s for "
            f"{sample.purpose}; thresholds need a simple one of observations for calibration, "
            "used for nothing else"
        )
    truth = decided(ledger, sample, task)
    answers: dict[int, Answer] = {}
    for ordinal in sorted({ordinal for ordinal, _ in truth}):
        known = {f.name: truth.get((ordinal, f.name), ...) for f in task.fields}
        if all(value is not ... for value in known.values()):
            answers[ordinal] = {k: v for k, v in known.items() if v is not ...}
    if not answers:
        raise UserError(f"no row of sample {sample.sample_id} is decided in every field")
    eyes = _Eyes(ledger, student, task, load, listen)
    return eyes.compared(sorted(answers), answers, sample.population)


def _teacher(
    ledger: Ledger, run: Run, task: Task, wanted: set[int]
) -> tuple[dict[int, Answer], tuple[str, ...]]:
    every = iter(ledger.scope(run).ordinals.tolist())
    found: dict[int, Answer] = {}
    versions: set[str] = set()
    for batch in ledger.batches(run):
        for row in batch.to_pylist():
            ordinal = next(every)
            if ordinal in wanted and row["status"] == "answered":
                found[ordinal] = {one.name: row[one.name] for one in task.fields}
                versions.add(row["model_version"] or "")
    return found, tuple(sorted(versions - {""}))


@dataclass(frozen=True, slots=True)
class _Eyes:
    """How the student gets to see rows."""

    ledger: Ledger
    student: OnnxModel
    task: Task
    load: Load
    listen: Listen

    def compared(
        self, ordinals: Sequence[int], answers: Mapping[int, Answer], drawn_from: int
    ) -> Compared:
        rows = [
            row for start in range(0, len(ordinals), 5_000)
            for row in self.ledger.observations(ordinals[start : start + 5_000])
        ]  # fmt: skip
        replies = student_answers(self.student, self.task, rows, self.load, self.listen)
        read = [_read(self.task, reply) for reply in replies]
        return Compared(
            rows=rows, said=[values for values, _ in read], confidence=[sure for _, sure in read],
            right=[answers[ordinal] for ordinal in ordinals], drawn_from=drawn_from,
        )  # fmt: skip


def _read(task: Task, reply: Reply | None) -> tuple[Answer, Mapping[str, float]]:
    """An answer that does not fit, or a picture that cannot be read, is never sure."""
    if reply is None:
        return {}, {}
    try:
        return task.parse(reply.answer), reply.confidence or {}
    except AnswerInvalid:
        return {}, {}


def student_answers(
    student: OnnxModel, task: Task, rows: Sequence[Observation], load: Load,
    listen: Listen = unheard,
) -> list[Reply | None]:  # fmt: skip
    """What the student says about each row; None where the picture cannot be read."""
    form = student.capabilities.image
    parts = [rows[start : start + _BATCH] for start in range(0, len(rows), _BATCH)]

    def work(part: Sequence[Observation]) -> list[Reply | None]:
        loaded: list[Picture | None] = []
        for row in part:
            try:
                loaded.append(load(row.image, form))
            except (ObservationError, TransientError):
                loaded.append(None)
        pictures = [one for one in loaded if one is not None]
        replies = iter(student.answer(task, pictures) if pictures else ())
        return [None if one is None else next(replies) for one in loaded]

    found: list[Reply | None] = []
    with ThreadPoolExecutor(cores()) as threads:
        for done in threads.map(work, parts):
            found += done
            listen("student answers", len(found), len(rows))
    return found


def described(path: Path) -> Mapping[str, Any]:
    """What a student's file says about its training; raises UserError where it says nothing."""
    about = about_student(path)
    if about is None:
        raise UserError(f"{str(path)!r} was not made by `vistoria train`; make one with it first")
    return about
