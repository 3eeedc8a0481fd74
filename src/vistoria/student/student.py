"""Trains a student on a run's labels and writes it down: one ONNX file and its card."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from vistoria.errors import UserError
from vistoria.ledger import Ledger, Run, Sample
from vistoria.pricing import Spend
from vistoria.student.backbones.backbone import Backbone, EmbeddingModel
from vistoria.student.backbones.embedding import Embedded, Listen, Load, Seeing, unheard
from vistoria.student.card import card_document, card_text
from vistoria.student.dataset import LOCKED, Shares, TrainingSet, gather, locked_marks
from vistoria.student.export import Described, head_document, student_graph, write_student
from vistoria.student.finetuning.tuned import Tuned
from vistoria.student.measure import answers_of
from vistoria.student.quantise import Quantised, quantised
from vistoria.student.targets import fitting
from vistoria.student.training import Fitted, Learned, learn
from vistoria.task import Task
from vistoria.truth import certify_selective

__all__ = ["Settings", "Student", "Written", "train_student"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How to train. `shares`: which rows for what. `int8`: write the backbone in 8 bits. `abstain`:
    the share of kept answers that should agree with the teacher, for the thresholds in the file;
    `suspects`: how many doubtful labels to list."""

    shares: Shares = field(default_factory=Shares)
    int8: bool = False
    abstain: float = 0.95
    suspects: int = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """Where a student is, and what its version is. `quantised`: what 8 bits changed."""

    path: Path
    card: Path
    suspects: Path
    version: str
    quantised: Quantised | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Student:
    """A trained student, before it is written. `rows` are those that were embedded, in the order
    of `embedded.vectors`; `locked`: the samples that it may not see; `spent`: what the teacher's
    labels cost; `tuned`: how the backbone was fine-tuned, if it was."""

    name: str
    run_id: int
    task: Task
    backbone: Backbone | EmbeddingModel
    load: Load = field(repr=False)
    rows: TrainingSet
    embedded: Embedded
    learned: Learned
    settings: Settings
    locked: tuple[Sample, ...]
    spent: Spend
    seconds: float
    tuned: Tuned | None = field(default=None, repr=False)

    @property
    def thresholds(self) -> dict[str, float | None]:
        """Field → confidence from which its answers agree with the teacher's as often as
        `settings.abstain` says, certified on validation rows; None where that can't be shown."""
        return {name: self._threshold(name, one) for name, one in self.learned.fields.items()}

    def _threshold(self, name: str, fitted: Fitted) -> float | None:
        known = (self.rows.part == 1) & (self.rows.weights[name] > 0)
        index = np.flatnonzero(known)
        index = index[[self.rows.teacher[name][i] is not None for i in index.tolist()]]
        if len(index) < 20:
            return None
        outputs = fitted.head.outputs(self.embedded.vectors[index])
        said, sure = answers_of(fitted.head, outputs)
        right = [
            fitting(value, self.rows.teacher[name][i], fitted.head.tolerance)
            for value, i in zip(said, index.tolist(), strict=True)
        ]
        found = certify_selective(sure, right, target=self.settings.abstain)
        return None if found.threshold is None else round(found.threshold, 4)

    def write(self, path: Path) -> Written:
        """Writes the ONNX file, its card (.md and .json) and the doubtful labels (.csv) beside it.

        Raises UserError where the file cannot be an ONNX file.
        """
        if path.suffix != ".onnx":
            raise UserError(f"a student is written as an .onnx file, not {str(path)!r}")
        thresholds = self.thresholds
        fields = self.learned.fields
        backbone, loss = self.backbone, None
        if self.settings.int8:
            backbone, loss = quantised(self)
        heads = {name: one.head for name, one in fields.items()}
        described = Described(
            name=path.stem, taken=backbone.taken, about=self._about(),
            heads=[
                head_document(one.head, trained=one.trained, abstain_below=thresholds[name])
                for name, one in fields.items()
            ],
        )  # fmt: skip
        version = write_student(student_graph(backbone, heads), described, path)
        document = card_document(self, version, thresholds, loss)
        card = path.with_suffix(".md")
        card.write_text(card_text(document))
        path.with_suffix(".json").write_text(json.dumps(document, indent=2, ensure_ascii=False))
        suspects = path.with_name(f"{path.stem}.suspects.csv")
        _write_suspects(self.learned, suspects)
        if self.tuned is not None:
            self.tuned.course.checkpoint.unlink(missing_ok=True)
        return Written(path=path, card=card, suspects=suspects, version=version, quantised=loss)

    def _about(self) -> Mapping[str, Any]:
        """What goes into the file besides its heads: enough to know what it may be tested on."""
        shares = self.settings.shares
        return {
            "task": {
                "name": self.task.name, "fingerprint": self.task.fingerprint,
                "fields": {one.name: one.fingerprint for one in self.task.fields},
            },
            "teacher": {"model": self.rows.teacher_name, "versions": self.rows.teacher_versions},
            "backbone": {
                "name": self.backbone.name, "version": self.backbone.version,
                "fine_tuned": self.tuned is not None,
            },
            "rows": {
                "run": self.run_id, "train": int((self.rows.part == 0).sum()),
                "validation_share": shares.validation, "test_share": shares.test,
                "seed": shares.seed,
            },
            "locked_samples": [[one.sample_id, one.drawn_at] for one in self.locked],
            "learned_samples": [[one.sample_id, one.drawn_at] for one in self.rows.samples],
            "left_to_teacher": dict(self.learned.left),
        }  # fmt: skip


