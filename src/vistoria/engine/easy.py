"""Answers in this process what a model finds easy, before its service is asked about the rest."""

import os
import time
from collections.abc import Callable, Mapping
from typing import cast

import anyio
import anyio.to_thread

from vistoria.engine.loading import Load, Loader
from vistoria.engine.plan import Plan
from vistoria.engine.recall import Recall, identity
from vistoria.engine.work import Calls, Outcome, Ready, Work, attempt
from vistoria.engine.worker import read_reply
from vistoria.errors import ObservationError
from vistoria.events import Sink
from vistoria.ledger import Ledger
from vistoria.models import Cascading, Model
from vistoria.records import Attempt, Picture

_PART = 16  # pictures loaded and answered together, of larger work


class Easy:
    """Settles the easy part of work; several at once, on as many cores as there are."""

    def __init__(self, model: Cascading, loader: Loader, threads: int, *, cropped: bool) -> None:
        """`loader`: of images in the form `capabilities.easy`; `threads`: batches at once."""
        self._model, self._loader, self._cropped = model, loader, cropped
        self._threads = anyio.CapacityLimiter(threads)

    async def settle(self, work: Work) -> tuple[list[Attempt], Work | None]:
        """The attempts that are done, and the work that is left."""
        started = time.time()
        loaded = await self._loader.pictures(work)
        return await anyio.to_thread.run_sync(
            self._settle, work, loaded, started, limiter=self._threads
        )

    def _settle(
        self, work: Work, loaded: list[Picture | ObservationError], started: float
    ) -> tuple[list[Attempt], Work | None]:
        readable = [i for i, item in enumerate(loaded) if isinstance(item, Picture)]
        pictures = [item for item in loaded if isinstance(item, Picture)]
        rows = [work.observations[i] for i in readable]
        replies = self._model.easy(work.task, rows, pictures) if pictures else []
        done: dict[int, Outcome] = {}
        for i, reply in zip(readable, replies, strict=True):
            outcome = None if reply is None else read_reply(work, reply, Calls())
            if outcome is not None and outcome.values is not None:
                done[i] = outcome
        each = (time.time() - started) / len(loaded)
        attempts = [
            attempt(work, i, loaded[i], outcome, self._seen(work, i, loaded[i]), (started, each))
            for i, outcome in done.items()
        ]
        left = [i for i in range(len(loaded)) if i not in done]
        return attempts, work.part(left) if left else None

    def _seen(self, work: Work, i: int, item: Picture | ObservationError) -> int:
        assert isinstance(item, Picture)
        return identity(item, work.observations[i].image, cropped=self._cropped)


class Earlier:
    """What a cascade's teacher has said before: by itself, or in another cascade."""

    def __init__(self, ledger: Ledger, plan: Plan, model: Cascading) -> None:
        """Looks through the ledger's runs."""
        self._ledger = ledger
        self._questions = _questions(ledger, plan, model)

    def recalled(self, recall: Recall, ready: Ready) -> None:
        """Lets `recall` know the teacher's earlier answers to what is seen in `ready`."""
        number = ready.work.question_id
        names = [one.name for one in ready.work.task.fields]
        new = [s for s in ready.seen if s is not None and recall.known(number, s) is None]
        for question, student in self._questions.items():
            if not new:
                return
            for seen, answer, confidence, version in self._ledger.answers_to(question, new):
                if version != student and all(name in answer for name in names):
                    values = {name: answer[name] for name in names}
                    outcome = Outcome(values, None, Calls(), version, confidence, copied=True)
                    recall.keep(number, seen, outcome)


class Division:
    """Divides larger work, a part at a time on each core, so that the rest can go into jobs."""

    def __init__(
        self, ledger: Ledger, plan: Plan, model: Model, load: Load, retries: int, emit: Sink
    ) -> None:
        """`model`: one of `capabilities.easy`. `load`: loads images, at most `retries` times
        again."""
        form, cascade = model.capabilities.easy, cast("Cascading", model)
        assert form is not None
        cores = len(os.sched_getaffinity(0))
        cropped = bool(plan.run.settings.get("image.crop"))
        loader = Loader(load, form, retries=retries, emit=emit)
        self._easy = Easy(cascade, loader, cores, cropped=cropped)
        self._places = anyio.CapacityLimiter(2 * cores)  # parts whose pictures are in memory
        self.earlier = Earlier(ledger, plan, cascade)

    async def rest(self, work: Work, record: Callable[[list[Attempt]], None]) -> Work:
        """The work that is left, in order; `record` is handed what is done."""
        left: set[int] = set()

        async def settle(part: Work) -> None:
            async with self._places:
                attempts, rest = await self._easy.settle(part)
            record(attempts)
            left.update(rest.ordinals if rest else ())

        every = range(len(work.ordinals))
        async with anyio.create_task_group() as tasks:
            for start in every[::_PART]:
                tasks.start_soon(settle, work.part(every[start : start + _PART]))
        return work.part([i for i in every if work.ordinals[i] in left])


def _questions(ledger: Ledger, plan: Plan, model: Cascading) -> Mapping[int, str | None]:
    """Question → the version of the student whose answers in it do not count."""
    teacher = model.teacher
    asked = {one.fingerprint for group in plan.groups for one in group.task.fields}
    mine = {name: value for name, value in plan.run.settings.items() if name.startswith("image.")}
    wanted = {**teacher.settings, **mine}
    found: dict[int, str | None] = {}
    for run in ledger.runs():
        settings = dict(run.settings)
        student = settings.pop("student", None)
        settings.pop("thresholds", None)
        own = run.model == teacher.name or run.model.endswith(f",{teacher.name}")
        same = {one.fingerprint for one in ledger.fields(run.question_id)}
        if own and settings == wanted and same == asked and run.question_id != plan.run.question_id:
            found[run.question_id] = student
    return found
