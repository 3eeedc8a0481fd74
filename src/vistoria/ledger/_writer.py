"""The one thread that appends attempts, many to a commit."""

import json
import queue
import sqlite3
import threading
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from vistoria.errors import UserError
from vistoria.ledger._connection import connect
from vistoria.ledger._manifest import transaction
from vistoria.records import Attempt

_COMMIT_ROWS = 1_000
_COMMIT_SECONDS = 0.5
_COLUMNS = (
    "ordinal", "run_id", "question_id", "status", "reason", "retryable", "detail", "answer",
    "confidence", "model_version", "input_tokens", "output_tokens", "thinking_tokens",
    "cached_tokens", "sha256", "tries", "started_at", "seconds",
)  # fmt: skip
_INSERT = f"INSERT INTO attempts ({', '.join(_COLUMNS)}) VALUES (?{', ?' * (len(_COLUMNS) - 1)})"


class Writer:
    """Takes attempts from any thread; a full queue makes the giver wait."""

    def __init__(self, path: Path) -> None:
        """Starts the thread, which opens a connection of its own."""
        self._queue: queue.Queue[Sequence[Attempt] | threading.Event | None] = queue.Queue(256)
        self._error: Exception | None = None
        self._db = connect(path)
        self._thread = threading.Thread(target=self._work, name="ledger", daemon=True)
        self._thread.start()

    def add(self, attempts: Sequence[Attempt]) -> None:
        """Hands over finished attempts; raises UserError when an earlier commit failed."""
        self._raise_error()
        self._queue.put(attempts)

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
            attempts, waiting, ended = self._collect()
            try:
                if self._error is None and attempts:
                    self._commit(attempts)
            except sqlite3.Error as error:
                # Kept for the giver; the thread goes on emptying the queue so that nobody hangs.
                self._error = error
            for event in waiting:
                event.set()
            if ended:
                return

    def _collect(self) -> tuple[list[Attempt], list[threading.Event], bool]:
        """Waits for work, then gathers one commit's worth."""
        attempts: list[Attempt] = []
        waiting: list[threading.Event] = []
        item = self._queue.get()
        deadline = time.monotonic() + _COMMIT_SECONDS
        while True:
            if item is None:
                return attempts, waiting, True
            if isinstance(item, threading.Event):
                waiting.append(item)
                return attempts, waiting, False
            attempts.extend(item)
            if len(attempts) >= _COMMIT_ROWS:
                return attempts, waiting, False
            try:
                item = self._queue.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                return attempts, waiting, False

    def _commit(self, attempts: Iterable[Attempt]) -> None:
        with transaction(self._db):
            self._db.executemany(_INSERT, map(_row, attempts))


def _row(a: Attempt) -> tuple[Any, ...]:
    usage = a.usage
    return (
        a.ordinal, a.run_id, a.question_id, a.status, a.reason, a.retryable, a.detail,
        _json(a.answer), _json(a.confidence), a.model_version,
        usage.input_tokens, usage.output_tokens, usage.thinking_tokens, usage.cached_tokens,
        a.sha256, a.tries, a.started_at, a.seconds,
    )  # fmt: skip


def _json(value: object) -> str | None:
    return None if value is None else json.dumps(value, ensure_ascii=False, separators=(",", ":"))
