"""Takes events from any thread, and settles each as one observation of the project's run."""

import asyncio
import atexit
import logging
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import replace
from typing import Any, Literal, NamedTuple, TypeAlias

import anyio
import anyio.to_thread

from vistoria.engine import Standing, plan_to_come
from vistoria.errors import ConfigError, RunStopped, TransientError, UserError, VistoriaError
from vistoria.events import Sink, ignore
from vistoria.functions._dead_letters import DeadLetters
from vistoria.functions._event import Announced, Ignored, ignored
from vistoria.job import Job, open_job
from vistoria.ledger import Arrived, Ledger, Run
from vistoria.project import Project
from vistoria.records import Answer, Attempt
from vistoria.sources import Selection
from vistoria.sources.bucket import Bucket, Object

_log = logging.getLogger(__name__)

_RETRIES = 2  # tries after the first: Pub/Sub brings the event again
_PATIENCE = 60.0  # seconds; the same
_CLOSING = 60.0  # seconds for which the end waits for what is under way

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


class _Waiting(NamedTuple):
    event: Announced | Ignored
    body: bytes
    verdict: "Future[Verdict]"


class Inbox:
    """A session of the project's run that waits for events.

    It works in a thread of its own, which ends with `close` or with the process.
    """

    def __init__(self, project: Project, emit: Sink = ignore) -> None:
        """Opens source, model and ledger; raises UserError."""
        self._job = _opened(project)
        self._settings = project.functions
        topic = self._settings.dead_letter
        self._letters = DeadLetters(topic, project.google.settings) if topic else None
        self._emit = emit
        self._loop = asyncio.new_event_loop()
        self._queue: asyncio.Queue[_Waiting | None] = asyncio.Queue()
        self._begun = threading.Event()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="inbox", daemon=True)
        self._thread.start()
        self._begun.wait()
        if self._error is not None:
            raise self._error
        atexit.register(self.close)

    @property
    def alive(self) -> bool:
        """Whether it takes events."""
        return self._thread.is_alive()

    def take(self, event: Announced | Ignored, body: bytes = b"") -> Verdict:
        """What came of an event, once that is on disk. Any thread may call it, many at once.

        `body`: kept if nothing can be made of it. Raises VistoriaError when it must come again.
        """
        waiting = _Waiting(event, body, Future())
        try:
            self._loop.call_soon_threadsafe(self._queue.put_nowait, waiting)
            return waiting.verdict.result(self._settings.timeout)
        except TimeoutError:
            return Verdict("left", f"no answer within {self._settings.timeout:g} s")
        except RuntimeError as error:
            raise TransientError(f"the function is ending: {error}") from None

    def close(self) -> None:
        """Lets what is under way end, for a minute at most, and closes the ledger."""
        atexit.unregister(self.close)
        if self.alive:
            self._loop.call_soon_threadsafe(self._queue.put_nowait, None)
            self._thread.join(_CLOSING)

    # In its own thread

    def _run(self) -> None:
        try:
            self._loop.run_until_complete(self._work())
        except BaseException as error:  # noqa: BLE001 - told to whoever waits
            self._error = error
        finally:
            self._begun.set()
            self._turn_away()
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
            self._loop.close()

    def _turn_away(self) -> None:
        while not self._queue.empty():
            if (waiting := self._queue.get_nowait()) is not None:
                waiting.verdict.set_exception(TransientError("the function has ended"))

    async def _work(self) -> None:
        job = self._job
        with Ledger(job.ledger) as ledger:
            plan = plan_to_come(ledger, job.source, Selection(), job.ask)
            standing = Standing(plan, ledger, job.ask.model, job.load, job.limits, self._emit)
            async with standing:
                desk = _Desk(job, ledger, plan.run, standing, self._letters, self._settings.max_age)
                self._begun.set()
                async with anyio.create_task_group() as tasks:
                    while batch := await self._next():
                        for waiting, ordinal in _admitted(desk, batch):
                            tasks.start_soon(_answer, desk, waiting, ordinal)

    async def _next(self) -> list[_Waiting]:
        """All that wait, so that they are written down together; nothing when it is over."""
        first = await self._queue.get()
        batch = [first]
        while not self._queue.empty() and batch[-1] is not None:
            batch.append(self._queue.get_nowait())
        if batch[-1] is None:
            self._queue.put_nowait(None)
        return [one for one in batch if one is not None]


