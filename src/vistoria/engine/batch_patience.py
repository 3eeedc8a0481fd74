"""Calls a service of batch jobs until it answers, and never makes the same job twice."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import anyio
import stamina

from vistoria.errors import RateLimited, ServiceDown, TransientError
from vistoria.events import JobChanged, Retrying, Sink
from vistoria.ledger import Job
from vistoria.models import Batches, BatchJob

_T = TypeVar("_T")

# Parts of the time between two looks, after which a job whose creation got no answer is looked for.
_LOOKS = (0.02, 0.1, 0.2)


@dataclass(frozen=True, slots=True)
class Patient:
    """Repeats calls that fail in passing; `patience` and `poll` are in seconds."""

    batches: Batches
    patience: float
    poll: float
    emit: Sink

    async def call(self, make: Callable[[], Awaitable[_T]]) -> _T:
        """What `make` returns; raises ServiceDown, or what else it raises."""
        again = stamina.AsyncRetryingCaller(
            attempts=None, timeout=self.patience, wait_initial=0.5, wait_max=60.0
        )
        try:
            return await again(self._wait, make)
        except TransientError as error:
            raise ServiceDown(
                f"the service of batch jobs has not answered for {self.patience / 60:.0f} minutes: "
                f"{error}\n  Jobs under way go on; the same command collects them."
            ) from error

    def _wait(self, error: Exception) -> bool | float:
        if not isinstance(error, TransientError):
            return False
        reason = "rate_limited" if isinstance(error, RateLimited) else "transient"
        self.emit(Retrying(reason=reason, wait=error.retry_after))
        return True if error.retry_after is None else error.retry_after

    async def search(self, job: Job) -> BatchJob | None:
        """A job that may just have been made: looked for several times, as lists may lag behind."""
        for part in _LOOKS:
            await anyio.sleep(part * self.poll)
            if made := await self.call(lambda: self.batches.find(job.name)):
                return made
        return None

    async def submit(self, job: Job, file: Path) -> BatchJob:
        """The job, found by its name or else made of this file."""
        known = await self.call(lambda: self.batches.find(job.name))
        if known is not None:
            return known
        self.emit(JobChanged(name=job.name, state="uploading", rows=job.rows))
        await self.call(lambda: self.batches.upload(job.name, file))
        return await self.call(lambda: self._create(job))

    async def _create(self, job: Job) -> BatchJob:
        """Before it can be tried again, it is made sure that there is no such job."""
        try:
            return await self.batches.submit(job.name)
        except TransientError as error:
            made = await self.search(job) if error.outcome_unknown else None
            if made is None:
                raise
            return made
