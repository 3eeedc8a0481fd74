"""A student of a teacher that is right in 93 %: how good, how honest about it, how fast made."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks.bars import Bar, at_least, at_most
from benchmarks.student.scenes import TASK
from benchmarks.student.world import World, world
from vistoria.models.onnx import open_model
from vistoria.student.calibration import student_answers
from vistoria.student.targets import fitting
from vistoria.truth import binomial

REVIEWED, SAMPLES = 400, 500


def train(folder: Path, quick: bool) -> Iterator[Bar]:
    """Accuracy beside the teacher's, coverage of its intervals, minutes."""
    made = world(folder, 600 if quick else 8_000)
    yield at_most("train: minutes for all scenes, 2 cores", made.seconds / 60, 10.0, ".1f")
    right, agrees, taught = _answers(made)
    better = 0
    for name, hits in right.items():
        mean, teacher = float(hits.mean()), float(taught[name].mean())
        better += mean > teacher
        yield Bar(
            f"train: {name}, right | teacher", "reported", f"{mean:.3f} | {teacher:.3f}", True
        )
    yield at_least("train: fields in which it is righter than its teacher", better, 8, "d")
    for what, known in (("accuracy", right), ("agreement", agrees)):
        worst = min(_covered(hits) for hits in known.values())
        yield at_least(f"train: worst field's coverage of the 95 % limits of {what}", worst, 0.94)


def _answers(
    made: World,
) -> tuple[dict[str, "np.ndarray[tuple[int], np.dtype[np.bool_]]"], ...]:
    """Field → right, agreeing, and taught rightly, for the rows that it never saw."""
    rows = made.student.rows.only(made.student.rows.part == 2)
    with made.ledger() as ledger:
        seen = ledger.observations(rows.ordinals.tolist())
    model = open_model(str(made.file), {})
    missing = model.unanswerable(TASK)
    task = TASK.only([one.name for one in TASK.fields if one.name not in missing])
    replies = student_answers(model, task, seen, made.student.load)
    said = [{} if one is None else task.parse(one.answer) for one in replies]
    found: tuple[dict[str, list[bool]], ...] = ({}, {}, {})
    for row, answer in zip(seen, said, strict=True):
        truth, teacher = made.scenes.truth[row.image.uri], made.teacher.said[row.image.uri]
        for name, value in truth.items():
            if value is None or name in missing:
                continue
            pairs = ((answer.get(name), value), (answer.get(name), teacher[name]))
            for held, (a, b) in zip(found, (*pairs, (teacher[name], value)), strict=True):
                held.setdefault(name, []).append(fitting(a, b, 0.5))
    return tuple({name: np.array(hits) for name, hits in one.items()} for one in found)


def _covered(hits: "np.ndarray[tuple[int], np.dtype[np.bool_]]") -> float:
    """Share of random reviewed samples whose limits hold the share in all unseen rows."""
    dice, truth = np.random.default_rng(3), hits.mean()
    count = min(REVIEWED, len(hits) // 2)
    held = 0
    for _ in range(SAMPLES):
        drawn = dice.choice(len(hits), count, replace=False)
        limits = binomial(int(hits[drawn].sum()), count)
        held += limits.low <= truth <= limits.high
    return held / SAMPLES
