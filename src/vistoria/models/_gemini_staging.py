"""Where the rows of a Gemini batch job lie, and its results: files in Cloud Storage."""

from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from vistoria.models._batch import BatchResult
from vistoria.models._bucket import Bucket, Headers
from vistoria.models._gemini_batch_lines import read_line


class Places(NamedTuple):
    """What a job is told: `inputConfig` and `outputConfig`."""

    source: Mapping[str, Any]
    target: Mapping[str, Any]


class Staging(Protocol):
    """A place for the rows and results of jobs."""

    def line(self, key: str, request: bytes) -> bytes:
        """A row of the file that is uploaded."""

    async def put(self, name: str, file: Path, location: str) -> None:
        """Uploads the rows of a job; `location`: where it will run."""

    def places(self, name: str) -> Places:
        """Where a job finds its rows and leaves its results."""

    def results(self, name: str, asked: str) -> AsyncIterator[BatchResult]:
        """What a job has left by now; what cannot be read is left out, and counts as missing."""

    async def remove(self, name: str) -> None:
        """Removes all that there is of a job."""


class Files:
    """One JSONL file of rows, and files of results below the same folder."""

    def __init__(self, address: str, headers: Headers) -> None:
        """`address`: `gs://bucket/folder`; `headers` bear the token of who writes there."""
        self._bucket = Bucket(address, headers)

    def line(self, key: str, request: bytes) -> bytes:
        """Without the key, which would not come back."""
        del key
        return b'{"request":' + request + b"}\n"

    async def put(self, name: str, file: Path, location: str) -> None:
        """See `Staging`, as for all of these."""
        del location
        await self._bucket.put(f"{name}/input.jsonl", file)

    def places(self, name: str) -> Places:
        """One file, and a prefix."""
        source, target = (self._bucket.address(f"{name}/{p}") for p in ("input.jsonl", "output"))
        return Places(
            {"instancesFormat": "jsonl", "gcsSource": {"uris": [source]}},
            {"predictionsFormat": "jsonl", "gcsDestination": {"outputUriPrefix": target}},
        )

    async def results(self, name: str, asked: str) -> AsyncIterator[BatchResult]:
        """From every file that the job has written so far."""
        async for line in self._bucket.lines(f"{name}/output", ".jsonl"):
            if line.strip() and (found := read_line(line, asked)):
                yield found

    async def remove(self, name: str) -> None:
        """The folder of the job."""
        await self._bucket.remove(f"{name}/")
