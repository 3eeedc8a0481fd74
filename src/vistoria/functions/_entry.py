"""The function that functions-framework serves: one delivery in, one HTTP answer out."""

import logging
import os
import threading
from typing import TYPE_CHECKING, Any

from vistoria.errors import VistoriaError
from vistoria.functions._event import read_event
from vistoria.functions._inbox import Inbox
from vistoria.project import load_project

if TYPE_CHECKING:
    from flask import Request

_AGAIN = {"Retry-After": "30"}
_log = logging.getLogger(__name__)
_lock = threading.Lock()
_open: dict[int, Inbox] = {}  # by process: a server may fork after this module was imported


def label(request: "Request") -> tuple[dict[str, Any], int, dict[str, str]]:
    """Answers one delivery: 200 when it is done with, 503 when it must come again.

    The project is `vistoria.toml` in the current folder or VISTORIA_PROJECT, and the environment;
    its source is the bucket.
    """
    body = request.get_data()
    try:
        event = read_event(dict(request.headers), body)
        verdict = _inbox().take(event, body, request.headers.get("traceparent"))
    except VistoriaError as error:
        # Whatever a person must mend: the events wait in Pub/Sub meanwhile, so none is lost.
        _log.error("an event is left for later: %s", error)
        return {"outcome": "left", "said": str(error)}, 503, _AGAIN
    document = {"outcome": verdict.outcome, "said": verdict.said, "labels": verdict.labels}
    if verdict.outcome not in ("labelled", "known"):
        _log.warning("%s: %s", verdict.outcome, verdict.said)
    return document, 200 if verdict.done else 503, {} if verdict.done else _AGAIN


def _inbox() -> Inbox:
    """The one of this process, opened by its first event."""
    with _lock:
        inbox = _open.get(os.getpid())
        if inbox is None or not inbox.alive:
            inbox = _open[os.getpid()] = Inbox(load_project())
        return inbox
