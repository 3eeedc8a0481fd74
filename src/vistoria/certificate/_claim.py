"""What a certificate is asked to say."""

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from vistoria.errors import UserError
from vistoria.review import Domain

Measure: TypeAlias = Literal["right", "recall", "changes"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """`field`: whose labels; `answer`: only those where the machine said so. `measure`: "right"
    (the share of these labels that is right), "recall" (of what truly is `answer`, the share that
    the machine found), or "changes" (of a list of changes the share that is real: `target`, for
    `list_changes` only). `domain`: the part of the sampled population, None for all of it.

    `confidence`: of this sentence; `together`: of how many sentences that shall hold at once.
    `target`: the share to reach, if any. `stop_when_reached`: the sample may be looked at again and
    again while it grows. `simulated`: decisions of a simulated reviewer are taken, and named.
    `run_id`, `fingerprint`: the run and the field's meaning that it must be about, if given.
    """

    field: str
    answer: str | None = None
    measure: Measure = "right"
    domain: Domain | None = None
    confidence: float = 0.95
    together: int = 1
    target: float | None = None
    stop_when_reached: bool = False
    simulated: bool = False
    run_id: int | None = None
    fingerprint: str | None = None

    @property
    def level(self) -> float:
        """The confidence that each of the sentences needs (Bonferroni)."""
        return 1 - (1 - self.confidence) / self.together

    @property
    def precision(self) -> float:
        """Of a list of changes: the share that shall be real. Raises UserError without one."""
        if self.target is None or self.measure != "changes":
            raise UserError("a list of changes needs the measure 'changes' and a target")
        return self.target

    def document(self) -> dict[str, Any]:
        """What tells this claim from others, as JSON values."""
        asked = {"precision": self.target} if self.measure == "changes" else {}
        return asked | {
            "field": self.field, "answer": self.answer, "measure": self.measure,
            "domain": None if self.domain is None else self.domain.document,
            "confidence": self.confidence, "together": self.together,
            "stop_when_reached": self.stop_when_reached,
        }  # fmt: skip
