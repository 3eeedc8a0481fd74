"""What the engine tells the outside while it works; whoever listens decides what to show."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from vistoria.records import Attempt, Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class Scanned:
    """Rows of the source read so far, while the run is being planned."""

    rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """Asking begins: `pending` of `total` observations still need an answer."""

    run_id: int
    total: int
    pending: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """These attempts ended, and were handed to the ledger."""

    attempts: tuple[Attempt, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Retrying:
    """A call failed for a passing `reason` and is repeated after `wait` seconds, if known."""

    reason: str
    wait: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CallSent:
    """A call goes out to a service; a `CallReturned` will follow."""

    service: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CallReturned:
    """A call to a service about an observation is over, `seconds` after it was sent (since 1970).

    `reason`: None when it was answered, else why not: "rate_limited", "transient",
    "quota_exhausted", "cut_off", the reason that an observation fails with, or the name of an
    error. `usage`: what was billed, if known; `model_version`: what answered.
    """

    service: str
    ordinal: int
    sent_at: float
    seconds: float
    reason: str | None = None
    usage: Usage | None = None
    model_version: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitChanged:
    """How hard a service is worked: `concurrency` calls at once, `rate` calls per second (None:
    as many as that gives). `outage`: what it last said, while nothing gets through."""

    service: str
    concurrency: int
    rate: float | None = None
    outage: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """The bill of a run in picodollars: `before` this session, and `now` in it (None: the price is
    unknown). `most`: the ceiling, if there is one."""

    before: int
    now: int | None
    most: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobChanged:
    """A batch job moved on. `state`: filling, uploading, queued, running, collecting, or how it
    ended: succeeded, failed, expired, cancelled. `done` of its `rows` are answered, as far as the
    service says."""

    name: str
    state: str
    rows: int
    done: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rerouted:
    """A model was `asked`, and another one `answered`."""

    asked: str
    answered: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """A function answered a delivery that came `at` then (since 1970), after `seconds`; `outcome`
    as it was told; `traceparent`: the trace that it belongs to, as W3C writes it."""

    outcome: str
    at: float
    seconds: float
    traceparent: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopping:
    """No new work is taken; calls in flight are finished first."""

    reason: str


Event: TypeAlias = (
    Scanned | Started | Settled | Retrying | CallSent | CallReturned | LimitChanged | Spent
    | JobChanged | Rerouted | Delivered | Stopping
)  # fmt: skip
Sink: TypeAlias = Callable[[Event], None]


def ignore(event: Event) -> None:
    """A sink for those who do not listen."""
    del event
