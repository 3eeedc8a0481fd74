"""A Gemini server in a process of its own, told from outside how to behave: `with Service(…)`."""

import json
import subprocess
import sys
import time
import urllib.request
from dataclasses import asdict
from pathlib import Path
from typing import Any, Self

from aiohttp import web

from tests.servers._model import Behaviour, ModelServer
from tests.servers.gemini import KEY, GeminiServer

_ROOT = Path(__file__).parent.parent


class Service:
    """Starts the server; `behave` changes it while it runs, `bill` says what it has seen."""

    def __init__(self, **behaviour: Any) -> None:
        """`behaviour`: as of `tests.servers._model.Behaviour`."""
        self._behaviour = behaviour
        self.url = ""

    @property
    def env(self) -> dict[str, str]:
        """Environment in which `gemini:` calls this server as the Developer API."""
        return {"GOOGLE_GEMINI_BASE_URL": self.url, "GEMINI_API_KEY": KEY}

    @property
    def vertex(self) -> dict[str, str]:
        """Options with which `gemini:` calls it as Vertex AI, images by reference, with a key."""
        return {"vertex": "true", "api_key": KEY, "base_url": self.url}

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "benchmarks.service", json.dumps(self._behaviour)]
        self._child = subprocess.Popen(command, cwd=_ROOT, stdout=subprocess.PIPE, text=True)
        assert self._child.stdout is not None
        self.url = self._child.stdout.readline().strip()
        return self

    def __exit__(self, *_: object) -> None:
        self._child.kill()
        self._child.wait()

    def behave(self, **behaviour: Any) -> None:
        """From now on; `faults`: [[kind, image or None, times or None], …] are added."""
        self._post("/_behave", behaviour)

    def bill(self) -> dict[str, Any]:
        """Requests, answered (billed), refused, tokens, images, most answers to one image."""
        found: dict[str, Any] = self._post("/_bill", {})
        return found

    def _post(self, path: str, body: dict[str, Any]) -> Any:
        request = urllib.request.Request(self.url + path, json.dumps(body).encode())
        with urllib.request.urlopen(request, timeout=30) as response:
            return json.load(response)


class _Controlled(GeminiServer):
    """The server with two doors for its owner, and a count of requests."""

    requests = 0

    def add_routes(self, app: web.Application) -> None:
        app.router.add_post("/_behave", self._behave)
        app.router.add_post("/_bill", self._bill_so_far)
        super().add_routes(app)

    def read(self, request: web.Request, body: Any) -> Any:
        self.requests += 1
        return super().read(request, body)

    async def _behave(self, request: web.Request) -> web.Response:
        given = await request.json()
        for kind, image, times in given.pop("faults", []):
            self.fault(kind, image, times=times)
        if given.pop("well", False):
            self._faults.clear()
        self.behaviour = Behaviour(**(asdict(self.behaviour) | given))
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
                "at": time.monotonic(),
            }
        )


def serve(behaviour: dict[str, Any]) -> None:
    """Serves until killed; prints the address."""
    server: ModelServer = _Controlled(Behaviour(**behaviour), record=False)
    with server:
        print(server.url, flush=True)
        while True:
            time.sleep(3600)


if __name__ == "__main__":
    serve(json.loads(sys.argv[1]))
