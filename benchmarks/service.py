"""A Gemini server in a process of its own, told from outside how to behave: `with Service(…)`."""

import json
import re
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Self, cast

from aiohttp import web

from tests.servers._answers import answer_for
from tests.servers._model import Behaviour, Call, Fault
from tests.servers.gemini import KEY, GeminiServer

_ROOT = Path(__file__).parent.parent
_PLACE = re.compile(r"/at/(?P<place>[\w-]+)(?=/)")
_FILE = re.compile(rb'"fileUri":\s*"([^"]+)"')


@dataclass(frozen=True, kw_only=True)
class Manner(Behaviour):
    """What else can be told. `down`: an outage, every call fails so ("503", "reset", "hang").
    `at_once`: the most calls in flight, more are refused. `refusals`: share refused at random.
    `maximal`: bills what is dearest: a token per byte of text, and all output that was allowed.
    `trusting`: takes every request as valid without looking closely, which costs least."""

    down: str | None = None
    at_once: int | None = None
    refusals: float = 0.0
    maximal: bool = False
    trusting: bool = False


class Service:
    """Starts the server; `behave` changes it while it runs, `bill` says what it has seen."""

    def __init__(self, **manner: Any) -> None:
        """`manner`: as of Manner and Behaviour."""
        self._manner = manner
        self.url = ""

    @property
    def pid(self) -> int:
        """Of the server's process."""
        return self._child.pid

    @property
    def env(self) -> dict[str, str]:
        """Environment in which `gemini:` calls this server as the Developer API."""
        return {"GOOGLE_GEMINI_BASE_URL": self.url, "GEMINI_API_KEY": KEY}

    def vertex(self, place: str = "") -> dict[str, str]:
        """Options with which `gemini:` calls it as Vertex AI, images by reference, with a key.

        What is asked at a `place` counts as asked of a service of its own, with its own bill.
        """
        base = f"{self.url}/at/{place}" if place else self.url
        return {"vertex": "true", "api_key": KEY, "base_url": base}

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "benchmarks.service", json.dumps(self._manner)]
        self._child = subprocess.Popen(command, cwd=_ROOT, stdout=subprocess.PIPE, text=True)
        assert self._child.stdout is not None
        self.url = self._child.stdout.readline().strip()
        return self

    def __exit__(self, *_: object) -> None:
        self._child.kill()
        self._child.wait()

    def behave(self, **manner: Any) -> None:
        """From now on; `faults`: [[kind, image or None, times or None], …] are added, `well`
        forgets those from before."""
        self._post("/_behave", manner)

    def bill(self) -> dict[str, Any]:
        """Requests, answered (billed), refused, tokens, images, most answers to one image, calls
        in flight, most calls at once, and the server's clock."""
        found: dict[str, Any] = self._post("/_bill", {})
        return found

    def images(self) -> dict[str, list[int]]:
        """Image → how often it was asked about, and how often that was billed."""
        found: dict[str, list[int]] = self._post("/_images", {})
        return found

    def places(self) -> dict[str, dict[str, int]]:
        """Place → requests, input and output tokens that were billed there."""
        found: dict[str, dict[str, int]] = self._post("/_places", {})
        return found

    def fields(self) -> dict[str, int]:
        """The fields that a request asked, joined by commas → how many requests did."""
        found: dict[str, int] = self._post("/_fields", {})
        return found

    def _post(self, path: str, body: dict[str, Any]) -> Any:
        request = urllib.request.Request(self.url + path, json.dumps(body).encode())
        with urllib.request.urlopen(request, timeout=60) as response:
            return json.load(response)