class _Desk:
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

    def admit(self, batch: Sequence[_Waiting]) -> list[tuple[_Waiting, int]]:
        """Writes down what came, and returns what has to be looked at, with its ordinal; the rest
        is answered."""
        found: list[tuple[_Waiting, Object]] = []
        newest: dict[str, int] = {}
        for waiting in batch:
            event = self._ours(waiting.event)
            if isinstance(event, Ignored):
                body = waiting.body.decode("utf-8", "replace")
                self._ledger.arrivals.stray(event.identity, event.why, event.said, body)
                waiting.verdict.set_result(Verdict("ignored", f"{event.why}: {event.said}"))
                continue
            item = Object(event.name, event.generation, event.size, event.content_type)
            found.append((waiting, item))
            uri = self._source.uri(item)
            known = self._ledger.arrivals.newest(self._run.run_id, uri) or 0
            newest[uri] = max(newest.get(uri, known), item.generation)
        fresh = [one for one in found if newest[self._source.uri(one[1])] == one[1].generation]
        self._outdated([one for one in found if one not in fresh])
        return self._enter(fresh) if fresh else []

    def _enter(self, found: Sequence[tuple[_Waiting, Object]]) -> list[tuple[_Waiting, int]]:
        rows = self._source.rows([item for _, item in found])
        ordinals = self._ledger.ordinals(rows, None).tolist()
        objects = [
            (self._source.uri(item), item.generation, ordinal)
            for (_, item), ordinal in zip(found, ordinals, strict=True)
        ]
        self._ledger.arrivals.admit(self._run.run_id, objects)
        return [(one[0], ordinal) for one, ordinal in zip(found, ordinals, strict=True)]

    def _outdated(self, found: Sequence[tuple[_Waiting, Object]]) -> None:
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
            return ignored(event, "elsewhere", f"{_uri(event)} is not in {self._source.address}")
        item = Object(event.name, event.generation, event.size, event.content_type)
        if not self._source.wants(item):
            kind = event.content_type or "no type"
            return ignored(event, "not_an_image", f"{_uri(event)} is stored as {kind}")
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
        run, uri = self._run, _uri(event)
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
            return Verdict("labelled", _uri(event), made.answer)
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
        self._ledger.arrivals.give_up(self._run.run_id, arrived.ordinal, _uri(event))
        await self._tell(event, arrived, "unreachable", said)
        return Verdict("given_up", f"{_uri(event)} after {age / 3600:.1f} h: {said}")

    async def _failed(
        self, event: Announced, arrived: Arrived, reason: str | None, detail: str | None
    ) -> Verdict:
        await self._tell(event, arrived, reason or "failed", detail or "")
        return Verdict("failed", f"{_uri(event)}: {reason}: {detail}")

    async def _tell(self, event: Announced, arrived: Arrived, reason: str, detail: str) -> None:
        """Tells the dead-letter topic, once: before the event is acknowledged."""
        if self._letters is None or arrived.dead_letter is not None:
            return
        document: Mapping[str, Any] = {
            "uri": _uri(event), "generation": event.generation, "reason": reason,
            "detail": detail, "run": self._run.run_id, "model": self._run.model,
            "task": self._run.task,
        }  # fmt: skip
        message = await anyio.to_thread.run_sync(
            self._letters.publish, document, reason, limiter=self._telling
        )
        self._ledger.arrivals.dead(self._run.run_id, arrived.ordinal, _uri(event), message)


def _admitted(desk: _Desk, batch: Sequence[_Waiting]) -> list[tuple[_Waiting, int]]:
    """As `admit`; where that fails, nobody is left waiting."""
    try:
        return desk.admit(batch)
    except BaseException as error:
        for waiting in batch:
            if not waiting.verdict.done():
                waiting.verdict.set_exception(TransientError(f"the ledger takes nothing: {error}"))
        raise


async def _answer(desk: _Desk, waiting: _Waiting, ordinal: int) -> None:
    assert isinstance(waiting.event, Announced)
    try:
        verdict = await desk.settle(waiting.event, ordinal)
    except VistoriaError as error:
        waiting.verdict.set_exception(error)
    except Exception as error:  # noqa: BLE001 - the function's edge: the others go on
        _log.exception("unexpected error on %r", _uri(waiting.event))
        waiting.verdict.set_exception(TransientError(f"it failed unexpectedly: {error!r}"))
    except BaseException:
        waiting.verdict.set_exception(TransientError("the function has ended"))
        raise
    else:
        waiting.verdict.set_result(verdict)


def _uri(event: Announced) -> str:
    return f"gs://{event.bucket}/{event.name}"


def _opened(project: Project) -> Job:
    """The project's job, for a bucket as a whole; raises ConfigError."""
    source = project.source
    if not str(source.address or "").startswith("gs://"):
        raise ConfigError(
            f"functions label the objects of a bucket, and source.address is {source.address!r}; "
            "write gs://bucket or gs://bucket/path"
        )
    if source.where or source.limit or source.sample:
        raise ConfigError(
            "functions label every new image: remove where, limit and sample from [source]"
        )
    if project.run.batch:
        raise ConfigError("functions ask at once: remove batch from [run]")
    job = open_job(project)
    retries = min(job.limits.retries, _RETRIES)
    patience = min(job.limits.patience, _PATIENCE)
    return replace(job, limits=replace(job.limits, retries=retries, patience=patience))
