"""The seam of batch jobs: many rows handed to a service at once, answered later, for less."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple, Protocol, TypeAlias

from vistoria.errors import VistoriaError
from vistoria.records import Picture, Reply
from vistoria.task import Task

BatchState: TypeAlias = Literal["queued", "running", "succeeded", "failed", "expired", "cancelled"]


class BatchRow(NamedTuple):
    """A row as it goes into a job's file, its line end included. `mark`: 64 bits that name what its
    request carries, by which its result is known where the service drops the key."""

    line: bytes
    mark: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchJob:
    """A job as its service tells of it. `resource`: the service's name for it; `done`: rows
    answered so far, if it says; `error`: why the whole job failed."""

    resource: str
    state: BatchState
    done: int | None = None
    error: VistoriaError | None = None

    @property
    def over(self) -> bool:
        """Whether no further results will come."""
        return self.state not in ("queued", "running")


class BatchResult(NamedTuple):
    """The outcome of one row, known by the `key` that was given with it or by its `mark`. `at`:
    when the service answered, in seconds since 1970."""

    key: str | None
    mark: int | None
    outcome: Reply | VistoriaError
    at: float


class Batches(Protocol):
    """A service that takes batch jobs."""

    def row(self, task: Task, picture: Picture, key: str, correction: str | None) -> BatchRow:
        """The row that asks about one picture; see `Model.ask`."""

    async def find(self, name: str) -> BatchJob | None:
        """The job that was submitted under this name, if one was."""

    async def upload(self, name: str, file: Path) -> None:
        """Puts the rows where the service will read them; the same name replaces them."""

    async def submit(self, name: str) -> BatchJob:
        """Starts a job on what was uploaded under this name.

        Raises TransientError with `outcome_unknown` where it may have been started after all.
        """

    async def look(self, resource: str) -> BatchJob | None:
        """How a job stands; None if the service knows no such job."""

    def results(self, name: str, resource: str) -> AsyncIterator[BatchResult]:
        """What there is of a job's results, in any order; may be read again."""

    async def cancel(self, resource: str) -> None:
        """Ends a job early; what is answered by then is billed and can be read."""

    async def clear(self, name: str) -> None:
        """Removes the files of a job whose results have been read."""
