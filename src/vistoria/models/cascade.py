"""`cascade:STUDENT.onnx,PROVIDER:NAME`: the student answers what is easy, the teacher the rest.

The student computes in this process and costs nothing. Its answer stands where it is at least as
sure as thresholds that `vistoria cascade` certified (see `_cascade_rule`); all else goes to the
teacher, through its own limits and under the run's budget. Each label bears the version of who
gave it. A share of what the student answered is asked of the teacher too, and where these audits
prove that the thresholds no longer hold, or the teacher answers as another version than it was
certified with, the student keeps quiet for the rest of the session.

In batch jobs the student answers before any job is made, and the rest goes into jobs; what the
teacher's answers tell about audits and versions is heard when they are collected.

Options are the teacher's, and `thresholds`: another file than `<student>.cascade.json`.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from hashlib import blake2b
from pathlib import Path
from typing import Any

from vistoria import registry
from vistoria.errors import AnswerInvalid, ConfigError, ObservationError
from vistoria.google_account import GoogleSettings
from vistoria.models import Batches
from vistoria.models._cascade_batches import Watched
from vistoria.models._cascade_rule import Audit, Rule, read_rule
from vistoria.models.onnx import OnnxModel
from vistoria.models.onnx import open_model as open_student
from vistoria.records import Answer, Observation, Picture, Reply, Value
from vistoria.task import Task

__all__ = ["Cascade", "listing", "open_model", "thresholds_of"]

_log = logging.getLogger(__name__)


def listing() -> tuple[str, ...]:
    """None: a cascade is made of two models of one's own choice."""
    return ()


def thresholds_of(student: Path) -> Path:
    """Where a student's certified thresholds are."""
    return student.with_suffix(".cascade.json")


def open_model(name: str, options: Mapping[str, Any]) -> "Cascade":
    """Raises ConfigError where student, teacher and thresholds do not belong together."""
    file, comma, rest = name.partition(",")
    provider, _, model = rest.partition(":")
    if not comma or not provider:
        raise ConfigError(
            f"'cascade:{name}' must name a student and a teacher, such as "
            "cascade:student.onnx,gemini:gemini-3.5-flash-lite"
        )
    own, module = dict(options), registry.load("models", provider)
    google, thresholds = own.pop("google", None), own.pop("thresholds", None)
    if google is not None and (share := getattr(module, "shared_options", None)):
        own = {**share(google, own), **own}
    teacher = module.open_model(model, own)
    rule = read_rule(Path(thresholds or thresholds_of(Path(file))))
    return Cascade(name, open_student(file, {}), teacher, rule)


def shared_options(google: GoogleSettings, options: Mapping[str, Any]) -> Mapping[str, Any]:  # noqa: ARG001 - the seam's signature
    """What the project says about Google, for the teacher to make of it what it does alone."""
    return {"google": google}


