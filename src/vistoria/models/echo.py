"""`echo`: made-up answers that fit the task, without network, cost or weights.

For trying out, tests and load. Everything comes from a hash of seed, picture address and task, so
the same run gives the same answers and the same faults:

- `refused`, `rejected`, `truncated`: shares of pictures that fail for good.
- `invalid`: share answered with text that never fits; `careless`: text that fits when asked again.
- `failures`, `rate_limited`: share of pictures whose first call fails in passing.
- `latency` (median seconds) and `jitter` (sigma of the lognormal around it).

With latency or passing faults it stands for a service (one picture per call), else it computes
here (64 per call). A name, `echo:b`, gives other answers: two models that disagree.
"""

import asyncio
import math
import random
from collections.abc import Callable, Mapping, Sequence
from hashlib import blake2b
from typing import Annotated, Any, TypeAlias

from pydantic import Field as Setting

from vistoria.errors import (
    AnswerTruncated,
    ImageRefused,
    ObservationError,
    RateLimited,
    RequestRejected,
    TransientError,
)
from vistoria.options import Options, read_options
from vistoria.records import Capabilities, ImageForm, Picture, Reply, Usage, Value
from vistoria.task import Field, Task
from vistoria.task.answer import applies

_Share: TypeAlias = Annotated[float, Setting(ge=0, le=1)]
_Draw: TypeAlias = Callable[[int], Value]

_MASK = (1 << 64) - 1
_EIGHTH = 7 << 29
_HOUR = 3600.0
_CARELESS = "Let me see: it is"


class EchoOptions(Options):
    """Options of `echo`; shares are of pictures, from 0 to 1."""

    seed: int = 0
    read: bool = False
    latency: Annotated[float, Setting(ge=0, le=_HOUR)] = 0.0
    jitter: Annotated[float, Setting(ge=0, le=3)] = 0.0
    failures: _Share = 0.0
    rate_limited: _Share = 0.0
    refused: _Share = 0.0
    rejected: _Share = 0.0
    truncated: _Share = 0.0
    invalid: _Share = 0.0
    careless: _Share = 0.0
    input_tokens: Annotated[int, Setting(ge=0)] = 0
    output_tokens: Annotated[int, Setting(ge=0)] = 0


def open_model(name: str, options: Mapping[str, Any]) -> "Echo":
    """The model; raises UnknownName or ConfigError for a wrong option."""
    return Echo(name, read_options(EchoOptions, options, "echo"))


def listing() -> tuple[str, ...]:
    """The one name worth listing."""
    return ("echo",)


class Echo:
    """Answers by hash; see the top of this file."""

    def __init__(self, name: str, options: EchoOptions) -> None:
        """`name` only salts the answers."""
        self.name = f"echo:{name}" if name else "echo"
        self.settings: Mapping[str, Any] = options.model_dump(
            include={"seed", "refused", "rejected", "truncated", "invalid", "careless"}
        )
        service = bool(options.latency or options.failures or options.rate_limited)
        self.capabilities = Capabilities(
            image=ImageForm(kind="encoded" if options.read else "none"),
            batch_size=1 if service else 64,
            local=not service,
        )
        self._options = options
        self._usage = Usage(input_tokens=options.input_tokens, output_tokens=options.output_tokens)
        self._faults = _Faults(options)
        self._tasks: dict[str, _Prepared] = {}
        self._random = random.Random(options.seed)

    def unanswerable(self, task: Task) -> tuple[str, ...]:  # noqa: ARG002 - the seam's signature
        """Nothing: it makes up anything."""
        return ()

    async def ask(
        self, task: Task, pictures: Sequence[Picture], *, correction: str | None = None
    ) -> Sequence[Reply | ObservationError]:
        """One outcome per picture; raises TransientError or RateLimited as the options say."""
        prepared = self._tasks.get(task.fingerprint)
        if prepared is None:
            salt = f"{self._options.seed}\0{self.name}\0{task.fingerprint}"
            prepared = self._tasks[task.fingerprint] = _Prepared(task, salt)
        if self._options.latency:
            await asyncio.sleep(
                self._options.latency * math.exp(self._random.gauss(0, self._options.jitter))
            )
        numbers = [prepared.number(picture.uri) for picture in pictures]
        self._faults.passing(numbers)
        return [self._outcome(prepared, number, correction) for number in numbers]

    def _outcome(
        self, prepared: "_Prepared", number: int, correction: str | None
    ) -> Reply | ObservationError:
        if self._faults.lasting:
            fault = self._faults.of(number, asked_again=correction is not None)
            if isinstance(fault, ObservationError):
                return fault
            if fault:
                return Reply(answer=fault, model_version=self.name, usage=self._usage)
        return Reply(answer=prepared.answer(number), model_version=self.name, usage=self._usage)

    async def aclose(self) -> None:
        """Nothing to close."""


