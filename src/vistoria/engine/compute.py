"""Loads and answers a batch in one thread, for models that compute in this process."""

import logging
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeAlias, TypeVar

import anyio
import anyio.to_thread

from vistoria.engine.loading import Loaded, Loader
from vistoria.engine.recall import Recall
from vistoria.engine.work import Calls, Outcome, Work, attempt
from vistoria.engine.worker import read_reply
from vistoria.errors import ObservationError, RunStopped, TransientError, UserError
from vistoria.models import Blocking
from vistoria.records import Attempt, Picture

_T = TypeVar("_T")
_Stalled: TypeAlias = tuple[Work, list[Loaded]]

_HOP, _MOST = 0.1, 8  # seconds and batches that a hop to a thread takes at the most

_log = logging.getLogger(__name__)


class Compute:
    """Settles work with as many threads as the model takes.

    A batch is loaded, looked up and answered in one go: handing it from thread to thread costs a
    fifth of the speed. Of a fast model, several batches go one after the other in one hop.
    """

    def __init__(self, model: Blocking, loader: Loader, recall: Recall, threads: int) -> None:
        """`threads`: batches computed at once."""
        self._model, self._loader, self._recall = model, loader, recall
        self._threads = anyio.CapacityLimiter(threads)
        self._seconds = _HOP  # that a batch took

    def batches(self) -> int:
        """How many to `settle` in one hop: few enough to be told soon, and to end together."""
        return max(1, min(_MOST, int(_HOP / self._seconds)))

    async def settle(self, works: Sequence[Work]) -> list[Attempt]:
        """One attempt per observation; raises UserError when no call can succeed."""
        attempts: list[Attempt] = []
        if any(map(self._loader.far, works)):  # before a thread is taken that could compute
            left = [(work, await self._loader.fetch(work)) for work in works]
        else:
            attempts, left = await self._hop(partial(self._settle_all, works))
        for work, loaded in left:
            pictures = await self._loader.again(work, loaded)
            attempts += await self._hop(partial(self._settle, work, pictures))
        return attempts

    async def _hop(self, what: Callable[[], _T]) -> _T:
        return await anyio.to_thread.run_sync(what, limiter=self._threads)

    def _settle_all(self, works: Sequence[Work]) -> tuple[list[Attempt], list[_Stalled]]:
        """Attempts, and the work for which some store failed in passing."""
        attempts: list[Attempt] = []
        left: list[_Stalled] = []
        started = time.monotonic()
        for work in works:
            loaded = self._load_and_settle(work, attempts)
            if loaded:
                left.append((work, loaded))
        self._seconds = max(1e-6, (time.monotonic() - started) / len(works))
        return attempts, left

    def _load_and_settle(self, work: Work, attempts: list[Attempt]) -> list[Loaded]:
        """Adds the attempts; or else returns what was loaded, since some store failed in passing.

        A function of its own, so that the images are gone before the next ones are loaded.
        """
        loaded = self._loader.load(work)
        pictures = [item for item in loaded if not isinstance(item, TransientError)]
        if len(pictures) < len(loaded):
            return loaded
        attempts += self._settle(work, pictures)
        return []

    def _settle(self, work: Work, loaded: Sequence[Picture | ObservationError]) -> list[Attempt]:
        started = time.time()
        seen = self._recall.look_up(work, loaded).seen
        outcomes: dict[int, Outcome] = {}
        first: dict[int, int] = {}
        twins: dict[int, int] = {}
        for i, what in enumerate(seen):
            item = loaded[i]
            if what is None or isinstance(item, ObservationError):
                assert isinstance(item, ObservationError)
                outcomes[i] = Outcome(error=item)
            elif (known := self._recall.known(work.question_id, what)) is not None:
                outcomes[i] = known
            elif what in first:
                twins[i] = first[what]
            else:
                first[what] = i
        outcomes |= self._answers(work, loaded, list(first.values()))
        copies = {
            i: self._recall.keep(work.question_id, what, outcomes[i])
            for what, i in first.items()
            if outcomes[i].values is not None
        }
        outcomes |= {i: copies.get(twin, outcomes[twin]) for i, twin in twins.items()}
        times = (started, (time.time() - started) / len(loaded))
        return [
            attempt(work, i, item, outcomes[i], seen[i], times) for i, item in enumerate(loaded)
        ]

    def _answers(
        self, work: Work, loaded: Sequence[Picture | ObservationError], indices: list[int]
    ) -> dict[int, Outcome]:
        pictures = [item for i in indices if isinstance(item := loaded[i], Picture)]
        if not pictures:
            return {}
        try:
            replies = self._model.answer(work.task, pictures)
        except (UserError, RunStopped):
            raise
        except Exception as error:  # noqa: BLE001 - the worker's edge: a bug becomes a row
            if len(indices) > 1:  # so that one observation cannot fail its neighbours
                return {j: o for i in indices for j, o in self._answers(work, loaded, [i]).items()}
            if not isinstance(error, ObservationError):
                _log.exception("unexpected error on %r", pictures[0].uri)
            return {indices[0]: Outcome(error=error, calls=Calls(1))}
        return {
            i: read_reply(work, reply, Calls(1)) for i, reply in zip(indices, replies, strict=True)
        }
