"""Reads a source into the manifest and works out what still has to be asked."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from vistoria.errors import UnknownName, UserError, failure_reasons
from vistoria.events import Scanned, Sink
from vistoria.ledger import Ledger, Run, RunSpec
from vistoria.models import Model
from vistoria.sources import Selection, Source
from vistoria.task import Task


@dataclass(frozen=True, slots=True)
class Group:
    """Observations that lack the same fields, and the task that asks just those."""

    task: Task
    question_id: int
    ordinals: NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a run has to do. `unanswerable` are fields of the task that the model cannot answer;
    `resumed` tells that the run was begun earlier, `fresh` that earlier
    answers do not count."""

    run: Run
    total: int
    groups: tuple[Group, ...]
    unanswerable: tuple[str, ...]
    resumed: bool
    fresh: bool = False

    @property
    def pending(self) -> int:
        """How many observations will be asked about."""
        return sum(len(group.ordinals) for group in self.groups)

    def only(self, ordinals: NDArray[np.int64]) -> "Plan":
        """The part of it that asks about these observations."""
        return self._kept(lambda group: np.isin(group.ordinals, ordinals))

    def without(self, ordinals: NDArray[np.int64]) -> "Plan":
        """The part of it that does not."""
        return self._kept(lambda group: ~np.isin(group.ordinals, ordinals))

    def _kept(self, mask: Callable[[Group], NDArray[np.bool_]]) -> "Plan":
        groups = (replace(group, ordinals=group.ordinals[mask(group)]) for group in self.groups)
        return replace(self, groups=tuple(group for group in groups if len(group.ordinals)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Which observations to ask: those without an answer, or of them only those that any model
    failed on before, for that `reason` if one is given; `fresh` asks all of them again."""

    only: Literal["pending", "failed"] = "pending"
    reason: str | None = None
    fresh: bool = False

    @classmethod
    def parse(cls, only: str | None, *, fresh: bool = False) -> Self:
        """From nothing, "failed" or "failed:REASON"; raises UnknownName."""
        if only is None:
            return cls(fresh=fresh)
        what, colon, reason = only.partition(":")
        if what != "failed":
            raise UnknownName("part of a run to ask again", only, ("failed", "failed:REASON"))
        if colon and reason not in failure_reasons():
            raise UnknownName("reason of failures", reason, failure_reasons())
        return cls(only="failed", reason=reason or None, fresh=fresh)


@dataclass(frozen=True, slots=True)
class Ask:
    """A task put to a model. `settings`: all besides task and model that can change an answer,
    what is done to the images included; JSON values."""

    task: Task
    model: Model
    settings: Mapping[str, Any]

    def question(self, ledger: Ledger, task: Task) -> int:
        """The ledger's number for this task or a part of it."""
        return ledger.question(self.model.name, self.settings, task)


def answerable(task: Task, model: Model) -> tuple[Task, tuple[str, ...]]:
    """The part of `task` that the model can answer, and the names of the fields left out.

    Raises UserError when nothing is left.
    """
    missing = model.unanswerable(task)
    kept = [field.name for field in task.fields if field.name not in missing]
    if not kept:
        raise UserError(
            f"{model.name!r} can answer none of the fields of task {task.name!r} "
            f"({', '.join(missing)}); choose another task or another model"
        )
    return (task.only(kept) if missing else task), missing


def make_plan(
    ledger: Ledger, source: Source, selection: Selection, ask: Ask, choice: Choice, emit: Sink
) -> Plan:
    """Brings the manifest up to date and compares it with what the ledger has already."""
    task, unanswerable = answerable(ask.task, ask.model)
    question_id = ask.question(ledger, task)
    run, resumed = ledger.begin(_spec(source, selection, question_id), fresh=choice.fresh)
    ordinals = _scan(ledger, source, selection, emit)
    if choice.only == "failed":
        failed = ordinals[ledger.failed(question_id, choice.reason)[ordinals]]
        # Another model takes over just these; the same model keeps all its observations.
        ordinals = ordinals if resumed else failed
    ledger.set_scope(run, ordinals)
    since = run.run_id if choice.fresh else 0
    missing = _missing(ledger, question_id, ordinals, choice, since)
    groups = tuple(_groups(ledger, ask, task, ordinals, missing))
    return Plan(
        run=run,
        total=len(ordinals),
        groups=groups,
        unanswerable=unanswerable,
        resumed=resumed,
        fresh=choice.fresh,
    )


def plan_part(ledger: Ledger, like: Run, ask: Ask, ordinals: NDArray[np.int64]) -> Plan:
    """A plan to ask some of the observations of a run something else: in a run of its own, which
    `make_plan` for the same question goes on with."""
    task, unanswerable = answerable(ask.task, ask.model)
    question_id = ask.question(ledger, task)
    spec = RunSpec(
        source=like.source,
        profile=like.profile,
        selection=like.selection,
        question_id=question_id,
        version=version("vistoria"),
    )
    run, resumed = ledger.begin(spec)
    ledger.set_scope(run, np.union1d(ledger.scope(run).ordinals, ordinals))
    missing = _missing(ledger, question_id, ordinals, Choice(), 0)
    return Plan(
        run=run,
        total=len(ordinals),
        groups=tuple(_groups(ledger, ask, task, ordinals, missing)),
        unanswerable=unanswerable,
        resumed=resumed,
    )


def plan_to_come(ledger: Ledger, source: Source, selection: Selection, ask: Ask) -> Plan:
    """The run that `make_plan` goes on with for the same, with nothing to ask as yet: for
    observations that are brought one by one. The source is not read."""
    task, unanswerable = answerable(ask.task, ask.model)
    question_id = ask.question(ledger, task)
    run, resumed = ledger.begin(_spec(source, selection, question_id))
    group = Group(task, question_id, np.zeros(0, dtype=np.int64))
    return Plan(run=run, total=0, groups=(group,), unanswerable=unanswerable, resumed=resumed)


def _spec(source: Source, selection: Selection, question_id: int) -> RunSpec:
    chosen = {k: v for k, v in asdict(selection).items() if v is not None}
    return RunSpec(
        source=source.address, profile=source.profile, selection=chosen, question_id=question_id,
        version=version("vistoria"),
    )  # fmt: skip


def _scan(ledger: Ledger, source: Source, selection: Selection, emit: Sink) -> NDArray[np.int64]:
    found, rows = [np.zeros(0, dtype=np.int64)], 0
    for batch in source.batches(selection):
        found.append(ledger.ordinals(batch, source.complete))
        rows += batch.num_rows
        emit(Scanned(rows=rows))
    ordinals = np.concatenate(found)
    if (np.diff(ordinals) > 0).all():  # as when a table is read again: no need to sort
        return ordinals
    return np.unique(ordinals)


def _missing(
    ledger: Ledger, question_id: int, ordinals: NDArray[np.int64], choice: Choice, since: int
) -> NDArray[np.bool_]:
    """Observations × fields: True where an answer is to be asked."""
    names = [field.fingerprint for field in ledger.fields(question_id)]
    if choice.only == "failed":
        failed = ledger.failed(question_id, choice.reason)[ordinals]
        answered = ledger.mask(question_id, "answered", since_run=since)
        return np.stack([failed & ~answered[n][ordinals] for n in names], axis=1)
    settled = ledger.mask(question_id, "settled", since_run=since)
    return np.stack([~settled[n][ordinals] for n in names], axis=1)


def _groups(
    ledger: Ledger, ask: Ask, task: Task, ordinals: NDArray[np.int64], missing: NDArray[np.bool_]
) -> list[Group]:
    groups = []
    some = missing.any(axis=1)
    ordinals, missing = ordinals[some], missing[some]
    for pattern in np.unique(missing, axis=0)[::-1]:  # most missing fields first
        chosen = ordinals[(missing == pattern).all(axis=1)]
        lacking = [f.name for f, m in zip(task.fields, pattern, strict=True) if m]
        part = task if pattern.all() else task.only(lacking)
        groups.append(Group(part, ask.question(ledger, part), chosen))
    return groups