class _Faults:
    """Which pictures fail and how, from the number of each picture."""

    def __init__(self, options: EchoOptions) -> None:
        self._limited, self._failures = options.rate_limited, options.failures
        self._failed: set[int] = set()
        kinds: tuple[tuple[float, type[ObservationError] | str], ...] = (
            (options.refused, ImageRefused),
            (options.rejected, RequestRejected),
            (options.truncated, AnswerTruncated),
            (options.invalid, "I cannot say."),
            (options.careless, _CARELESS),
        )
        self.lasting = tuple((share, kind) for share, kind in kinds if share)

    def passing(self, numbers: Sequence[int]) -> None:
        """Raise for the pictures that fail in passing; they don't at their next try."""
        if not self._limited and not self._failures:
            return
        # Upper bits decide here and lower ones in `of`, so that the two are independent.
        shares = {number: (number >> 96) / 2**32 for number in numbers}
        fresh = {
            number
            for number, share in shares.items()
            if share < self._limited + self._failures and number not in self._failed
        }
        self._failed |= fresh
        if any(shares[number] < self._limited for number in fresh):
            raise RateLimited("echo: too fast, as its options ask", retry_after=0.05)
        if fresh:
            raise TransientError("echo: failed in passing, as its options ask")

    def of(self, number: int, *, asked_again: bool) -> ObservationError | str | None:
        """The lasting fault of a picture, text that does not fit, or None."""
        share = (number >> 64 & 0xFFFFFFFF) / 2**32
        for limit, kind in self.lasting:
            if share >= limit:
                share -= limit
            elif isinstance(kind, str):
                return None if asked_again and kind is _CARELESS else kind
            else:
                return kind("echo: failed, as its options ask")
        return None


class _Prepared:
    """A task made ready: the hash state and a way to draw each field."""

    def __init__(self, task: Task, salt: str) -> None:
        self._hash = blake2b(salt.encode(), digest_size=16)
        self._fields = tuple(
            (field.name, _drawing(field), tuple(field.only_if.items()), field.optional)
            for field in task.fields
        )

    def number(self, uri: str) -> int:
        """128 bits that belong to the picture under this task, seed and name."""
        state = self._hash.copy()
        state.update(uri.encode("utf-8", "surrogatepass"))
        return int.from_bytes(state.digest(), "little")

    def answer(self, number: int) -> dict[str, Value]:
        """A value for each field that applies, else None."""
        values: dict[str, Value] = {}
        state = number & _MASK
        for name, draw, conditions, optional in self._fields:
            # Knuth's 64-bit linear congruential step; its upper half is random enough.
            state = (state * 6364136223846793005 + 1442695040888963407) & _MASK
            if conditions and not applies(conditions, values):
                values[name] = None
            else:
                values[name] = None if optional and state & _EIGHTH == 0 else draw(state >> 32)
        return values


def _drawing(field: Field) -> _Draw:
    match field.kind:
        case "choice":
            choices, count = field.choices, len(field.choices)
            return lambda bits: choices[bits * count >> 32]
        case "choices":
            listed = tuple(enumerate(field.choices))
            return lambda bits: [choice for place, choice in listed if bits >> place % 32 & 1]
        case "boolean":
            return lambda bits: bits >= 1 << 31
        case "text":
            length = field.max_length
            return lambda bits: f"echo {bits:08x}"[:length]
        case "number":
            return _number(field)
        case "boxes":
            labels = field.choices or ("echo",)
            return lambda bits: [_box(labels, bits)] if bits & 3 else []


def _number(field: Field) -> _Draw:
    if field.minimum is None:
        high = 100.0 if field.maximum is None else field.maximum
        low = min(0.0, high - 100.0) if field.maximum is not None else 0.0
    else:
        low = field.minimum
        high = low + 100.0 if field.maximum is None else field.maximum
    if not field.integer:
        return lambda bits: low + (high - low) * bits / 0xFFFFFFFF
    first, count = math.ceil(low), max(1, math.floor(high) - math.ceil(low) + 1)
    return lambda bits: first + (bits * count >> 32)


def _box(labels: Sequence[str], bits: int) -> dict[str, float | str]:
    left, top = (bits >> 2 & 255) / 512, (bits >> 10 & 255) / 512
    return {
        "left": left,
        "top": top,
        "right": left + (1 + (bits >> 18 & 127)) / 512,
        "bottom": top + (1 + (bits >> 25 & 127)) / 512,
        "label": labels[bits % len(labels)],
    }
