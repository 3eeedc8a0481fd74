"""Knows which images were asked about already, so that the same picture is asked about once."""

import asyncio
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from hashlib import md5
from typing import TypeAlias

from vistoria.engine.work import Calls, Outcome
from vistoria.ledger import Ledger
from vistoria.records import ImageRef, Picture

_RECENT = 20_000  # answers kept here until the ledger surely has them
_Key: TypeAlias = tuple[int, int]


def identity(picture: Picture, ref: ImageRef, *, cropped: bool) -> int:
    """64 bits that name what the model sees: the content where we saw it, else the address and
    version; with the box where the image is cut to it."""
    seen = picture.sha256 or f"{ref.uri}\x1f{ref.version}".encode()
    if cropped and ref.box:
        seen += repr(tuple(ref.box)).encode()
    return int.from_bytes(md5(seen, usedforsecurity=False).digest()[:8], "big", signed=True)


class Recall:
    """The answers of one ledger, and those on their way."""

    def __init__(self, ledger: Ledger, *, fresh: bool) -> None:
        """`fresh`: answers from before this session do not count."""
        self._ledger, self._fresh = ledger, fresh
        self._recent: OrderedDict[_Key, Outcome] = OrderedDict()
        self._asked: dict[_Key, asyncio.Future[Outcome]] = {}

    def known(self, question_id: int, identities: Iterable[int]) -> Mapping[int, Outcome]:
        """Identity → the answer that it was given before, of those that have one."""
        wanted = list(identities)
        found = {
            number: self._recent[question_id, number]
            for number in wanted
            if (question_id, number) in self._recent
        }
        if self._fresh or len(found) == len(wanted):
            return found
        rest = [number for number in wanted if number not in found]
        return found | {
            number: Outcome(answer, None, Calls(), version, confidence, copied=True)
            for number, answer, confidence, version in self._ledger.answers_to(question_id, rest)
        }

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
            return
        copy = replace(outcome, calls=Calls(), copied=True)
        future.set_result(copy)
        self._recent[question_id, number] = copy
        if len(self._recent) > _RECENT:
            self._recent.popitem(last=False)
