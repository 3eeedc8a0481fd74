"""A teacher's batch jobs, with its cascade listening to what the results say."""

from collections.abc import AsyncIterator, Callable, Container
from pathlib import Path
from typing import TypeAlias

from vistoria.models._batch import Batches, BatchJob, BatchResult, BatchRow
from vistoria.records import Picture, Reply
from vistoria.task import Task

Heard: TypeAlias = Callable[[Task | None, str, Reply], None]


class Watched:
    """As the teacher's own; `heard` is told each reply, with task and address of what it is about
    where that address is one of `audited`."""

    def __init__(self, batches: Batches, audited: Container[str], heard: Heard) -> None:
        """`batches`: the teacher's."""
        self._batches, self._audited, self._heard = batches, audited, heard
        self._asked: dict[str | int, tuple[Task, str]] = {}

    def row(self, task: Task, picture: Picture, key: str, correction: str | None) -> BatchRow:
        """The row that asks about one picture; see `Model.ask`."""
        row = self._batches.row(task, picture, key, correction)
        if picture.uri in self._audited:
            self._asked[key] = self._asked[row.mark] = (task, picture.uri)
        return row

    async def results(self, name: str, resource: str) -> AsyncIterator[BatchResult]:
        """What there is of a job's results, in any order; may be read again."""
        async for result in self._batches.results(name, resource):
            if isinstance(result.outcome, Reply):
                known = self._asked.get(result.key or "") or self._asked.get(result.mark or 0)
                task, uri = known or (None, "")
                self._heard(task, uri, result.outcome)
            yield result

    async def find(self, name: str) -> BatchJob | None:
        """The job that was submitted under this name, if one was."""
        return await self._batches.find(name)

    async def upload(self, name: str, file: Path) -> None:
        """Puts the rows where the service will read them; the same name replaces them."""
        await self._batches.upload(name, file)

    async def submit(self, name: str) -> BatchJob:
        """Starts a job on what was uploaded under this name."""
        return await self._batches.submit(name)

    async def look(self, resource: str) -> BatchJob | None:
        """How a job stands; None if the service knows no such job."""
        return await self._batches.look(resource)

    async def cancel(self, resource: str) -> None:
        """Ends a job early; what is answered by then is billed and can be read."""
        await self._batches.cancel(resource)

    async def clear(self, name: str) -> None:
        """Removes the files of a job whose results have been read."""
        await self._batches.clear(name)
