"""A session that stays open: observations are settled one by one, as somebody brings them."""

import os
import time
from contextlib import ExitStack
from typing import Self, cast

import anyio
import anyio.to_thread

from vistoria.engine.easy import Earlier, Easy
from vistoria.engine.loading import Load, Loader
from vistoria.engine.local import Limits, open_asker, open_tab
from vistoria.engine.plan import Plan
from vistoria.engine.recall import Recall
from vistoria.engine.versions import Versions
from vistoria.engine.work import Outcome, Work, attempt
from vistoria.engine.worker import Worker
from vistoria.errors import Unreachable
from vistoria.events import Settled, Sink, Spent
from vistoria.ledger import Ledger
from vistoria.models import Cascading, Model
from vistoria.records import Attempt

_AT_ONCE = 64  # observations whose images are in memory


class Standing:
    """Asks about one observation at a time, as a run does: the same limit, ledger and ceiling.

    Use it as an asynchronous context manager, on the loop that made it.
    """

    def __init__(
        self, plan: Plan, ledger: Ledger, model: Model, load: Load, limits: Limits, emit: Sink
    ) -> None:
        """`plan`: of what is to come, with one group, which tells what is asked. Raises UserError
        when the ceiling cannot be kept."""
        self._plan, self._ledger, self._model = plan, ledger, model
        self._limits, self._load, self._emit = limits, load, emit
        self._group = plan.groups[0]
        self._loader = Loader(load, model.capabilities.image, retries=limits.retries, emit=emit)
        self._tab = open_tab(plan, model, limits)
        self._versions = Versions(model.name, emit)
        self._places = anyio.CapacityLimiter(_AT_ONCE)
        self._open = ExitStack()
        self._session = 0
        self._before = 0

    async def __aenter__(self) -> Self:
        """Ends what killed sessions left open, and begins one."""
        plan, ledger, model = self._plan, self._ledger, self._model
        ledger.bury_sessions(plan.run)
        self._before = (ledger.spending(plan.run.run_id) + self._limits.already).money or 0
        self._session = ledger.start_session(plan.run)
        cropped = bool(plan.run.settings.get("image.crop"))
        self._recall = Recall(ledger, fresh=False, cropped=cropped)
        self._worker = Worker(
            open_asker(
                self._model,
                self._ledger,
                self._tab,
                self._limits,
                self._session,
                self._emit,
                self._open,
            ),
            self._recall,
        )
        self._easy: Easy | None = None
        if (form := model.capabilities.easy) is not None:
            loader = Loader(self._load, form, retries=self._limits.retries, emit=self._emit)
            cores, cascade = len(os.sched_getaffinity(0)), cast("Cascading", model)
            self._easy = Easy(cascade, loader, cores, cropped=cropped)
            self._earlier = Earlier(ledger, plan, cascade)
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Ends the session; calls in flight are marked as lost."""
        try:
            await self._model.aclose()
        finally:
            self._open.close()
            self._ledger.flush()
            self._ledger.end_session(self._session, "failed" if kind else "finished")

    async def settle(self, ordinal: int) -> Attempt | None:
        """What came of it, once that is on disk; None where another process settles it.

        Raises UserError and RunStopped as a run does: when no call can succeed now.
        """
        async with self._places:
            made = await self._settle(self._work(ordinal))
        if made is None:
            return None
        await self._keep(made)
        return made

    async def give_up(self, ordinal: int, said: str) -> Attempt:
        """Records that it could not be asked about; a later run asks again."""
        error = Unreachable(said)
        work, times = self._work(ordinal), (time.time(), 0.0)
        made = attempt(work, 0, error, Outcome(error=error), None, times)
        await self._keep(made)
        return made

    def _work(self, ordinal: int) -> Work:
        task, question_id = self._group.task, self._group.question_id
        observations = self._ledger.observations([ordinal])
        return Work(task, self._plan.run.run_id, question_id, [ordinal], observations)

    async def _settle(self, work: Work) -> Attempt | None:
        if self._easy is not None:
            easy, left = await self._easy.settle(work)
            if left is None:
                return easy[0]
        ready = self._recall.look_up(work, await self._loader.pictures(work))
        if self._easy is not None:
            self._earlier.recalled(self._recall, ready)
        attempts = await self._worker.settle(ready)
        return attempts[0] if attempts else None

    async def _keep(self, made: Attempt) -> None:
        self._ledger.record([made])
        await anyio.to_thread.run_sync(self._ledger.flush)
        self._versions.look([made])
        self._emit(Settled(attempts=(made,)))
        if self._tab.priced:
            now, most = self._tab.spent.money, self._limits.ceiling.money
            self._emit(Spent(before=self._before, now=now, most=most))
