"""Loads images in threads, several per hop, and again where a store failed in passing."""

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
_Loaded: TypeAlias = Picture | ObservationError | TransientError

_THREADS = 8  # images being loaded at once; more only compete for the cores


class Loader:
    """Makes images ready in the form that a model wants."""

    def __init__(self, load: Load, form: ImageForm, *, retries: int, emit: Sink) -> None:
        """`load` may be called in threads; `retries`: tries of one image after the first."""
        self._load, self._form, self._emit = load, form, emit
        self._threads = anyio.CapacityLimiter(_THREADS)
        self._again = stamina.AsyncRetryingCaller(
            attempts=retries + 1, timeout=None, wait_initial=0.5, wait_max=60.0
        )

    async def pictures(self, work: Work) -> list[Picture | ObservationError]:
        """A picture, or a reason why not, for each observation."""
        refs = [observation.image for observation in work.observations]
        if self._form.kind == "none":  # nothing is read, so no thread is needed
            first = self._load_here(refs)
        else:
            first = await anyio.to_thread.run_sync(self._load_here, refs, limiter=self._threads)
        return [
            await self._load_again(ref) if isinstance(item, TransientError) else item
            for ref, item in zip(refs, first, strict=True)
        ]

    def _load_here(self, refs: Sequence[ImageRef]) -> list[_Loaded]:
        loaded: list[_Loaded] = []
        for ref in refs:
            try:
                loaded.append(self._load(ref, self._form))
            except (ObservationError, TransientError) as error:
                loaded.append(error)
        return loaded

    async def _load_again(self, ref: ImageRef) -> Picture | ObservationError:
        async def load() -> Picture:
            return await anyio.to_thread.run_sync(
                self._load, ref, self._form, limiter=self._threads
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
