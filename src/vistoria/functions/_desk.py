"""Where events meet the ledger: what came is written down, and settled as one observation."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from typing import Any, Literal, NamedTuple, TypeAlias

import anyio
import anyio.to_thread

from vistoria.engine import Standing
from vistoria.errors import RunStopped, TransientError, UserError
from vistoria.functions._dead_letters import DeadLetters
from vistoria.functions._event import Announced, Ignored, ignored
from vistoria.job import Job
from vistoria.ledger import Arrived, Ledger, Run
from vistoria.records import Answer, Attempt
from vistoria.sources.bucket import Bucket, Object

Outcome: TypeAlias = Literal[
    "labelled", "known", "failed", "given_up", "outdated", "ignored", "left"
]


class Verdict(NamedTuple):
    """What came of a delivery: `left` for another try later, else it is done with."""

    outcome: Outcome
    said: str
    labels: Answer | None = None

    @property
    def done(self) -> bool:
        """Whether it need not come again."""
        return self.outcome != "left"


class Delivery(NamedTuple):
    """What came over HTTP, and what its sender waits for."""

    event: Announced | Ignored
    body: bytes
    verdict: "Future[Verdict]"


class Desk:
    """Where events meet the ledger; on the inbox's loop."""

    def __init__(
        self, job: Job, ledger: Ledger, run: Run, standing: Standing,
        letters: DeadLetters | None, max_age: float,
    ) -> None:  # fmt: skip
        assert isinstance(job.source, Bucket)
        self._source, self._ledger, self._run = job.source, ledger, run
        self._standing, self._letters, self._max_age = standing, letters, max_age
        self._under_way: dict[int, asyncio.Future[Verdict]] = {}
        self._telling = anyio.CapacityLimiter(1)  # dead letters go out one at a time

    def admit(self, batch: Sequence[Delivery]) -> list[tuple[Delivery, int]]:
        """Writes down what came, and returns what has to be looked at, with its ordinal; the rest
        is answered."""
        found: list[tuple[Delivery, Object]] = []
        newest: dict[str, int] = {}
        for waiting in batch:
            event = self._ours(waiting.event)
            if isinstance(event, Ignored):
                body = waiting.body.decode("utf-8", "replace")
                self._ledger.arrivals.stray(event.identity, event.why, event.said, body)
                waiting.verdict.set_result(Verdict("ignored", f"{event.why}: {event.said}"))
                continue
            item = _object(event)
            found.append((waiting, item))
            uri = self._source.uri(item)
            known = self._ledger.arrivals.newest(self._run.run_id, uri) or 0
            newest[uri] = max(newest.get(uri, known), item.generation)
        fresh = [one for one in found if newest[self._source.uri(one[1])] == one[1].generation]
        self._outdated([one for one in found if one not in fresh])
        return self._enter(fresh) if fresh else []

    def _enter(self, found: Sequence[tuple[Delivery, Object]]) -> list[tuple[Delivery, int]]:
        rows = self._source.rows([item for _, item in found])
        ordinals = self._ledger.ordinals(rows, None).tolist()
        objects = [
            (self._source.uri(item), item.generation, ordinal)
            for (_, item), ordinal in zip(found, ordinals, strict=True)
        ]
        self._ledger.arrivals.admit(self._run.run_id, objects)
        return [(one[0], ordinal) for one, ordinal in zip(found, ordinals, strict=True)]

    def _outdated(self, found: Sequence[tuple[Delivery, Object]]) -> None:
        """A newer generation has come: what this one held is no longer there to be read."""
        if not found:
            return
        objects = [(self._source.uri(item), item.generation) for _, item in found]
        self._ledger.arrivals.outdated(self._run.run_id, objects)
        for (waiting, _), (uri, generation) in zip(found, objects, strict=True):
            waiting.verdict.set_result(Verdict("outdated", f"{uri} has changed since {generation}"))

    def _ours(self, event: Announced | Ignored) -> Announced | Ignored:
        """The event, if its object is an image of the project's source."""
        if isinstance(event, Ignored):
            return event
        if not self._source.holds(event.bucket, event.name):
            return ignored(event, "elsewhere", f"{uri_of(event)} is not in {self._source.address}")
        item = _object(event)
        if not self._source.wants(item):
            kind = event.content_type or "no type"
            return ignored(event, "not_an_image", f"{uri_of(event)} is stored as {kind}")
        return event

    async def settle(self, event: Announced, ordinal: int) -> Verdict:
        """What comes of an object; two deliveries about it share one asking."""
        if (known := self._under_way.get(ordinal)) is not None:
            return await asyncio.shield(known)
        future = self._under_way[ordinal] = asyncio.get_running_loop().create_future()
        verdict = Verdict("left", "it was cut off")
        try:
            verdict = await self._settle(event, ordinal)
        except (TransientError, UserError) as error:  # the dead-letter topic does not answer
            verdict = Verdict("left", str(error))
        finally:
            del self._under_way[ordinal]
            future.set_result(verdict)
        return verdict

    async def _settle(self, event: Announced, ordinal: int) -> Verdict:
        run, uri = self._run, uri_of(event)
        look = self._ledger.arrivals.look
        arrived = look(run.run_id, run.question_id, uri, event.generation, ordinal)
        if arrived.state == "answered":
            return Verdict("known", uri)
        if arrived.state == "failed":
            return await self._failed(event, arrived, arrived.reason, arrived.detail)
        try:
            made = await self._standing.settle(ordinal)
        except (UserError, RunStopped) as error:  # no call can succeed now
            return await self._left(event, arrived, None, str(error))
        if made is None:
            return Verdict("left", f"another process asks about {uri}")
        return await self._made(event, arrived, made)

    async def _made(self, event: Announced, arrived: Arrived, made: Attempt) -> Verdict:
        if made.status == "answered":
            return Verdict("labelled", uri_of(event), made.answer)
        if made.retryable:
            return await self._left(event, arrived, made, made.detail or "")
        return await self._failed(event, arrived, made.reason, made.detail)

    async def _left(
        self, event: Announced, arrived: Arrived, made: Attempt | None, said: str
    ) -> Verdict:
        """For another try, unless these have gone on for too long."""
        age = time.time() - min(arrived.first_at, event.at or arrived.first_at)
        if age <= self._max_age:
            return Verdict("left", said)
        if made is None:
            await self._standing.give_up(arrived.ordinal, said)
        self._ledger.arrivals.give_up(self._run.run_id, arrived.ordinal, uri_of(event))
        await self._tell(event, arrived, "unreachable", said)
        return Verdict("given_up", f"{uri_of(event)} after {age / 3600:.1f} h: {said}")

    async def _failed(
        self, event: Announced, arrived: Arrived, reason: str | None, detail: str | None
    ) -> Verdict:
        await self._tell(event, arrived, reason or "failed", detail or "")
        return Verdict("failed", f"{uri_of(event)}: {reason}: {detail}")

    async def _tell(self, event: Announced, arrived: Arrived, reason: str, detail: str) -> None:
        """Tells the dead-letter topic, once: before the event is acknowledged."""
        if self._letters is None or arrived.dead_letter is not None:
            return
        document: Mapping[str, Any] = {
            "uri": uri_of(event), "generation": event.generation, "reason": reason,
            "detail": detail, "run": self._run.run_id, "model": self._run.model,
            "task": self._run.task,
        }  # fmt: skip
        message = await anyio.to_thread.run_sync(
            self._letters.publish, document, reason, limiter=self._telling
        )
        self._ledger.arrivals.dead(self._run.run_id, arrived.ordinal, uri_of(event), message)


def _object(event: Announced) -> Object:
    return Object(
        event.name, event.generation, event.size, event.content_type, metadata=event.metadata
    )


def uri_of(event: Announced) -> str:
    """The object's address."""
    return f"gs://{event.bucket}/{event.name}"
