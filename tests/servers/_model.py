"""What servers of models share: records, faults per picture, latency, a hidden limit, a bill."""

import argparse
import asyncio
import hashlib
import json
import random
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

from aiohttp import web

from tests.servers._answers import answer_for
from tests.servers._serving import Serving


@dataclass(frozen=True, kw_only=True)
class Behaviour:
    """How a service feels. `latency`: median seconds; `spread`: sigma of the lognormal around it;
    `stragglers`: share of calls that take 8 times as long. `limit`: calls per second, hidden,
    `burst` at once."""

    latency: float = 0.0
    spread: float = 0.0
    stragglers: float = 0.0
    limit: float | None = None
    burst: float = 10.0


@dataclass(frozen=True, kw_only=True)
class Fault:
    """`kind` for the next `times` calls with a picture (None: all). `retry_after`: the header;
    `seconds`: how long "slow" takes."""

    kind: str
    times: int | None = None
    retry_after: str | None = None
    seconds: float = 5.0


@dataclass(frozen=True, kw_only=True)
class Sent:
    """A request that arrived. `image`: its gs:// address, else the SHA-256 of its bytes in hex."""

    path: str
    headers: Mapping[str, str]
    raw: bytes
    body: dict[str, Any]
    image: str
    at: float


class RefusedRequest(Exception):
    """The request is answered before any picture is looked at."""

    def __init__(self, response: web.Response) -> None:
        self.response = response


@dataclass(frozen=True, kw_only=True)
class Call:
    """A request that was found valid. `context` is what the protocol needs to answer it."""

    image: str
    schema: Mapping[str, Any] | None
    body: dict[str, Any]
    context: Mapping[str, Any] = field(default_factory=dict)


def image_key(image: bytes | str) -> str:
    """What a picture goes by in records and faults."""
    return image if isinstance(image, str) else hashlib.sha256(image).hexdigest()


