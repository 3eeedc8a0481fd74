"""The demo's student: a small model of the labels, and how many photos it may answer alone."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vistoria.errors import MissingExtra, UserError
from vistoria.images import Images
from vistoria.ledger import Ledger, Run
from vistoria.task import Task

if TYPE_CHECKING:
    from vistoria.student.showcase import Shown

__all__ = ["Kept", "keep"]

_TARGET = 0.9  # a small town has too few photos to prove more


@dataclass(frozen=True, slots=True)
class Kept:
    """What came of it: `shown`, or the reason why there is no student."""

    shown: "Shown | None"
    why: str = ""

    def document(self) -> dict[str, Any]:
        """As JSON values."""
        if self.shown is None:
            return {"why": self.why}
        return asdict(self.shown) | {"student": str(self.shown.student)}

    def __str__(self) -> str:
        """One sentence for a person."""
        if self.shown is None:
            return self.why
        return f"learned from {self.shown.learned_from:,} photos; {self.shown.sentence()}"


def keep(student: Path, ledger_file: Path, run: Run, task: Task) -> Kept:
    """Trains on the run's labels, writes `student` and its thresholds."""
    try:
        from vistoria.student.showcase import keep_the_model  # noqa: PLC0415 - heavy

        with Ledger(ledger_file, create=False) as ledger:
            return Kept(keep_the_model(ledger, run, task, Images().load, student, target=_TARGET))
    except (MissingExtra, UserError) as error:
        return Kept(None, str(error))