def train_student(
    ledger: Ledger, run: Run, task: Task, vision: Seeing, settings: Settings, *,
    name: str = "student", listen: Listen = unheard,
) -> Student:  # fmt: skip
    """A student of a run's labels.

    Notes in the ledger which reviewed samples were learned from, so that they certify nothing.
    Raises UserError when there is nothing to learn from.
    """
    started = time.monotonic()
    rows = gather(ledger, run, task, settings.shares)
    embedded = vision.embed(rows.images, look_of(run), listen)
    if not len(embedded.rows):
        raise UserError(f"none of {len(rows)} pictures could be read: {dict(embedded.failed)}")
    readable = np.zeros(len(rows), np.bool_)
    readable[embedded.rows] = True
    kept = rows.only(readable)
    tuned = vision if isinstance(vision, Tuned) else None
    learned = _learned(kept, embedded, task, settings, tuned, listen)
    if locked_marks(ledger) - kept.locked:
        raise UserError("a sample was locked for certification meanwhile; train again")
    for sample in kept.samples:
        ledger.reviews.note_use(sample, "training")
    return Student(
        name=name, run_id=run.run_id, task=task, backbone=vision.backbone, load=vision.load,
        rows=kept, embedded=embedded, learned=learned, settings=settings,
        locked=tuple(one for one in ledger.reviews.samples() if one.purpose in LOCKED),
        spent=ledger.spending(run.run_id), tuned=tuned,
        seconds=time.monotonic() - started + (tuned.course.seconds if tuned else 0),
    )  # fmt: skip


def _learned(
    rows: TrainingSet, embedded: Embedded, task: Task, settings: Settings, tuned: Tuned | None,
    listen: Listen,
) -> Learned:  # fmt: skip
    """Heads; on a backbone that was tuned, doubtful labels are those of the backbone before."""
    vectors, count = embedded.vectors, settings.suspects
    if tuned is None:
        return learn(rows, vectors, task, listen, suspects=count)
    sides = tuned.sides(rows)
    found = learn(rows, vectors, task, listen, suspects=0, sides=sides)
    return replace(found, suspects=tuned.frozen.suspects[:count])


def look_of(run: Run) -> str:
    """What a run does to images before a model sees them."""
    return json.dumps({k: v for k, v in run.settings.items() if k.startswith("image.")})


def _write_suspects(learned: Learned, path: Path) -> None:
    import csv  # noqa: PLC0415

    with path.open("w", newline="", encoding="utf-8") as file:
        out = csv.writer(file)
        out.writerow(["ordinal", "field", "label", "student_says", "margin"])
        for one in learned.suspects:
            out.writerow([one.ordinal, one.field, one.label, one.student, round(one.margin, 4)])
