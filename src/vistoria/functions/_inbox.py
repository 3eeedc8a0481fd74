"""Takes events from any thread, and settles each as one observation of the project's run."""

import asyncio
import atexit
import logging
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace

import anyio
import anyio.to_thread

from vistoria.engine import Standing, plan_to_come
from vistoria.errors import ConfigError, TransientError, VistoriaError
from vistoria.events import Delivered, Sink, Started, ignore
from vistoria.functions._dead_letters import DeadLetters
from vistoria.functions._desk import Delivery, Desk, Verdict, uri_of
from vistoria.functions._event import Announced, Ignored
from vistoria.job import Job, open_job
from vistoria.ledger import Ledger
from vistoria.project import Project
from vistoria.sources import Selection

_log = logging.getLogger(__name__)

_RETRIES = 2  # tries after the first: Pub/Sub brings the event again
_PATIENCE = 60.0  # seconds; the same
_CLOSING = 60.0  # seconds for which the end waits for what is under way


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
        self._queue: asyncio.Queue[Delivery | None] = asyncio.Queue()
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

    def take(
        self, event: Announced | Ignored, body: bytes = b"", traceparent: str | None = None
    ) -> Verdict:
        """What came of an event, once that is on disk. Any thread may call it, many at once.

        `body`: kept if nothing can be made of it; `traceparent`: the header, for telemetry. Raises
        VistoriaError when it must come again.
        """
        waiting, began = Delivery(event, body, Future()), time.time()
        waiting.verdict.add_done_callback(lambda done: self._told(done, began, traceparent))
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

    def _told(self, done: "Future[Verdict]", began: float, traceparent: str | None) -> None:
        outcome = "left" if done.exception() else done.result().outcome
        self._emit(
            Delivered(
                outcome=outcome, at=began, seconds=time.time() - began, traceparent=traceparent
            )
        )

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
        with _watched(job, self._emit) as self._emit, Ledger(job.ledger) as ledger:
            plan = plan_to_come(ledger, job.source, Selection(), job.ask)
            self._emit(Started(run_id=plan.run.run_id, total=0, pending=0))
            standing = Standing(plan, ledger, job.ask.model, job.load, job.limits, self._emit)
            async with standing:
                desk = Desk(job, ledger, plan.run, standing, self._letters, self._settings.max_age)
                self._begun.set()
                async with anyio.create_task_group() as tasks:
                    while batch := await self._next():
                        for waiting, ordinal in _admitted(desk, batch):
                            tasks.start_soon(_answer, desk, waiting, ordinal)

    async def _next(self) -> list[Delivery]:
        """All that wait, so that they are written down together; nothing when it is over."""
        first = await self._queue.get()
        batch = [first]
        while not self._queue.empty() and batch[-1] is not None:
            batch.append(self._queue.get_nowait())
        if batch[-1] is None:
            self._queue.put_nowait(None)
        return [one for one in batch if one is not None]


def _admitted(desk: Desk, batch: Sequence[Delivery]) -> list[tuple[Delivery, int]]:
    """As `admit`; where that fails, nobody is left waiting."""
    try:
        return desk.admit(batch)
    except BaseException as error:
        for waiting in batch:
            if not waiting.verdict.done():
                waiting.verdict.set_exception(TransientError(f"the ledger takes nothing: {error}"))
        raise


async def _answer(desk: Desk, waiting: Delivery, ordinal: int) -> None:
    assert isinstance(waiting.event, Announced)
    try:
        verdict = await desk.settle(waiting.event, ordinal)
    except VistoriaError as error:
        waiting.verdict.set_exception(error)
    except Exception as error:  # noqa: BLE001 - the function's edge: the others go on
        _log.exception("unexpected error on %r", uri_of(waiting.event))
        waiting.verdict.set_exception(TransientError(f"it failed unexpectedly: {error!r}"))
    except BaseException:
        waiting.verdict.set_exception(TransientError("the function has ended"))
        raise
    else:
        waiting.verdict.set_result(verdict)


def _watched(job: Job, emit: Sink) -> AbstractContextManager[Sink]:
    """A sink that telemetry hears of too, where the project or the environment wants that."""
    if job.telemetry is None:
        return nullcontext(emit)
    model = job.ask.model
    return job.telemetry.watching(
        model.name, job.ask.task.name, emit, local=model.capabilities.local
    )


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
