"""Runs an aiohttp application in a thread of its own."""

import asyncio
import threading
from typing import Self

from aiohttp import web


async def _end_rest() -> None:
    """Answers to clients that went away are still on their way."""
    rest = asyncio.all_tasks() - {asyncio.current_task()}
    for task in rest:
        task.cancel()
    await asyncio.gather(*rest, return_exceptions=True)


class Serving:
    """Base of a server: `with Server() as server:` and `server.url`; subclasses add routes."""

    def __init__(self, *, port: int = 0) -> None:
        """`port`: 0 for any free one."""
        self.port = port
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name=type(self).__name__, daemon=True)

    def add_routes(self, app: web.Application) -> None:
        """Add what the server answers."""
        raise NotImplementedError

    @property
    def url(self) -> str:
        """Where it listens, without a final slash."""
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(10), "the server did not start"
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)
        assert not self._thread.is_alive(), "the server did not stop"

    def _run(self) -> None:
        try:
            self._loop.run_until_complete(self.serve())
            self._loop.run_until_complete(_end_rest())
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        finally:
            self._loop.close()

    async def serve(self) -> None:
        """Serve until stopped, in the running loop."""
        app = web.Application(client_max_size=64 << 20)
        self.add_routes(app)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", self.port, backlog=1024)
        await site.start()
        self.port = runner.addresses[0][1]
        self._ready.set()
        try:
            await self._stop.wait()
        finally:
            await runner.cleanup()
