"""Settles observations whose images are loaded: recall, ask, check the answers, record."""

import asyncio
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass

from vistoria.engine.ask import Asker, Elsewhere
from vistoria.engine.caller import GaveUp
from vistoria.engine.recall import Recall
from vistoria.engine.work import Calls, Outcome, Ready, Work, attempt
from vistoria.errors import AnswerInvalid, ObservationError, RunStopped, UserError
from vistoria.records import Attempt, Picture, Reply

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Worker:
    """Asks one model; several of its calls may be under way at once."""

    asker: Asker
    recall: Recall

    async def settle(self, ready: Ready) -> list[Attempt]:
        """One attempt per observation, in order, but none for what another process settles.

        Raises UserError and RunStopped, when no call can succeed.
        """
        started = time.time()
        try:
            return await self._settle(ready, started)
        except Elsewhere:
            return []
        except (UserError, RunStopped):
            raise
        except Exception as error:  # noqa: BLE001 - the worker's edge: a bug becomes a row
            if len(ready.loaded) > 1:  # so that one observation cannot fail its neighbours
                return [a for one in ready.singles() for a in await self.settle(one)]
            _log.exception("unexpected error on %r", ready.work.observations[0].image.uri)
            times = (started, time.time() - started)
            return [attempt(ready.work, 0, ready.loaded[0], Outcome(error=error), None, times)]

    async def _settle(self, ready: Ready, started: float) -> list[Attempt]:
        work, loaded, seen = ready.work, ready.loaded, ready.seen
        outcomes = await self._outcomes(work, loaded, seen)
        times = (started, (time.time() - started) / len(loaded))
        return [
            attempt(work, i, item, outcomes[i], seen[i], times) for i, item in enumerate(loaded)
        ]

    async def _outcomes(
        self, work: Work, loaded: Sequence[Picture | ObservationError], seen: Sequence[int | None]
    ) -> dict[int, Outcome]:
        """Index → outcome. Equal images are asked about once, here and by other workers."""
        number = work.question_id
        outcomes = {
            i: Outcome(error=item)
            for i, item in enumerate(loaded)
            if isinstance(item, ObservationError)
        }
        first: dict[int, int] = {}
        waiting: dict[int, asyncio.Future[Outcome]] = {}
        for i, what in enumerate(seen):
            if what is None:
                continue
            if (known := self.recall.known(number, what)) is not None:
                outcomes[i] = known
            elif (future := self.recall.under_way(number, what)) is not None:
                waiting[i] = future
            else:
                self.recall.begin(number, what)
                first[i] = what
        outcomes |= await self._ask_first(work, loaded, first)
        for i, future in waiting.items():
            copied = await future
            item = loaded[i]
            assert isinstance(item, Picture)
            if copied.values is None:  # the other one failed; this one gets its own chance
                copied = (await self._ask(work, [i], [item]))[i]
            outcomes[i] = copied
        return outcomes

    async def _ask_first(
        self, work: Work, loaded: Sequence[Picture | ObservationError], first: dict[int, int]
    ) -> dict[int, Outcome]:
        outcomes: dict[int, Outcome] = {}
        try:
            pictures = [item for i in first if isinstance(item := loaded[i], Picture)]
            if pictures:
                outcomes = await self._ask(work, list(first), pictures)
        finally:
            for i, what in first.items():
                self.recall.end(work.question_id, what, outcomes.get(i))
        return outcomes

    async def _ask(
        self, work: Work, indices: Sequence[int], pictures: Sequence[Picture]
    ) -> dict[int, Outcome]:
        asked = work if len(work.ordinals) == len(indices) else work.part(indices)
        try:
            made = await self.asker.ask(asked, pictures)
        except ObservationError as error:
            return {i: Outcome(error=error, calls=_calls(error)) for i in indices}
        return {
            i: await self._check(work.single(i), picture, reply, made.calls)
            for i, picture, reply in zip(indices, pictures, made.replies, strict=True)
        }

    async def _check(
        self, work: Work, picture: Picture, reply: Reply | ObservationError, calls: Calls
    ) -> Outcome:
        """The parsed answer; an answer that does not fit is asked for once more."""
        outcome = read_reply(work, reply, calls)
        if not isinstance(outcome.error, AnswerInvalid) or isinstance(reply, ObservationError):
            return outcome
        try:
            again = await self.asker.ask(work, [picture], str(outcome.error))
        except ObservationError as error:
            before = outcome.calls
            return Outcome(error=error, calls=before.plus(*_calls(error)))
        return read_reply(work, again.replies[0], outcome.calls.plus(*again.calls))


def read_reply(work: Work, reply: Reply | ObservationError, calls: Calls) -> Outcome:
    """What a reply comes to: an answer that fits the task, or the reason why there is none."""
    calls = calls.plus(0, reply.usage)
    if isinstance(reply, ObservationError):
        return Outcome(error=reply, calls=calls)
    try:
        values = work.task.parse(reply.answer)
    except AnswerInvalid as error:
        return Outcome(error=error, calls=calls, model_version=reply.model_version)
    return Outcome(values, None, calls, reply.model_version, reply.confidence)


def _calls(error: ObservationError) -> Calls:
    """The calls that led to an error raised instead of a reply."""
    return Calls().plus(error.tries, error.usage) if isinstance(error, GaveUp) else Calls(1)
