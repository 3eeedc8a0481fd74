"""The folder of batch jobs' files: large files go in parts, and come back line by line."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.servers.bucket import BucketServer
from vistoria.models._bucket import Bucket

pytestmark = pytest.mark.anyio


async def test_a_large_file_goes_in_parts_and_comes_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def headers() -> Mapping[str, str]:
        return {"Authorization": "Bearer ya29"}

    lines = [f"{number:015}".encode() for number in range(1_200_000)]
    (tmp_path / "rows").write_bytes(b"\n".join(lines))
    with BucketServer() as server:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", server.url)
        bucket = Bucket("gs://staging/folder", headers)
        await bucket.put("job/output/rows.jsonl", tmp_path / "rows")
        assert server.asked["PUT"] > 1
        assert server.names() == ["gs://staging/folder/job/output/rows.jsonl"]
        assert [line async for line in bucket.lines("job/output", ".jsonl")] == lines
        await bucket.remove("job/")
        assert server.names() == []
