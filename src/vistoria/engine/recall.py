"""Knows which images were asked about already, so that the same picture is asked about once."""

import asyncio
import threading
from collections import OrderedDict
from collections.abc import Sequence
from hashlib import md5
from typing import TypeAlias

from vistoria.engine.work import Calls, Outcome, Ready, Work
from vistoria.errors import ObservationError
from vistoria.ledger import Ledger
from vistoria.records import ImageRef, Picture

_RECENT = 2_000  # answers kept here until the ledger surely has them
_Key: TypeAlias = tuple[int, int]


def identity(picture: Picture, ref: ImageRef, *, cropped: bool) -> int:
    """64 bits that name what the model sees: the content where we saw it or its store tells of it,
    else the address and version; with the box where the image is cut to it."""
    seen = picture.sha256 or picture.checksum or f"{ref.uri}\x1f{ref.version}".encode()
    if cropped and ref.box:
        seen += repr(tuple(ref.box)).encode()
    return int.from_bytes(md5(seen, usedforsecurity=False).digest()[:8], "big", signed=True)


class Recall:
    """The answers of one ledger, and those on their way.

    Threads may call `look_up`, `known` and `keep`; the rest belongs to the event loop.
    """

    def __init__(self, ledger: Ledger, *, fresh: bool, cropped: bool = False) -> None:
        """`fresh`: answers from before this session do not count. `cropped`: images are cut to the
        observation's box, so that the box is part of what is seen."""
        self._ledger, self._fresh, self._cropped = ledger, fresh, cropped
        self._recent: OrderedDict[_Key, Outcome] = OrderedDict()
        self._asked: dict[_Key, asyncio.Future[Outcome]] = {}
        self._reading = threading.Lock()

    def look_up(self, work: Work, loaded: Sequence[Picture | ObservationError]) -> Ready:
        """The work with what is seen in each image; earlier answers to the same are `known`."""
        seen = [
            identity(item, o.image, cropped=self._cropped) if isinstance(item, Picture) else None
            for item, o in zip(loaded, work.observations, strict=True)
        ]
        number = work.question_id
        new = [s for s in seen if s is not None and (number, s) not in self._recent]
        if new and not self._fresh:
            with self._reading:
                found = list(self._ledger.answers_to(number, new))
            for what, answer, confidence, version in found:
                outcome = Outcome(answer, None, Calls(), version, confidence, copied=True)
                self._keep((number, what), outcome)
        return Ready(work, loaded, seen)

    def known(self, question_id: int, what: int) -> Outcome | None:
        """The answer that the same image was given before, if it was looked up or is new."""
        return self._recent.get((question_id, what))

    def under_way(self, question_id: int, number: int) -> "asyncio.Future[Outcome] | None":
        """What will come of asking about the same image, if that is under way."""
        return self._asked.get((question_id, number))

    def begin(self, question_id: int, number: int) -> None:
        """It is being asked about."""
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._asked[question_id, number] = future

    def end(self, question_id: int, number: int, outcome: Outcome | None) -> None:
        """That is over; None: without an outcome."""
        future = self._asked.pop((question_id, number))
        if outcome is None or outcome.values is None:
            future.set_result(Outcome(error=outcome.error if outcome else None))
        else:
            future.set_result(self.keep(question_id, number, outcome))

    def keep(self, question_id: int, number: int, outcome: Outcome) -> Outcome:
        """Remembers an answer; returns what it is for the next equal image."""
        copy = Outcome(
            outcome.values, None, Calls(), outcome.model_version, outcome.confidence, copied=True
        )
        self._keep((question_id, number), copy)
        return copy

    def _keep(self, key: _Key, outcome: Outcome) -> None:
        self._recent[key] = outcome
        if len(self._recent) > _RECENT:
            self._recent.popitem(last=False)
