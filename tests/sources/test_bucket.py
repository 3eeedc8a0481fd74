"""`bucket`: one observation per object, by its generation."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar

import pytest

from tests.contracts.sources import ALL, SourceContract, ids, rows
from tests.servers.cloud_storage import CloudStorageServer
from tests.servers.token import TokenServer
from vistoria.errors import AccessDenied, ConfigError, UnknownName, UserError
from vistoria.google_account import GoogleSettings
from vistoria.sources import Selection, SourceOptions
from vistoria.sources.bucket import open_source

PLAIN = SourceOptions()


@pytest.fixture(autouse=True)
def storage(monkeypatch: pytest.MonkeyPatch) -> Iterator[CloudStorageServer]:
    with CloudStorageServer() as server:
        server.open = True
        server.buckets["incoming"] = "US"
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", server.url)
        yield server


class TestContract(SourceContract):
    name = "bucket"
    condition: ClassVar[str] = "size < 10"

    @pytest.fixture(autouse=True)
    def _keep(self, storage: CloudStorageServer) -> None:
        self.storage = storage

    def make(self, folder: Path, count: int) -> str:
        for number in range(count):
            self.storage.data[f"gs://incoming/a/photo-{number}.jpg"] = b"." * number
        return "gs://incoming/a/"

    def place(self, folder: Path) -> str:
        return "gs://incoming"


def test_it_lists_page_by_page_and_takes_images_only(storage: CloudStorageServer) -> None:
    for number in range(2_500):
        storage.data[f"gs://incoming/p/{number:05}.jpg"] = b""
    storage.generations["gs://incoming/p/00007.jpg"] = 1_763_000_000_000_001
    storage.objects["gs://incoming/p/list.csv"] = "text/csv"
    storage.objects["gs://incoming/p/"] = "text/plain"
    storage.objects["gs://incoming/p/of any name"] = "image/png"
    storage.objects["gs://incoming/p/z.JPG"] = "application/octet-stream"
    storage.data["gs://incoming/other.jpg"] = b""
    source = open_source("gs://incoming/p/", PLAIN)
    found = rows(source)
    assert len(found) == 2_502
    assert found[7]["observation_id"] == "00007.jpg"
    assert found[7]["uri"] == "gs://incoming/p/00007.jpg"
    assert found[7]["version"] == "1763000000000001"
    assert [row["observation_id"] for row in found[-2:]] == ["of any name", "z.JPG"]
    assert storage.asked.count("/storage/v1/b/incoming/o") == 3
    everything = open_source("gs://incoming/p/", SourceOptions(profile="all_files"))
    assert everything.count(ALL) == 2_503


def test_it_is_read_as_the_person_who_asks(
    storage: CloudStorageServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("STORAGE_EMULATOR_HOST")
    storage.data["gs://incoming/a.jpg"] = b""
    with TokenServer() as tokens, CloudStorageServer(tokens.valid) as guarded:
        guarded.buckets, guarded.data = storage.buckets, storage.data
        account = tokens.service_account(tmp_path)
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(account))
        google = GoogleSettings(endpoints={"storage": guarded.url})
        source = open_source("gs://incoming", SourceOptions(google=google))
        assert ids(source) == ["a.jpg"]
        guarded.denied.add("storage.objects.list")
        with pytest.raises(AccessDenied, match=r"roles/storage\.objectViewer"):
            ids(open_source("gs://incoming", SourceOptions(google=google)))


def test_what_is_wrong_is_said() -> None:
    with pytest.raises(UserError, match="no bucket gs://nowhere"):
        ids(open_source("gs://nowhere", PLAIN))
    with pytest.raises(ConfigError, match="names no bucket"):
        open_source("gs://", PLAIN)
    with pytest.raises(UnknownName):
        open_source("gs://incoming", SourceOptions(profile="svi"))
    with pytest.raises(ConfigError, match="no columns"):
        open_source("gs://incoming", SourceOptions(table="t"))
    with pytest.raises(UserError, match="condition"):
        ids(open_source("gs://incoming", PLAIN), Selection(where="nothing = 1"))


def test_custom_metadata_says_where_and_of_what_a_photo_is(storage: CloudStorageServer) -> None:
    for name in "ab":
        storage.data[f"gs://incoming/{name}.jpg"] = b""
    storage.metadata["gs://incoming/a.jpg"] = {
        "latitude": "-23.5", "longitude": "-46.6", "captured_at": "2026-05-01T12:00:00-03:00",
        "asset_id": "pole-7", "asset_type": " ", "heading": "north", "owner": "city",
    }  # fmt: skip
    storage.metadata["gs://incoming/b.jpg"] = {"latitude": "91", "longitude": "nan", "heading": "9"}
    first, second = rows(open_source("gs://incoming", PLAIN))
    assert (first["latitude"], first["longitude"], first["asset_id"]) == (-23.5, -46.6, "pole-7")
    assert first["captured_at"] == datetime(2026, 5, 1, 15, tzinfo=UTC)
    assert (first["asset_type"], first["heading"]) == (None, None)
    assert (second["latitude"], second["longitude"], second["heading"]) == (None, None, 9)
