"""Asks a model: a local one directly; a service through its limit, the ledger and the ceiling."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from vistoria.engine.caller import Caller
from vistoria.engine.money import Tab
from vistoria.engine.work import Calls, Work
from vistoria.errors import (
    ObservationError,
    QuotaExhausted,
    RateLimited,
    RunStopped,
    TransientError,
    UserError,
    VistoriaError,
)
from vistoria.events import CallReturned, CallSent
from vistoria.ledger import Call, Ledger
from vistoria.models import Model
from vistoria.pricing import Spend
from vistoria.records import Picture, Reply


class Made(NamedTuple):
    """The replies to a call, and what getting them took besides the replies' own usage."""

    replies: Sequence[Reply | ObservationError]
    calls: Calls


class Elsewhere(Exception):
    """Another process asks about this observation, or has an answer by now."""


class Asker(Protocol):
    """Asks the model about pictures, as often as it takes."""

    async def ask(
        self, work: Work, pictures: Sequence[Picture], correction: str | None = None
    ) -> Made:
        """Raises ObservationError (GaveUp), UserError, RunStopped, or Elsewhere."""


@dataclass(frozen=True, slots=True)
class Direct:
    """A model in this process: nothing to wait for, to pay or to repeat."""

    model: Model

    async def ask(
        self, work: Work, pictures: Sequence[Picture], correction: str | None = None
    ) -> Made:
        """One call."""
        return Made(await self.model.ask(work.task, pictures, correction=correction), Calls(1))


@dataclass(slots=True)
class Service:
    """A model behind a network. Each try is recorded, with the most it can cost, before it is
    sent, and settled after; refusals and outages are waited out and never charged to an image."""

    model: Model
    ledger: Ledger
    caller: Caller
    tab: Tab
    session_id: int
    _open: int = 0
    _settled: asyncio.Event = field(default_factory=asyncio.Event)

    async def ask(
        self, work: Work, pictures: Sequence[Picture], correction: str | None = None
    ) -> Made:
        """Repeats until it works, or until this picture alone has failed too often (GaveUp)."""
        most = self.tab.most(work.task, pictures[0], correction)

        async def one_try() -> Sequence[Reply | ObservationError]:
            number = await self._open_call(work, most)
            sent, bill = time.time(), None
            try:
                replies = await self._send(work, pictures, correction)
                bill = self.tab.bill(replies[0], sent)
            except TransientError as error:
                bill = self.tab.bill_of(error, sent)
                raise
            except (UserError, QuotaExhausted):
                bill = Spend(0, 0, 0)  # turned away
                raise
            finally:  # None, when nobody knows: cut off, or a bug
                self._settle(number, bill, most)
            return replies

        called = await self.caller.call(one_try, tokens=most.tokens or 0, used=_tokens)
        return Made(called.result, Calls(called.tries, called.usage))

    async def _send(
        self, work: Work, pictures: Sequence[Picture], correction: str | None
    ) -> Sequence[Reply | ObservationError]:
        """One call, told to whoever listens."""
        emit, service = self.caller.emit, self.caller.service
        emit(CallSent(service=service))
        sent, began = time.time(), time.perf_counter()
        reason: str | None = "cut_off"
        reply: Reply | VistoriaError | None = None
        try:
            replies = await self.model.ask(work.task, pictures, correction=correction)
            reply = replies[0]
            reason = reply.reason if isinstance(reply, ObservationError) else None
        except Exception as error:
            reply = error if isinstance(error, VistoriaError) else None
            reason = _reason(error)
            raise
        finally:
            emit(
                CallReturned(
                    service=service,
                    ordinal=work.ordinals[0],
                    sent_at=sent,
                    seconds=time.perf_counter() - began,
                    reason=reason,
                    usage=reply.usage if reply else None,
                    model_version=reply.model_version if isinstance(reply, Reply) else None,
                )
            )
        return replies

    async def _open_call(self, work: Work, most: Spend) -> int:
        """Records that a call will be sent; waits for calls in flight if only their reservations
        stand in the way of the ceiling. Raises RunStopped or Elsewhere."""
        key = (self.session_id, work.run_id, work.question_id, work.ordinals[0])
        while True:
            call = Call(*key, most, self.tab.ceiling, time.time())
            leave = await self.ledger.open_call(call)
            if isinstance(leave, int):
                self._open += 1
                return leave
            if leave != "over":
                raise Elsewhere
            if not self._open:
                spent = self.ledger.spending(work.run_id)
                raise RunStopped(self.tab.broken(spent, most))
            self._settled.clear()
            await self._settled.wait()

    def _settle(self, number: int, bill: Spend | None, most: Spend) -> None:
        self._open -= 1
        self.tab.spent += bill or most
        self.ledger.settle_call(number, bill)
        self._settled.set()


def _reason(error: Exception) -> str:
    match error:
        case RateLimited():
            return "rate_limited"
        case TransientError():
            return "transient"
        case QuotaExhausted():
            return "quota_exhausted"
        case ObservationError():
            return error.reason
    return type(error).__name__


def _tokens(replies: Sequence[Reply | ObservationError]) -> int:
    usage = replies[0].usage
    return usage.input_tokens + usage.output_tokens + usage.thinking_tokens if usage else 0
