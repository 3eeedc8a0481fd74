"""Fine-tunes Gemini: files to Cloud Storage, one job however often it is begun, and its end."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

import anyio

from vistoria.errors import RunStopped, TransientError, UserError
from vistoria.models._bucket import Bucket, Headers
from vistoria.models._gemini_tuned import Tuned, register_tuned
from vistoria.student.gemini.job import Job, JobSpec, TuningService

__all__ = ["Tuning", "gcs_sizes", "registered"]

_AT_ONCE = 16
_TRIES = 8
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Tuning:
    """A job that is to be, is, or was done. `poll`: seconds between two looks."""

    service: TuningService
    bucket: Bucket
    spec: JobSpec
    poll: float = 60.0

    async def begun(self, training: Path, validation: Path | None) -> tuple[Job, bool]:
        """The job, and whether it had been there before. Raises UserError or TransientError."""
        if (job := await _patiently(lambda: self.service.find(self.spec.name))) is not None:
            return job, True
        name = self.spec.name
        await self.bucket.put(f"{name}/training.jsonl", training)
        checked = None
        if validation is not None and validation.stat().st_size:  # noqa: ASYNC240 - a stat
            checked = self.bucket.address(f"{name}/validation.jsonl")
            await self.bucket.put(f"{name}/validation.jsonl", validation)
        address = self.bucket.address(f"{name}/training.jsonl")
        try:
            return await self.service.submit(self.spec, address, checked), False
        except TransientError as error:
            if not error.outcome_unknown:
                raise
        # Nobody knows whether it was taken: ask the list, not for a second job.
        await asyncio.sleep(min(self.poll, 5.0))
        job = await _patiently(lambda: self.service.find(name))
        if job is None:
            raise TransientError(
                "Google did not say whether it took the tuning job, and lists none by now; the "
                "same command looks again and begins it if need be"
            )
        return job, False

    async def ended(self, job: Job, listen: Callable[[Job], None]) -> Job:
        """The job at its end; raises UserError when it failed."""
        listen(job)
        while job.state in ("queued", "running"):
            await anyio.sleep(self.poll)
            job = await _patiently(partial(self.service.look, job.resource))
            listen(job)
        if job.state != "succeeded":
            raise UserError(f"the tuning job {job.state}: {job.error or 'Google gives no reason'}")
        if not job.endpoint:
            raise RunStopped("the tuned model has no endpoint yet; the same command looks again")
        return job


async def _patiently(call: Callable[[], Awaitable[_T]]) -> _T:
    """Again where Google fails in passing."""
    for attempt in range(_TRIES):
        try:
            return await call()
        except TransientError as error:
            if attempt == _TRIES - 1:
                raise
            await anyio.sleep(error.retry_after or min(0.25 * 2**attempt, 30.0))
    raise AssertionError("it returns or raises")


def registered(path: Path, name: str, job: Job, base: str) -> str:
    """Notes the tuned model; returns what to call it."""
    assert job.endpoint
    register_tuned(path, name, Tuned(job.endpoint, base, job.resource))
    return f"gemini:{name}"


def gcs_sizes(headers: Headers) -> Callable[[Sequence[str]], Mapping[str, int]]:
    """Looks up the sizes of objects, several at once, for `tuning_lines.prepare`."""

    async def look(addresses: Sequence[str]) -> dict[str, int]:
        buckets: dict[str, Bucket] = {}
        found: dict[str, int] = {}
        limit = anyio.CapacityLimiter(_AT_ONCE)

        async def one(address: str) -> None:
            bucket, _, key = address.removeprefix("gs://").partition("/")
            if bucket not in buckets:
                buckets[bucket] = Bucket(f"gs://{bucket}", headers)
            async with limit:
                size = await buckets[bucket].size(key)
            if size is not None:
                found[address] = size

        async with anyio.create_task_group() as tasks:
            for address in addresses:
                tasks.start_soon(one, address)
        return found

    return lambda addresses: anyio.run(look, addresses)
