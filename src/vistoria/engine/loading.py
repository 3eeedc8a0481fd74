"""Loads images in threads, again where a store failed in passing."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias

import anyio
import anyio.to_thread
import stamina

from vistoria.engine.work import Work
from vistoria.errors import ObservationError, RateLimited, TransientError, Unreachable
from vistoria.events import Retrying, Sink
from vistoria.records import ImageForm, ImageRef, Picture

Load: TypeAlias = Callable[[ImageRef, ImageForm], Picture]
Loaded: TypeAlias = Picture | ObservationError | TransientError

_THREADS = 8  # images being loaded at once; more only compete for the cores
_CONNECTIONS = 64  # the same for those that come over a network


class Loader:
    """Makes images ready in the form that a model wants."""

    def __init__(self, load: Load, form: ImageForm, *, retries: int, emit: Sink) -> None:
        """`load` may be called in threads; `retries`: tries of one image after the first."""
        self._load, self._form, self._emit = load, form, emit
        self._threads = anyio.CapacityLimiter(_THREADS)
        self._connections = anyio.CapacityLimiter(_CONNECTIONS)
        self._again = stamina.AsyncRetryingCaller(
            attempts=retries + 1, timeout=None, wait_initial=0.5, wait_max=60.0
        )

    async def pictures(self, work: Work) -> list[Picture | ObservationError]:
        """A picture, or a reason why not, for each observation."""
        if self._form.kind == "none":  # nothing is read, so no thread is needed
            first = self.load(work)
        elif self.far(work):
            first = await self.fetch(work)
        else:
            first = await anyio.to_thread.run_sync(self.load, work, limiter=self._threads)
        return await self.again(work, first)

    async def fetch(self, work: Work) -> list[Loaded]:
        """One try for each image, all at once: each takes a while, and hardly any of a core."""
        fetch = (self._fetch(observation.image) for observation in work.observations)
        return await asyncio.gather(*fetch)

    def far(self, work: Work) -> bool:
        """Whether some image must come over a network."""
        return self._form.kind != "none" and any(
            "://" in (uri := observation.image.uri) and not uri.startswith("file:")
            for observation in work.observations
        )

    def load(self, work: Work) -> list[Loaded]:
        """One try for each image, in the calling thread."""
        return [self._try(observation.image) for observation in work.observations]

    async def again(self, work: Work, first: Sequence[Loaded]) -> list[Picture | ObservationError]:
        """What `load` returned, once those that failed in passing were tried again."""
        return [
            await self._load_again(observation.image) if isinstance(item, TransientError) else item
            for observation, item in zip(work.observations, first, strict=True)
        ]

    def _try(self, ref: ImageRef) -> Loaded:
        try:
            return self._load(ref, self._form)
        except (ObservationError, TransientError) as error:
            return error

    async def _fetch(self, ref: ImageRef) -> Loaded:
        return await anyio.to_thread.run_sync(self._try, ref, limiter=self._connections)

    async def _load_again(self, ref: ImageRef) -> Picture | ObservationError:
        async def load() -> Picture:
            return await anyio.to_thread.run_sync(
                self._load, ref, self._form, limiter=self._connections
            )

        call: Callable[[], Awaitable[Picture]] = load
        try:
            return await self._again(self._wait, call)
        except ObservationError as error:
            return error
        except TransientError as error:
            return Unreachable(f"the image's store: {error}")

    def _wait(self, error: Exception) -> bool | float:
        """Whether to load again, and after how many seconds where the store told us."""
        if not isinstance(error, TransientError):
            return False
        reason = "rate_limited" if isinstance(error, RateLimited) else "transient"
        self._emit(Retrying(reason=reason, wait=error.retry_after))
        return True if error.retry_after is None else error.retry_after
