"""The one thread that writes attempts and calls, many to a commit."""

import asyncio
import json
import queue
import sqlite3
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, TypeAlias

from vistoria.errors import UserError
from vistoria.ledger._calls import Call, Refusal, Sums, open_call, settle_call
from vistoria.ledger._connection import connect
from vistoria.ledger._manifest import transaction
from vistoria.pricing import Spend
from vistoria.records import Attempt

_COMMIT_ROWS = 1_000
_COMMIT_SECONDS = 0.5
_MOST_WAITING = 2_000  # attempts given and not yet on disk, so that memory stays bounded
_COLUMNS = (
    "ordinal", "run_id", "question_id", "status", "reason", "retryable", "detail", "answer",
    "confidence", "model_version", "input_tokens", "output_tokens", "thinking_tokens",
    "cached_tokens", "sha256", "identity", "copied", "tries", "started_at", "seconds",
)  # fmt: skip
_TOGETHER = 32  # rows per statement
_ROW = f"(?{', ?' * (len(_COLUMNS) - 1)})"
_INSERT = f"INSERT INTO attempts ({', '.join(_COLUMNS)}) VALUES {_ROW}"
_INSERT_MANY = f"{_INSERT}{f', {_ROW}' * (_TOGETHER - 1)}"


@dataclass(slots=True)
class _Opening:
    """A call that waits for leave to be sent."""

    call: Call
    loop: asyncio.AbstractEventLoop
    leave: "asyncio.Future[int | Refusal]"
    result: "int | Refusal | None" = None


@dataclass(frozen=True, slots=True)
class _Settling:
    call_id: int
    bill: Spend | None


_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode

_Item: TypeAlias = "Sequence[Attempt] | _Opening | _Settling | threading.Event | None"


class Writer:
    """Takes attempts and calls from any thread; too many attempts make the giver wait."""

    def __init__(self, path: Path) -> None:
        """Starts the thread, which has a connection of its own."""
        self._queue: queue.SimpleQueue[_Item] = queue.SimpleQueue()
        self._given = self._written = 0  # attempts, each counted by one thread
        self._error: Exception | None = None
        self._db = connect(path)
        self._thread = threading.Thread(target=self._work, name="ledger", daemon=True)
        self._thread.start()

    def add(self, attempts: Sequence[Attempt]) -> None:
        """Hands over finished attempts; raises UserError when an earlier commit failed."""
        self._raise_error()
        while self._given - self._written > _MOST_WAITING:
            time.sleep(0.001)
        self._given += len(attempts)
        self._queue.put(attempts)

    async def open_call(self, call: Call) -> int | Refusal:
        """The number of the call, once it is on disk that it will be sent, or why not."""
        self._raise_error()
        loop = asyncio.get_running_loop()
        leave: asyncio.Future[int | Refusal] = loop.create_future()
        self._queue.put(_Opening(call, loop, leave))
        return await leave

    def settle_call(self, call_id: int, bill: Spend | None) -> None:
        """Hands over what a call has cost; None when nobody knows."""
        self._queue.put(_Settling(call_id, bill))

    def flush(self) -> None:
        """Returns when everything added so far is on disk."""
        done = threading.Event()
        self._queue.put(done)
        done.wait()
        self._raise_error()

    def close(self) -> None:
        """Commits what is left and ends the thread."""
        self._queue.put(None)
        self._thread.join()
        self._db.close()
        self._raise_error()

    def _raise_error(self) -> None:
        if self._error is not None:
            raise UserError(f"cannot write to the ledger: {self._error}") from self._error

    def _work(self) -> None:
        while True:
            items = self._collect()
            try:
                if self._error is None:
                    self._commit(items)
            except sqlite3.Error as error:
                # Kept for the giver; the thread goes on emptying the queue so that nobody hangs.
                self._error = error
            self._written += sum(len(item) for item in items if isinstance(item, Sequence))
            self._tell(items)
            if items[-1] is None:
                return

    def _collect(self) -> list[_Item]:
        """Waits for work, then gathers one commit's worth.

        Attempts alone may wait for company; whoever waits for a commit gets one at once, together
        with all that queued up during the last.
        """
        items: list[_Item] = []
        rows, deadline = 0, time.monotonic() + _COMMIT_SECONDS
        patient = True
        while rows < _COMMIT_ROWS:
            try:
                wait = max(0.0, deadline - time.monotonic()) if patient else 0.0
                item = self._queue.get(timeout=wait if items else None)
            except queue.Empty:
                break
            if not items:
                deadline = time.monotonic() + _COMMIT_SECONDS
            items.append(item)
            if item is None or isinstance(item, threading.Event):
                break
            patient = patient and not isinstance(item, _Opening)
            rows += len(item) if isinstance(item, Sequence) else 1
        return items

    def _commit(self, items: Sequence[_Item]) -> None:
        attempts: list[Attempt] = []
        with transaction(self._db):
            sums = Sums(self._db)
            for item in items:
                if isinstance(item, _Settling):
                    settle_call(self._db, sums, item.call_id, item.bill)
                elif isinstance(item, Sequence):
                    attempts += item
            insert_attempts(self._db, attempts)
            for item in items:  # last, so that they see what has just been answered and paid
                if isinstance(item, _Opening):
                    item.result = open_call(self._db, sums, item.call)
            sums.write()

    def _tell(self, items: Sequence[_Item]) -> None:
        """Wakes those who wait: each event loop once, however many calls it opened."""
        loops: dict[asyncio.AbstractEventLoop, list[_Opening]] = {}
        for item in items:
            if isinstance(item, threading.Event):
                item.set()
            elif isinstance(item, _Opening):
                loops.setdefault(item.loop, []).append(item)
        for loop, openings in loops.items():
            loop.call_soon_threadsafe(self._give_leave, openings)

    def _give_leave(self, openings: Sequence[_Opening]) -> None:
        for opening in openings:
            if opening.leave.cancelled():
                if isinstance(opening.result, int):  # nobody will send it
                    self.settle_call(opening.result, Spend(0, 0, 0))
            elif opening.result is None:
                opening.leave.set_exception(UserError(f"cannot write to the ledger: {self._error}"))
            else:
                opening.leave.set_result(opening.result)


def insert_attempts(db: sqlite3.Connection, attempts: Sequence[Attempt]) -> None:
    """Writes attempts in the open transaction.

    Many rows to a statement: after each statement this thread has to get the interpreter back from
    those that compute, which costs several times what writing the row does.
    """
    rows = [_row(attempt) for attempt in attempts]
    whole = len(rows) - len(rows) % _TOGETHER
    for start in range(0, whole, _TOGETHER):
        db.execute(_INSERT_MANY, tuple(chain.from_iterable(rows[start : start + _TOGETHER])))
    db.executemany(_INSERT, rows[whole:])


def _row(a: Attempt) -> tuple[Any, ...]:
    usage = a.usage
    return (
        a.ordinal, a.run_id, a.question_id, a.status, a.reason, a.retryable, a.detail,
        _json(a.answer), _json(a.confidence), a.model_version,
        usage.input_tokens, usage.output_tokens, usage.thinking_tokens, usage.cached_tokens,
        a.sha256, a.identity, a.copied, a.tries, a.started_at, a.seconds,
    )  # fmt: skip


def _json(value: object) -> str | None:
    return None if value is None else _encode(value)
