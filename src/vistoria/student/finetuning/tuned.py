"""A backbone tuned on the labels, ready for the heads; and what that changed.

The features of rows that the backbone was tuned on look better than those of new photos. So heads
are judged on rows without influence on it (`sides`), doubtful labels are those that the backbone as
it was before doubts, and the card sets the figures of both side by side.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vistoria.errors import UserError
from vistoria.ledger import Ledger, Run
from vistoria.records import ImageForm, ImageRef
from vistoria.student.backbones.backbone import Backbone, Floats
from vistoria.student.backbones.conversion import converted, weights_backbone
from vistoria.student.backbones.embedding import Embedded, Listen, Load, image_key, unheard
from vistoria.student.backbones.network import device_named, open_network
from vistoria.student.backbones.weights import Weights
from vistoria.student.dataset import Shares, TrainingSet, gather
from vistoria.student.finetuning.aims import aims_of, scale_of
from vistoria.student.finetuning.augmentation import check_flip
from vistoria.student.finetuning.frames import Frames, read_frames
from vistoria.student.finetuning.lesson import FineTuning, Lesson
from vistoria.student.finetuning.school import Course, fine_tune
from vistoria.student.finetuning.sides import Sides, sides_of
from vistoria.student.measure import limits_of
from vistoria.student.training import Learned, learn
from vistoria.task import Task

__all__ = ["Tuned", "Untuned", "fine_tuned", "tuned_lines", "worse_fields"]

_SUSPECTS = 10_000  # doubtful labels that are kept, of which the settings of a student list some


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuned:
    """How pictures are seen after tuning (a `Seeing`). `taught`, `watched`: ordinals; `vectors`:
    of each image that could be read; `frozen`: heads on the backbone as it was before."""

    backbone: Backbone
    load: Load = field(repr=False)
    course: Course
    options: FineTuning
    frozen: Learned = field(repr=False)
    taught: NDArray[np.int64] = field(repr=False)
    watched: NDArray[np.int64] = field(repr=False)
    vectors: Mapping[int, Floats] = field(repr=False)
    failed: Counter[str]

    def embed(
        self, images: Sequence[ImageRef], look: str = "", listen: Listen = unheard
    ) -> Embedded:
        """The vectors of images that were there when it was tuned."""
        del look, listen
        keys = [image_key(image) for image in images]
        rows = [i for i, key in enumerate(keys) if key in self.vectors]
        found = [self.vectors[keys[i]] for i in rows]
        stacked = np.stack(found) if found else np.zeros((0, 0), np.float32)
        return Embedded(np.array(rows, np.int64), stacked, self.failed, len(rows))

    def sides(self, rows: TrainingSet) -> Sides:
        """Which of these rows it was tuned and watched on. Raises UserError where one of them is
        no longer there to be learned from: locked, or of another part."""
        found = Sides(np.isin(rows.ordinals, self.taught), np.isin(rows.ordinals, self.watched))
        gone = len(self.taught) - int((found.taught & (rows.part == 0)).sum())
        if gone:
            raise UserError(
                f"{gone} rows that the backbone was tuned on were locked or moved meanwhile; train "
                "again: it starts from the backbone as it was"
            )
        return Sides(found.taught, found.watched & (rows.part == 0))

    def document(self, learned: Learned) -> dict[str, Any]:
        """What is to be known about it, as JSON values. `learned`: heads on the tuned backbone."""
        course = self.course
        return {
            "taught": len(self.taught), "watched": len(self.watched),
            "epochs": len(course.history), "kept_epoch": course.best,
            "watched_loss_before": round(course.start, 5),
            "loss": [round(one.loss, 5) for one in course.history],
            "watched_loss": [round(one.watched, 5) for one in course.history],
            "steps": course.steps, "resumed_at": course.resumed_at, "device": course.device,
            "seconds": round(course.seconds, 1), "options": self.options.model_dump(),
            "agreement": {
                name: {
                    "frozen": limits_of(before.test.agreement),
                    "tuned": limits_of(learned.fields[name].test.agreement),
                    "assets": before.test.assets,
                }
                for name, before in self.frozen.fields.items() if name in learned.fields
            },
        }  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Untuned:
    """A backbone that is to be tuned, and how. `shares`: which rows for what; `folder`: where its
    state is kept until the student is written."""

    weights: Weights
    load: Load = field(repr=False)
    folder: Path
    options: FineTuning = field(default_factory=FineTuning)
    shares: Shares = field(default_factory=Shares)


def fine_tuned(
    ledger: Ledger, run: Run, task: Task, untuned: Untuned, listen: Listen = unheard
) -> Tuned:
    """The backbone tuned on the labels of a run, as `dataset.gather` gives them.

    Raises MissingExtra without torch, and UserError where there is too little to learn from.
    """
    options, weights = untuned.options, untuned.weights
    if options.flip:
        check_flip(task)
    device = device_named(options.device)
    rows = gather(ledger, run, task, untuned.shares)
    weights_backbone(weights, listen)  # what cannot leave as ONNX is not worth hours
    network = open_network(weights)
    form = ImageForm(kind="pixels", width=weights.width, height=weights.height)
    untuned.folder.mkdir(parents=True, exist_ok=True)
    frames = read_frames(rows.images, untuned.load, form, untuned.folder, listen)
    kept = _readable(rows, frames)
    sides = sides_of(kept, options.seed)
    before = network.embed(frames.pixels, device, listen)
    frozen = learn(kept, before, task, listen, suspects=_SUSPECTS)
    lesson = _lesson(kept, frames, before, frozen, sides)
    course = fine_tune(network, lesson, options, untuned.folder, device, listen)
    vectors = network.embed(frames.pixels, device, listen)
    return Tuned(
        backbone=converted(network, f"{weights.name} (fine-tuned)"), load=untuned.load,
        course=course, options=options, frozen=frozen, taught=kept.ordinals[sides.taught],
        watched=kept.ordinals[sides.watched], failed=frames.failed,
        vectors=dict(zip(lesson.keys.tolist(), vectors, strict=True)),
    )  # fmt: skip


def _readable(rows: TrainingSet, frames: Frames) -> TrainingSet:
    kept = np.zeros(len(rows), np.bool_)
    kept[frames.rows] = True
    return rows.only(kept)


def _lesson(
    rows: TrainingSet, frames: Frames, before: Floats, frozen: Learned, sides: Sides
) -> Lesson:
    scale = scale_of(before, sides)
    aims = aims_of(rows, before, frozen, scale, sides)
    keys = np.array([image_key(image) for image in rows.images], np.int64)
    return Lesson(frames=frames.pixels, keys=keys, aims=aims, scale=scale, sides=sides)


def tuned_lines(tuning: Mapping[str, Any] | None) -> Iterator[str]:
    """Of the card: what was tuned, how, and what that changed."""
    if tuning is None:
        return
    yield "## Fine-tuning"
    yield ""
    yield (
        f"The backbone and a head per field were tuned together on {tuning['taught']:,} of the "
        f"rows to learn from; on {tuning['watched']:,} others it was watched, and the state "
        f"after epoch {tuning['kept_epoch']} of {tuning['epochs']} was kept "
        f"({tuning['seconds']:,} s on {tuning['device']}). Confidence was fitted on the watched "
        "rows; thresholds rest on validation rows and the figures on test rows, neither of which "
        "had any influence. Agreement on the same test rows, with and without:"
    )
    yield ""
    yield "| field | frozen backbone | fine-tuned |"
    yield "|---|---|---|"
    for name, one in tuning["agreement"].items():
        cells = " | ".join(_limits(one[kind]) for kind in ("frozen", "tuned"))
        yield f"| {name} | {cells} |"
    yield ""
    if worse := worse_fields(tuning):
        yield (
            f"On {', '.join(worse)} the frozen backbone did better: consider training without "
            "fine-tuning, or with a lower rate."
        )
        yield ""


def worse_fields(tuning: Mapping[str, Any]) -> list[str]:
    """Fields whose agreement on test rows is lower than on the frozen backbone."""
    return [
        name for name, one in tuning["agreement"].items()
        if (one["tuned"]["estimate"] or 0) < (one["frozen"]["estimate"] or 0)
    ]  # fmt: skip


def _limits(given: Mapping[str, float | None]) -> str:
    if given["estimate"] is None:
        return "not measured"
    return f"{given['estimate']:.3f} ({given['low']:.3f} … {given['high']:.3f})"