class Cascade:
    """A student before its teacher."""

    def __init__(self, name: str, student: OnnxModel, teacher: Any, rule: Rule) -> None:
        """Raises ConfigError where the rule was certified for other models."""
        if student.version != rule.student:
            raise ConfigError(
                f"the thresholds were certified for student {rule.student!r}, this is "
                f"{student.version!r}; run `vistoria cascade` again"
            )
        if teacher.name != rule.teacher:
            raise ConfigError(
                f"the thresholds were certified with teacher {rule.teacher!r}, not "
                f"{teacher.name!r}; run `vistoria cascade` with that teacher"
            )
        self.name = f"cascade:{name}"
        self.student, self.teacher, self.rule = student, teacher, rule
        mark = blake2b(repr((rule.threshold, sorted(rule.classes.items()))).encode(), digest_size=6)
        self.settings: Mapping[str, Any] = {
            **teacher.settings, "student": student.version, "thresholds": mark.hexdigest(),
        }  # fmt: skip
        self.capabilities = replace(
            teacher.capabilities, blocking=False, resolutions=(), easy=student.capabilities.image,
            billed_as=teacher.capabilities.billed_as or teacher.name,
            handed_over=min(1.0, 1 - rule.kept * (1 - rule.audit)),
        )  # fmt: skip
        self._audit = Audit(rule.alarms)
        self._audited: dict[str, Answer] = {}
        self._quiet = ""

    def unanswerable(self, task: Task) -> tuple[str, ...]:
        """Fields that one of the two cannot answer: for those there is nothing to compare. Raises
        UserError where the student was taught other choices."""
        missing = {*self.student.unanswerable(task), *self.teacher.unanswerable(task)}
        return tuple(one.name for one in task.fields if one.name in missing)

    def easy(
        self, task: Task, rows: Sequence[Observation], pictures: Sequence[Picture]
    ) -> list[Reply | None]:
        """The student's answer where it stands, else None; in the calling thread."""
        asked = {one.name: one.fingerprint for one in task.fields}
        if self._quiet or asked != dict(self.rule.fields):
            return [None] * len(pictures)
        replies = self.student.answer(task, pictures)
        return [
            self._kept(task, row, picture, reply)
            for row, picture, reply in zip(rows, pictures, replies, strict=True)
        ]

    def _kept(self, task: Task, row: Observation, picture: Picture, reply: Reply) -> Reply | None:
        if not self.rule.domain.holds(row):
            return None
        try:
            values = task.parse(reply.answer)
        except AnswerInvalid:
            return None
        if not self.rule.keeps(values, reply.confidence or {}):
            return None
        if _chosen(picture.uri, self.rule.audit):
            self._audited[picture.uri] = values
            return None
        return reply

    async def ask(
        self, task: Task, pictures: Sequence[Picture], *, correction: str | None = None
    ) -> Sequence[Reply | ObservationError]:
        """The teacher's answers."""
        replies: Sequence[Reply | ObservationError] = await self.teacher.ask(
            task, pictures, correction=correction
        )
        for picture, reply in zip(pictures, replies, strict=True):
            if isinstance(reply, Reply):
                self._watch(task, picture.uri, reply)
        return replies

    def batches(self) -> Batches:
        """The teacher's batch jobs; raises ConfigError as it does."""
        return Watched(self.teacher.batches(), self._audited.keys(), self._watch)

    def _watch(self, task: Task | None, uri: str, reply: Reply) -> None:
        """Notices another version of the teacher, and compares where the student was sure. `task`:
        what it was asked, where that is known."""
        known = self.rule.versions
        if known and reply.model_version not in known:
            self._hush(
                f"{self.teacher.name} now answers as {reply.model_version}, and the thresholds "
                f"were certified with {', '.join(known)}"
            )
        kept = self._audited.pop(uri, None)
        if kept is None or task is None:
            return
        try:
            values = task.parse(reply.answer)
        except AnswerInvalid:
            return
        tolerance = self.rule.tolerances
        self._audit.note(
            {n: not _same(kept[n], value, tolerance.get(n, 0.0)) for n, value in values.items()}
        )
        if self._audit.rang:
            self._hush(self._audit.rang)

    def _hush(self, why: str) -> None:
        if not self._quiet:
            self._quiet = why
            _log.warning("%s: the teacher answers everything from now on, because %s. Run "
                         "`vistoria cascade` again", self.name, why)  # fmt: skip

    async def aclose(self) -> None:
        """Closes the teacher's connections."""
        await self.teacher.aclose()


def _chosen(uri: str, rate: float) -> bool:
    """A share of all addresses, always the same ones."""
    place = int.from_bytes(blake2b(uri.encode("utf-8", "surrogatepass"), digest_size=8).digest())
    return place < rate * 2**64


def _same(said: Value, right: Value, tolerance: float) -> bool:
    if isinstance(said, list) and isinstance(right, list):
        return sorted(map(str, said)) == sorted(map(str, right))
    numbers = all(isinstance(v, float | int) and not isinstance(v, bool) for v in (said, right))
    if numbers:
        assert isinstance(said, float | int)
        assert isinstance(right, float | int)
        return abs(said - right) <= tolerance + 1e-9
    return said == right
