"""A student and its certified cascade from one labelled run: for demos and examples."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vistoria.ledger import Ledger, Run
from vistoria.models.cascade import thresholds_of
from vistoria.models.onnx import open_model
from vistoria.student.backbones.embedding import Load, Vision
from vistoria.student.backbones.street import street_backbone
from vistoria.student.calibration import compare_with_teacher, described, draw_rows
from vistoria.student.certify import Goal, certify
from vistoria.student.dataset import Shares
from vistoria.student.measure import limits_of
from vistoria.student.student import Settings, train_student
from vistoria.task import Task

__all__ = ["Shown", "keep_the_model"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """`agreement`: field → estimate and limits on unseen rows. `kept`: share of rows that the
    student may answer, 0 with a reason in `why` where nothing could be certified."""

    student: Path
    learned_from: int
    agreement: dict[str, Any]
    rows: int
    target: float
    kept: float
    why: str
    seconds: float

    def sentence(self) -> str:
        """What came of it, for a person."""
        if not self.kept:
            return f"no threshold could be certified: {self.why}"
        return (
            f"{100 * self.kept:.0f} % of photos need no teacher: at least {100 * self.target:.0f} "
            f"% of all answers are what it would say, in every field, with 95 % confidence "
            f"({self.rows:,} photos compared)"
        )


def keep_the_model(
    ledger: Ledger, run: Run, task: Task, load: Load, student: Path, *, target: float = 0.9,
    rows: int = 1_000,
) -> Shown:  # fmt: skip
    """Trains on six tenths of a run's labels, writes `student`, and certifies a cascade on rows of
    three tenths that it never saw, which the run's model has answered already.

    Needs the extra `student`. Raises UserError where the run has too few answers.
    """
    settings = Settings(shares=Shares(validation=0.1, test=0.3))
    vision = Vision(street_backbone(), load, ledger.path.parent)
    made = train_student(ledger, run, task, vision, settings, name=student.stem)
    made.write(student)
    model = open_model(str(student), {})
    missing = model.unanswerable(task)
    asked = task.only([one.name for one in task.fields if one.name not in missing])
    drawn = draw_rows(ledger, run, described(student), asked, rows)
    compared, versions, _ = compare_with_teacher(ledger, model, run, asked, load, drawn)
    found = certify(
        compared, asked, Goal(target=target), student=model.version, teacher=run.model,
        versions=versions, tolerances=model.tolerances,
    )  # fmt: skip
    if found.rule is not None:
        found.rule.write(thresholds_of(student))
    return Shown(
        student=student, learned_from=int((made.rows.part == 0).sum()),
        agreement={
            name: limits_of(one.test.agreement) for name, one in made.learned.fields.items()
        },
        rows=len(compared.rows), target=target, kept=found.kept.estimate or 0.0, why=found.why,
        seconds=made.seconds,
    )  # fmt: skip
