"""What travels through the engine: observations to ask about, and what came of asking."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from vistoria.errors import ObservationError
from vistoria.records import Attempt, Observation, Picture, Usage, Value
from vistoria.task import Task

NO_USAGE = Usage()


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
        return self if len(self.ordinals) == 1 else self.part([index])

    def part(self, indices: Sequence[int]) -> "Work":
        """The work on some of them."""
        return Work(
            self.task, self.run_id, self.question_id,
            [self.ordinals[i] for i in indices], [self.observations[i] for i in indices],
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Ready:
    """Work whose images are loaded; `loaded` holds a picture or the reason why there is none,
    `seen` the identity of what the model will see in each picture (see `recall`)."""

    work: Work
    loaded: Sequence[Picture | ObservationError]
    seen: Sequence[int | None]

    @property
    def bytes(self) -> int:
        """Memory that the images take."""
        return sum(_size(item) for item in self.loaded)

    def singles(self) -> "list[Ready]":
        """One each."""
        each = enumerate(zip(self.loaded, self.seen, strict=True))
        return [Ready(self.work.single(i), [item], [seen]) for i, (item, seen) in each]


class Calls(NamedTuple):
    """How often a service was called about one observation, and the tokens billed for that."""

    tries: int = 0
    usage: Usage = NO_USAGE

    def plus(self, tries: int, usage: Usage | None) -> "Calls":
        """With further calls."""
        if usage is None or usage is NO_USAGE:
            return Calls(self.tries + tries, self.usage)
        both = usage if self.usage is NO_USAGE else _sum(self.usage, usage)
        return Calls(self.tries + tries, both)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What asking about one observation came to: `values`, or the `error` that it failed with.

    `copied`: the answer had been given to the same image before.
    """

    values: Mapping[str, Value] | None = None
    error: Exception | None = None
    calls: Calls = Calls()  # noqa: RUF009 - a tuple
    model_version: str | None = None
    confidence: Mapping[str, float] | None = None
    copied: bool = False


def attempt(
    work: Work, index: int, item: Picture | ObservationError, outcome: Outcome,
    identity: int | None, times: tuple[float, float],
) -> Attempt:  # fmt: skip
    """The record of one outcome; `times`: when it was begun, and the seconds it took."""
    blame = _blame(outcome.error)
    return Attempt(
        ordinal=work.ordinals[index],
        run_id=work.run_id,
        question_id=work.question_id,
        status="failed" if blame else "answered",
        reason=blame.reason if blame else None,
        retryable=blame.retryable if blame else False,
        detail=blame.detail if blame else None,
        answer=outcome.values,
        confidence=outcome.confidence,
        model_version=outcome.model_version,
        usage=outcome.calls.usage,
        sha256=item.sha256 if isinstance(item, Picture) else None,
        identity=identity,
        copied=outcome.copied,
        tries=outcome.calls.tries,
        started_at=times[0],
        seconds=times[1],
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


def _size(item: Picture | ObservationError) -> int:
    if isinstance(item, ObservationError):
        return 0
    return len(item.data or b"") + (0 if item.pixels is None else item.pixels.nbytes)


def _sum(a: Usage, b: Usage) -> Usage:
    return Usage(
        input_tokens=a.input_tokens + b.input_tokens,
        output_tokens=a.output_tokens + b.output_tokens,
        thinking_tokens=a.thinking_tokens + b.thinking_tokens,
        cached_tokens=a.cached_tokens + b.cached_tokens,
    )