class ModelServer(Serving):
    """Base: subclasses read requests and form answers in their protocol.

    `sent`: every request, in order. `billed`: picture → times answered. `tokens`: "input",
    "output" → billed in all. `refused`: calls beyond the hidden limit. `in_flight_most`: calls
    at once, at most.
    """

    def __init__(self, behaviour: Behaviour | None = None, *, record: bool = True, port: int = 0):
        """`record`: keep requests in `sent`."""
        super().__init__(port=port)
        self.behaviour = behaviour or Behaviour()
        self.answer: Callable[[str, Mapping[str, Any]], Any] = lambda image, schema: answer_for(
            schema, image
        )
        self.sent: list[Sent] = []
        self.billed: Counter[str] = Counter()
        self.tokens: Counter[str] = Counter()
        self.refused = 0
        self.in_flight_most = 0
        self._in_flight = 0
        self._record = record
        self._faults: dict[str | None, list[Fault]] = {}
        self._spent: Counter[int] = Counter()
        self._allowance = self.behaviour.burst
        self._allowed_at = time.monotonic()
        self._dice = random.Random(1)

    def fault(self, kind: str, image: bytes | str | None = None, **how: Any) -> None:
        """Misbehave for a picture, by bytes or address, or for all; see `Fault`."""
        key = None if image is None else image_key(image)
        self._faults.setdefault(key, []).append(Fault(kind=kind, **how))

    # What subclasses know

    def read(self, request: web.Request, body: Any) -> Call:
        """Check as the real service does; raises RefusedRequest."""
        raise NotImplementedError

    def reply(self, call: Call, text: str) -> web.Response:
        """A normal answer; bills it."""
        raise NotImplementedError

    def too_fast(self, fault: Fault) -> web.Response:
        """Beyond the limit."""
        raise NotImplementedError

    def misbehave(self, fault: Fault, call: Call) -> web.Response:
        """The answer of a fault in the protocol's own form; raises LookupError for unknown."""
        raise NotImplementedError

    def add_routes(self, app: web.Application) -> None:
        app.router.add_post("/{path:.*}", self._serve_call)

    # The life of a call

    async def _serve_call(self, request: web.Request) -> web.StreamResponse:
        raw = await request.read()
        self._in_flight += 1
        self.in_flight_most = max(self.in_flight_most, self._in_flight)
        try:
            call = self._recorded(request, raw)
            if not self._admitted():
                self.refused += 1
                return self.too_fast(Fault(kind="limit"))
            await asyncio.sleep(self._latency())
            fault = self._next_fault(call.image)
            return await self._answered(request, call, fault)
        except RefusedRequest as refused:
            return refused.response
        finally:
            self._in_flight -= 1

    def _recorded(self, request: web.Request, raw: bytes) -> Call:
        try:
            body = json.loads(raw)
        except ValueError:
            body = None
        image = ""
        try:
            call = self.read(request, body)
            image = call.image
            return call
        finally:
            if self._record:
                self.sent.append(
                    Sent(
                        path=request.path,
                        headers=dict(request.headers),
                        raw=raw,
                        body=body if isinstance(body, dict) else {},
                        image=image,
                        at=time.monotonic(),
                    )
                )

    async def _answered(
        self, request: web.Request, call: Call, fault: Fault | None
    ) -> web.StreamResponse:
        if fault is None:
            return self.reply(call, self.text(call))
        if fault.kind == "slow":
            await asyncio.sleep(fault.seconds)
            return self.reply(call, self.text(call))
        if fault.kind == "reset":
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        if fault.kind == "cut":
            return await self._cut(request, self.reply(call, self.text(call)))
        if fault.kind == "proxy":
            page = "<html><body><h1>502 Bad Gateway</h1></body></html>"
            return web.Response(status=502, text=page, content_type="text/html")
        return self.misbehave(fault, call)

    def text(self, call: Call) -> str:
        """The text of a normal answer."""
        return json.dumps(self.answer(call.image, call.schema or {"type": "string"}))

    async def _cut(self, request: web.Request, whole: web.Response) -> web.StreamResponse:
        body = whole.body
        assert isinstance(body, bytes)
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        response.content_length = len(body)
        await response.prepare(request)
        await response.write(body[: len(body) // 2])
        assert request.transport is not None
        request.transport.close()
        return response

    def _next_fault(self, image: str) -> Fault | None:
        known = self._faults
        for fault in known.get(image, []) + known.get(None, []):
            if fault.times is None:
                return fault
            if self._spent[id(fault)] < fault.times:
                self._spent[id(fault)] += 1
                return fault
        return None

    def _latency(self) -> float:
        how = self.behaviour
        if not how.latency:
            return 0.0
        slow = 8 if self._dice.random() < how.stragglers else 1
        return how.latency * self._dice.lognormvariate(0, how.spread) * slow

    def _admitted(self) -> bool:
        if self.behaviour.limit is None:
            return True
        now = time.monotonic()
        earned = (now - self._allowed_at) * self.behaviour.limit
        self._allowance = min(self.behaviour.burst, self._allowance + earned)
        self._allowed_at = now
        if self._allowance < 1:
            return False
        self._allowance -= 1
        return True


def run_alone(make: Callable[[Behaviour, int], ModelServer], doc: str) -> NoReturn:
    """Serve until killed, as `python -m …`; the first line on stdout is the address."""
    parser = argparse.ArgumentParser(description=doc)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--latency", type=float, default=0.0, help="median, seconds")
    parser.add_argument("--spread", type=float, default=0.5, help="sigma of the lognormal")
    parser.add_argument("--stragglers", type=float, default=0.0, help="share that takes 8 × longer")
    parser.add_argument("--limit", type=float, default=None, help="hidden, calls per second")
    parser.add_argument("--burst", type=float, default=10.0)
    given = vars(parser.parse_args())
    server = make(Behaviour(**{k: v for k, v in given.items() if k != "port"}), given["port"])
    with server:
        print(server.url, flush=True)
        while True:
            time.sleep(3600)
