"""Leave for one call to a service, and what came of it."""

import asyncio
from typing import Protocol

from vistoria.errors import RateLimited, TransientError


class _Giver(Protocol):
    def succeeded(self, slot: "Slot", tokens: int | None) -> None: ...

    def refused(self, slot: "Slot", error: RateLimited) -> None: ...

    def failed(self, slot: "Slot", error: TransientError) -> None: ...

    def abandoned(self, slot: "Slot") -> None: ...


class Slot:
    """Leave for one call. Say once what came of it; more is ignored. Times are the loop's."""

    __slots__ = (
        "_giver",
        "look",
        "number",
        "others",
        "sent",
        "straggler",
        "tokens",
        "turn",
        "turned_away",
    )

    def __init__(self, giver: _Giver, tokens: int) -> None:
        """`tokens`: how many the call may take."""
        self._giver = giver
        self.tokens = tokens
        self.turn: asyncio.Future[None] | None = None
        self.number = -1
        """Of the call, counting all of this service; -1 while it waits."""
        self.sent = 0.0
        """When it was let go."""
        self.others = 0
        """Calls in flight then."""
        self.look = False
        """It looks whether an outage is over."""
        self.straggler = self.turned_away = False

    def succeeded(self, tokens: int | None = None) -> None:
        """The service answered, whatever it said; `tokens`: what it took, if known."""
        self._giver.succeeded(self, tokens)

    def refused(self, error: RateLimited) -> None:
        """The service wants less."""
        self._giver.refused(self, error)

    def failed(self, error: TransientError) -> None:
        """It failed in passing."""
        self._giver.failed(self, error)

    def abandoned(self) -> None:
        """Nothing is known of it, because it was cancelled, or hit a bug of ours."""
        self._giver.abandoned(self)
