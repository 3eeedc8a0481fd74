"""Settles a few observations: load the images, ask the model, check the answers."""

import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Generic, NamedTuple, TypeAlias, TypeVar

import anyio.to_thread
import stamina

from vistoria.errors import (
    AnswerInvalid,
    ObservationError,
    RateLimited,
    TransientError,
    Unreachable,
    UserError,
)
from vistoria.events import Retrying, Sink
from vistoria.models import Model
from vistoria.records import Attempt, ImageForm, ImageRef, Observation, Picture, Reply, Usage, Value
from vistoria.task import Task

_log = logging.getLogger(__name__)
_T = TypeVar("_T")
_NO_USAGE = Usage()

Load: TypeAlias = Callable[[ImageRef, ImageForm], Picture]


@dataclass(frozen=True, slots=True)
class Work:
    """Observations to be asked the same task in one call; `ordinals` are theirs, in order."""

    task: Task
    run_id: int
    question_id: int
    ordinals: Sequence[int]
    observations: Sequence[Observation]

    def single(self, index: int) -> "Work":
        """The work on one of them."""
        pick = slice(index, index + 1)
        return replace(self, ordinals=self.ordinals[pick], observations=self.observations[pick])


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What asking about one observation came to; `values` or `error`."""

    values: Mapping[str, Value] | None = None
    error: Exception | None = None
    reply: Reply | None = None
    picture: Picture | None = None
    usage: Usage = _NO_USAGE
    tries: int = 0


class Worker:
    """Asks one model; several of its calls may be under way at once."""

    def __init__(self, model: Model, load: Load, *, retries: int, emit: Sink) -> None:
        """`load` makes an image ready and may be called in threads; `retries`: tries of one call
        after the first."""
        self._model, self._load, self._emit = model, load, emit
        self._form = model.capabilities.image
        self._call_again = stamina.AsyncRetryingCaller(
            attempts=retries + 1, timeout=None, wait_initial=0.5, wait_max=60.0
        )

    async def settle(self, work: Work) -> list[Attempt]:
        """One attempt per observation, in order. Raises UserError when no call can succeed."""
        started = time.time()
        try:
            outcomes = await self._outcomes(work)
        except UserError:
            raise
        except Exception as error:  # noqa: BLE001 - the worker's edge: a bug becomes a row
            if len(work.ordinals) > 1:  # so that one observation cannot fail its neighbours
                singles = [work.single(i) for i in range(len(work.ordinals))]
                return [attempt for one in singles for attempt in await self.settle(one)]
            _log.exception("unexpected error on %r", work.observations[0].image.uri)
            outcomes = [_Outcome(error=error)]
        seconds = (time.time() - started) / len(outcomes)
        return [
            _attempt(work, ordinal, outcome, started, seconds)
            for ordinal, outcome in zip(work.ordinals, outcomes, strict=True)
        ]

    async def _outcomes(self, work: Work) -> list[_Outcome]:
        loaded = await self._load_all([o.image for o in work.observations])
        pictures = [item for item in loaded if isinstance(item, Picture)]
        asked = iter(await self._ask(work.task, pictures) if pictures else ())
        return [
            next(asked) if isinstance(item, Picture) else _Outcome(error=item) for item in loaded
        ]

    async def _load_all(self, refs: Sequence[ImageRef]) -> list[Picture | ObservationError]:
        if self._form.kind == "none":  # nothing is read, so no thread is needed
            first = self._load_here(refs)
        else:
            first = await anyio.to_thread.run_sync(self._load_here, refs)
        return [
            await self._load_again(ref) if isinstance(item, TransientError) else item
            for ref, item in zip(refs, first, strict=True)
        ]

    def _load_here(
        self, refs: Sequence[ImageRef]
    ) -> list[Picture | ObservationError | TransientError]:
        loaded: list[Picture | ObservationError | TransientError] = []
        for ref in refs:
            try:
                loaded.append(self._load(ref, self._form))
            except (ObservationError, TransientError) as error:
                loaded.append(error)
        return loaded

    async def _load_again(self, ref: ImageRef) -> Picture | ObservationError:
        async def load() -> Picture:
            return await anyio.to_thread.run_sync(self._load, ref, self._form)

        try:
            return (await self._repeat(load)).result
        except ObservationError as error:
            return error

    async def _ask(self, task: Task, pictures: Sequence[Picture]) -> list[_Outcome]:
        try:
            made = await self._repeat(lambda: self._model.ask(task, pictures))
        except ObservationError as error:
            return [_failed(error, picture, _calls(error)) for picture in pictures]
        return [
            await self._check(task, picture, reply, made.calls)
            for picture, reply in zip(pictures, made.result, strict=True)
        ]

    async def _check(
        self, task: Task, picture: Picture, reply: Reply | ObservationError, calls: "_Calls"
    ) -> _Outcome:
        """The parsed answer; an answer that does not fit is asked for once more."""
        if isinstance(reply, ObservationError):
            return _failed(reply, picture, calls)
        usage = _sum(calls.usage, reply.usage)
        try:
            values = task.parse(reply.answer)
        except AnswerInvalid as error:
            return await self._correct(task, picture, str(error), _Calls(calls.tries, usage))
        return _Outcome(values, None, reply, picture, usage, calls.tries)

    async def _correct(self, task: Task, picture: Picture, wrong: str, first: "_Calls") -> _Outcome:
        try:
            made = await self._repeat(lambda: self._model.ask(task, [picture], correction=wrong))
        except ObservationError as error:
            return _failed(error, picture, _calls(error, first))
        calls = _Calls(first.tries + made.calls.tries, _sum(first.usage, made.calls.usage))
        reply = made.result[0]
        if isinstance(reply, ObservationError):
            return _failed(reply, picture, calls)
        usage = _sum(calls.usage, reply.usage)
        try:
            values = task.parse(reply.answer)
        except AnswerInvalid as error:
            return _Outcome(None, error, reply, picture, usage, calls.tries)
        return _Outcome(values, None, reply, picture, usage, calls.tries)

    async def _repeat(self, call: Callable[[], Awaitable[_T]]) -> "_Made[_T]":
        """Calls until it works; raises Unreachable, with what was billed, when it never does."""
        tries, spent = 0, _NO_USAGE

        async def counted() -> _T:
            nonlocal tries, spent
            tries += 1
            try:
                return await call()
            except TransientError as error:
                spent = _sum(spent, error.usage or _NO_USAGE)
                raise

        try:
            result = await self._call_again(self._wait, counted)
        except TransientError as error:
            raise _GaveUp(_Calls(tries, spent), error) from error
        return _Made(result, _Calls(tries, spent))

    def _wait(self, error: Exception) -> bool | float:
        """Whether to call again, and after how many seconds where the service told us."""
        if not isinstance(error, TransientError):
            return False
        reason = "rate_limited" if isinstance(error, RateLimited) else "transient"
        self._emit(Retrying(reason=reason, wait=error.retry_after))
        return True if error.retry_after is None else error.retry_after


class _Calls(NamedTuple):
    """How often a call was made, and the tokens billed for the tries that failed."""

    tries: int
    usage: Usage


_NO_CALLS = _Calls(0, _NO_USAGE)


@dataclass(frozen=True, slots=True)
class _Made(Generic[_T]):
    result: _T
    calls: _Calls


class _GaveUp(Unreachable):
    """No call worked."""

    def __init__(self, calls: _Calls, last: Exception) -> None:
        self.calls = calls
        super().__init__(f"gave up after {calls.tries} tries: {last}")


def _calls(error: ObservationError, before: _Calls = _NO_CALLS) -> _Calls:
    """The calls that led to an error raised instead of a reply."""
    made = error.calls if isinstance(error, _GaveUp) else _Calls(1, _NO_USAGE)
    return _Calls(before.tries + made.tries, _sum(before.usage, made.usage))


def _failed(error: ObservationError, picture: Picture, calls: _Calls) -> _Outcome:
    usage = _sum(calls.usage, error.usage or _NO_USAGE)
    return _Outcome(error=error, picture=picture, usage=usage, tries=calls.tries)


def _sum(a: Usage, b: Usage) -> Usage:
    return Usage(
        input_tokens=a.input_tokens + b.input_tokens,
        output_tokens=a.output_tokens + b.output_tokens,
        thinking_tokens=a.thinking_tokens + b.thinking_tokens,
        cached_tokens=a.cached_tokens + b.cached_tokens,
    )


def _attempt(
    work: Work, ordinal: int, outcome: _Outcome, started: float, seconds: float
) -> Attempt:
    reply, picture = outcome.reply, outcome.picture
    blame = _blame(outcome.error)
    return Attempt(
        ordinal=ordinal,
        run_id=work.run_id,
        question_id=work.question_id,
        status="failed" if blame else "answered",
        reason=blame.reason if blame else None,
        retryable=blame.retryable if blame else False,
        detail=blame.detail if blame else None,
        answer=outcome.values,
        confidence=reply.confidence if reply and not blame else None,
        model_version=reply.model_version if reply else None,
        usage=outcome.usage,
        sha256=picture.sha256 if picture else None,
        tries=outcome.tries,
        started_at=started,
        seconds=seconds,
    )


class _Blame(NamedTuple):
    reason: str
    retryable: bool
    detail: str


def _blame(error: Exception | None) -> _Blame | None:
    if error is None:
        return None
    if isinstance(error, ObservationError):
        return _Blame(error.reason, error.retryable, str(error))
    return _Blame("internal_error", True, repr(error))