class _Controlled(GeminiServer):
    """The server with doors for its owner, and counts of what came."""

    def __init__(self, manner: Manner) -> None:
        super().__init__(manner, record=False)
        self.requests = 0
        self.asked: Counter[str] = Counter()
        self.fields: Counter[str] = Counter()
        self.places: dict[str, Counter[str]] = {}
        self._heads: dict[bytes, Mapping[str, Any]] = {}
        self._texts: dict[int, str] = {}

    @property
    def manner(self) -> Manner:
        return cast("Manner", self.behaviour)

    def add_routes(self, app: web.Application) -> None:
        app.router.add_post("/_behave", self._behave)
        app.router.add_post("/_bill", self._bill_so_far)
        app.router.add_post("/_images", self._images)
        app.router.add_post("/_places", self._places)
        app.router.add_post("/_fields", self._fields)
        super().add_routes(app)

    # What a request is

    def _recorded(self, request: web.Request, raw: bytes) -> Call:
        self.requests += 1
        call = self._trusted(raw) if self.manner.trusting else self._checked(request, raw)
        self.asked[call.image] += 1
        self.fields[",".join((call.schema or {}).get("properties", ()))] += 1
        return call

    def _checked(self, request: web.Request, raw: bytes) -> Call:
        place = _PLACE.search(request.path)
        if place is not None:
            moved = SimpleNamespace(
                path=request.path.replace(place[0], "", 1), headers=request.headers
            )
            request = cast("web.Request", moved)
        call = super()._recorded(request, raw)
        return Call(
            image=call.image, schema=call.schema, body={},
            context={**call.context, "place": place["place"] if place else "",
                     "most": _most_input(call)},
        )  # fmt: skip

    def _trusted(self, raw: bytes) -> Call:
        """What matters, found in the bytes; the head of a request is read once."""
        head = raw[: raw.find(b'"contents"')]
        schema = self._heads.get(head)
        if schema is None:
            config = json.loads(raw)["generationConfig"]
            schema = self._heads[head] = config.get("responseJsonSchema", {"type": "object"})
        file = _FILE.search(raw)
        return Call(
            image=file[1].decode() if file else str(hash(raw)), schema=schema, body={},
            context={"model": "trusted", "input_tokens": 300, "max_output_tokens": 2048,
                     "place": "", "most": 0},
        )  # fmt: skip

    def text(self, call: Call) -> str:
        if not self.manner.trusting:
            return super().text(call)
        known = self._texts.get(id(call.schema))
        if known is None:
            known = json.dumps(answer_for(call.schema or {}, "any"))
            self._texts[id(call.schema)] = known
        return known

    # How it answers

    def _admitted(self) -> bool:
        how = self.manner
        if how.at_once is not None and self._in_flight > how.at_once:
            return False
        if how.refusals and self._dice.random() < how.refusals:
            return False
        return super()._admitted()

    def _next_fault(self, image: str) -> Fault | None:
        down = {"503": "overloaded", "reset": "reset", "hang": "slow"}
        if self.manner.down is not None:
            return Fault(kind=down[self.manner.down], seconds=600.0)
        return super()._next_fault(image) if self._faults else None

    def _bill(
        self,
        call: Call,
        tokens: int,
        answer: Mapping[str, Any],
        *,
        thoughts: int = 0,
        answered: bool = True,
    ) -> web.Response:
        if self.manner.maximal:
            most = call.context["max_output_tokens"]
            thoughts, given = most - tokens, call.context["most"]
            call = Call(
                image=call.image, schema=None, body={}, context={**call.context,
                "input_tokens": given},
            )  # fmt: skip
        account = self.places.setdefault(call.context["place"], Counter())
        account.update(
            requests=1, input=call.context["input_tokens"], output=tokens + thoughts
        )  # fmt: skip
        return super()._bill(call, tokens, answer, thoughts=thoughts, answered=answered)

    # What its owner asks

    async def _behave(self, request: web.Request) -> web.Response:
        given = await request.json()
        if given.pop("well", False):
            self._faults.clear()
        for kind, image, times in given.pop("faults", []):
            self.fault(kind, image, times=times)
        self.behaviour = Manner(**(asdict(self.behaviour) | given))
        return web.json_response({})

    async def _bill_so_far(self, _: web.Request) -> web.Response:
        return web.json_response(
            {
                "requests": self.requests,
                "answered": self.billed.total(),
                "images": len(self.billed),
                "most": max(self.billed.values(), default=0),
                "refused": self.refused,
                "input": self.tokens["input"],
                "output": self.tokens["output"],
                "in_flight": self._in_flight,
                "in_flight_most": self.in_flight_most,
                "at": time.monotonic(),
            }
        )

    async def _images(self, _: web.Request) -> web.Response:
        return web.json_response({n: [k, self.billed[n]] for n, k in self.asked.items()})

    async def _places(self, _: web.Request) -> web.Response:
        return web.json_response(self.places)

    async def _fields(self, _: web.Request) -> web.Response:
        return web.json_response(self.fields)


def _most_input(call: Call) -> int:
    """Tokens of the picture, and one for each byte of text."""
    texts = [part["text"] for part in call.body["contents"][-1]["parts"] if "text" in part]
    picture = call.context["input_tokens"] - len("".join(texts)) // 4
    return sum(len(t.encode()) for t in (*texts, json.dumps(call.schema or {}))) + int(picture)


def serve(manner: dict[str, Any]) -> None:
    """Serves until killed; prints the address."""
    with _Controlled(Manner(**manner)) as server:
        print(server.url, flush=True)
        while True:
            time.sleep(3600)


if __name__ == "__main__":
    serve(json.loads(sys.argv[1]))
