"""Loads and answers a batch in one thread, for models that compute in this process."""

import logging
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

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

_log = logging.getLogger(__name__)


class Compute:
    """Settles work with as many threads as the model takes.

    A batch is loaded, looked up and answered in one go: handing it from thread to thread costs a
    fifth of the speed.
    """

    def __init__(self, model: Blocking, loader: Loader, recall: Recall, threads: int) -> None:
        """`threads`: batches computed at once."""
        self._model, self._loader, self._recall = model, loader, recall
        self._threads = anyio.CapacityLimiter(threads)

    async def settle(self, work: Work) -> list[Attempt]:
        """One attempt per observation, in order; raises UserError when no call can succeed."""
        if self._loader.far(work):
            pictures = await self._loader.pictures(work)
            return await self._hop(lambda: self._settle(work, pictures))
        loaded, attempts = await self._hop(lambda: self._load_and_settle(work))
        if attempts is not None:
            return attempts
        pictures = await self._loader.again(work, loaded)
        return await self._hop(lambda: self._settle(work, pictures))

    async def _hop(self, what: Callable[[], _T]) -> _T:
        return await anyio.to_thread.run_sync(what, limiter=self._threads)

    def _load_and_settle(self, work: Work) -> tuple[list[Loaded], list[Attempt] | None]:
        """No attempts yet where a store failed in passing; the images are returned for then."""
        loaded = self._loader.load(work)
        pictures = [item for item in loaded if not isinstance(item, TransientError)]
        if len(pictures) < len(loaded):
            return loaded, None
        return [], self._settle(work, pictures)

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
