"""Passes TCP connections on to another port of this machine, and breaks them when told to."""

import asyncio
from collections import deque

from aiohttp import web

from tests.servers._serving import Serving


class Relay(Serving):
    """`cuts`: each new connection takes one, and is reset after so many bytes of answers.

    `broken`: how many were.
    """

    def __init__(self, target: int) -> None:
        """`target`: the port behind it."""
        super().__init__()
        self.target = target
        self.cuts: deque[int] = deque()
        self.broken = 0

    def add_routes(self, app: web.Application) -> None:
        raise NotImplementedError("a relay answers nothing by itself")

    async def serve(self) -> None:
        """Passes on until stopped."""
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stop.wait()
        server.close()
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        left = self.cuts.popleft() if self.cuts else None
        answers, asked = await asyncio.open_connection("127.0.0.1", self.target)
        there = asyncio.create_task(self._copy(reader, asked, None))
        back = asyncio.create_task(self._copy(answers, writer, left))
        try:
            await asyncio.wait((there, back), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (there, back):
                task.cancel()
            await asyncio.gather(there, back, return_exceptions=True)
            writer.transport.abort()
            asked.transport.abort()

    async def _copy(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, left: int | None
    ) -> None:
        while block := await reader.read(1 << 16):
            writer.write(block)
            await writer.drain()
            if left is not None and (left := left - len(block)) <= 0:
                self.broken += 1
                return
