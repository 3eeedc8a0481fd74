"""Pub/Sub's REST way to publish, and its way to push: a delivery that is not taken comes again.

Also what brings any other delivery over HTTP in the same way, as Eventarc does: `send`.
"""

import asyncio
import base64
import json
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import aiohttp
from aiohttp import web

from tests.servers._serving import Serving

_TAKEN = {102, 200, 201, 202, 204}  # what Pub/Sub takes for an acknowledgement


@dataclass(slots=True)
class Delivery:
    """A request that is sent until it is taken, after `seconds`. `statuses`: of each try, 0 without
    an answer."""

    url: str
    headers: Mapping[str, str]
    body: bytes
    at: float = 0.0
    statuses: list[int] = field(default_factory=list)
    answer: bytes = b""
    taken: bool = False
    seconds: float = 0.0


class PubSubServer(Serving):
    """`published`: topic → messages, data decoded. `push_to`: topic → where its messages go.

    `wait`: seconds before a second try, twice as long before each further one, up to `longest`.
    `timeout`: seconds that a try may take. `deliveries`: all, in the order they were handed over.
    """

    def __init__(
        self, *, wait: float = 0.1, longest: float = 10.0, timeout: float = 600.0, port: int = 0
    ) -> None:
        """Real Pub/Sub waits from 10 to 600 seconds, unless told otherwise."""
        super().__init__(port=port)
        self.published: dict[str, list[dict[str, Any]]] = {}
        self.push_to: dict[str, str] = {}
        self.deliveries: list[Delivery] = []
        self.tries: Counter[int] = Counter()
        self._wait, self._longest, self._timeout = wait, longest, timeout
        self._tasks: set[asyncio.Task[None]] = set()
        self._session: aiohttp.ClientSession | None = None
        self._number = 0

    def add_routes(self, app: web.Application) -> None:
        app.router.add_post("/v1/projects/{project}/topics/{topic}", self._publish)
        app.on_cleanup.append(self._close)

    async def _publish(self, request: web.Request) -> web.Response:
        name, _, verb = request.match_info["topic"].partition(":")
        assert verb == "publish"
        topic = f"projects/{request.match_info['project']}/topics/{name}"
        if topic not in self.published:
            error = {"code": 404, "message": f"Resource not found (resource={name}).",
                     "status": "NOT_FOUND"}  # fmt: skip
            return web.json_response({"error": error}, status=404)
        ids = [self._take(topic, message) for message in (await request.json())["messages"]]
        return web.json_response({"messageIds": ids})

    def _take(self, topic: str, message: Mapping[str, Any]) -> str:
        self._number += 1
        number = str(self._number)
        data = base64.b64decode(message.get("data", ""), validate=True)
        self.published[topic].append({**message, "data": data, "messageId": number})
        if topic in self.push_to:
            push = {
                "message": {**message, "messageId": number,
                            "publishTime": datetime.now(UTC).isoformat()},
                "subscription": topic.replace("topics", "subscriptions"),
            }  # fmt: skip
            self._start(Delivery(self.push_to[topic], {"Content-Type": "application/json"},
                                 json.dumps(push).encode()))  # fmt: skip
        return number

    def send(self, url: str, headers: Mapping[str, str], body: bytes) -> Delivery:
        """Hands over a delivery from any thread; it is tried until it is taken."""
        delivery = Delivery(url, headers, body)
        self._loop.call_soon_threadsafe(self._start, delivery)
        return delivery

    def wait_until_taken(self, seconds: float) -> bool:
        """Whether everything handed over is taken before that time is over."""
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            if all(one.taken for one in self.deliveries):
                return True
            time.sleep(0.02)
        return False

    def _start(self, delivery: Delivery) -> None:
        self.deliveries.append(delivery)
        delivery.at = time.monotonic()
        task = asyncio.get_running_loop().create_task(self._deliver(delivery))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _deliver(self, delivery: Delivery) -> None:
        wait = self._wait
        while not delivery.taken:
            delivery.statuses.append(await self._try(delivery))
            self.tries[delivery.statuses[-1]] += 1
            delivery.taken = delivery.statuses[-1] in _TAKEN
            delivery.seconds = time.monotonic() - delivery.at
            if not delivery.taken:
                await asyncio.sleep(wait)
                wait = min(2 * wait, self._longest)

    async def _try(self, delivery: Delivery) -> int:
        if self._session is None:
            timeout = aiohttp.ClientTimeout(total=self._timeout)
            connector = aiohttp.TCPConnector(limit=0, force_close=True)
            self._session = aiohttp.ClientSession(timeout=timeout, connector=connector)
        try:
            async with self._session.post(
                delivery.url, data=delivery.body, headers=delivery.headers
            ) as response:
                delivery.answer = await response.read()
                return response.status
        except (aiohttp.ClientError, OSError):
            return 0

    async def _close(self, _: web.Application) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()
