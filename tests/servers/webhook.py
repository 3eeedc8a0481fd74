"""A receiver of webhooks that checks signatures, and has its moods."""

import asyncio
import base64
import hashlib
import hmac
import json
import random
import time
from typing import Any

from aiohttp import web

from tests.servers._serving import Serving

Body = dict[str, Any]


class Receiver(Serving):
    """POST to `url` + "/hook".

    `fails`: the share of requests that are answered with 503; `hangs`: the share that get no
    answer; of both every other one had been taken all the same. `status`: given to all in place of
    an answer; `gone_after`: 410 to all once so many were taken. `wait`: seconds before an answer.
    `refuses`: observation ids answered with 422. `taken`: every event, repeated ones included, in
    the order of arrival; `wrong`: requests without a right signature.
    """

    def __init__(self, secret: bytes) -> None:
        super().__init__()
        self.secret = secret
        self.fails = self.hangs = self.wait = 0.0
        self.status: int | None = None
        self.gone_after: int | None = None
        self.refuses: set[str] = set()
        self.taken: list[Body] = []
        self.wrong = 0
        self._chance = random.Random(7)

    def add_routes(self, app: web.Application) -> None:
        app.router.add_post("/hook", self._take)

    def events(self) -> list[Body]:
        """Those taken, each once, as a receiver that knows ids has them."""
        return list({event["id"]: event for event in self.taken}.values())

    async def _take(self, request: web.Request) -> web.Response:
        body = await request.text()
        if not self._signed(request, body):
            self.wrong += 1
            return web.Response(status=401, text="wrong signature")
        event = json.loads(body)
        if self.status is not None:
            return web.Response(status=self.status)
        if event["observation_id"] in self.refuses:
            return web.Response(status=422, text="no such asset")
        if self.gone_after is not None and len(self.taken) >= self.gone_after:
            return web.Response(status=410)
        await asyncio.sleep(self.wait)
        return await self._answer(event)

    async def _answer(self, event: Body) -> web.Response:
        mood = self._chance.random()
        if mood >= self.hangs + self.fails:
            self.taken.append(event)
            return web.Response(status=204)
        if self._chance.random() < 0.5:
            self.taken.append(event)
        if mood < self.hangs:
            await asyncio.sleep(30)
        return web.Response(status=503, headers={"Retry-After": "0"})

    def _signed(self, request: web.Request, body: str) -> bool:
        moment, name = request.headers["webhook-timestamp"], request.headers["webhook-id"]
        if abs(time.time() - int(moment)) > 300 or json.loads(body)["id"] != name:
            return False
        mac = hmac.new(self.secret, f"{name}.{moment}.{body}".encode(), hashlib.sha256).digest()
        wanted = "v1," + base64.b64encode(mac).decode()
        return hmac.compare_digest(wanted, request.headers["webhook-signature"])
