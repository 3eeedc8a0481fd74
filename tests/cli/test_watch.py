"""`vistoria watch`: only what is new or changed is asked."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.running import Vistoria
from tests.cli.snapshots import Imagery, Share
from tests.functions.events import picture
from tests.servers.cloud_storage import CloudStorageServer
from tests.servers.openai import KEY, MODEL, OpenAIServer


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenAIServer]:
    with OpenAIServer() as server:
        monkeypatch.setenv("OPENAI_API_KEY", KEY)
        monkeypatch.setenv("VISTORIA_MODEL_NAME", f"openai:{MODEL}")
        monkeypatch.setenv("VISTORIA_MODEL_BASE_URL", f"{server.url}/v1")
        monkeypatch.setenv("VISTORIA_TASK_NAME", "street_asset")
        monkeypatch.setenv("VISTORIA_TASK_FIELDS", "asset")
        yield server


def watch(vistoria: Vistoria, source: str) -> dict[str, Any]:
    """What one look came to."""
    result = vistoria("watch", source, "--once", "--yes", "--json")
    assert result.exit_code == 0, result.stderr
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def test_a_new_snapshot_costs_what_is_new_or_changed(
    vistoria: Vistoria, service: OpenAIServer, tmp_path: Path
) -> None:
    imagery = Imagery(tmp_path)
    imagery.first(300)
    assert watch(vistoria, imagery.table)["news"]["asked"] == 300
    assert len(service.sent) == 300
    imagery.next(300, Share(new=9, changed=3, gone=6))
    news = watch(vistoria, imagery.table)["news"]
    assert len(service.sent) == 312
    assert news == {
        "rows": 303, "new": 9, "gone": 6, "again": 294, "snapshots": ["s2"], "asked": 12,
        "unchanged": 291,
    }  # fmt: skip
    again = watch(vistoria, imagery.table)
    assert (again["news"]["asked"], again["news"]["snapshots"]) == (0, [])
    assert len(service.sent) == 312


def test_a_folder_is_asked_about_what_is_new_or_changed(
    vistoria: Vistoria, service: OpenAIServer, tmp_path: Path
) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    for number in range(5):
        (photos / f"{number}.jpg").write_bytes(picture(number))
    assert watch(vistoria, "photos")["news"]["asked"] == 5
    (photos / "0.jpg").unlink()
    (photos / "1.jpg").write_bytes(picture(100))
    (photos / "2.jpg").rename(photos / "moved.jpg")
    (photos / "5.jpg").write_bytes(picture(5))
    news = watch(vistoria, "photos")["news"]
    assert (news["new"], news["gone"], news["again"], news["asked"]) == (2, 2, 1, 2)
    assert len(service.sent) == 7


def test_a_bucket_is_known_by_generations(
    vistoria: Vistoria, service: OpenAIServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VISTORIA_IMAGES_STORE", "skip_signature=true")
    with CloudStorageServer() as storage:
        storage.open = True
        storage.buckets["incoming"] = "US"
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", storage.url)
        for number in range(4):
            storage.data[f"gs://incoming/p/{number}.jpg"] = picture(number)
        assert watch(vistoria, "gs://incoming/p/")["news"]["asked"] == 4
        storage.data["gs://incoming/p/0.jpg"] = picture(50)
        storage.generations["gs://incoming/p/0.jpg"] = 2
        storage.generations["gs://incoming/p/1.jpg"] = 2  # the same again
        read = len(storage.asked)
        news = watch(vistoria, "gs://incoming/p/")["news"]
        assert (news["again"], news["asked"], news["unchanged"]) == (2, 1, 1)
        assert len(storage.asked) - read == 3  # the list, and two images
    assert len(service.sent) == 5


def test_it_asks_before_a_large_look_and_knows_periods(
    vistoria: Vistoria, service: OpenAIServer, tmp_path: Path
) -> None:
    imagery = Imagery(tmp_path)
    imagery.first(3)
    refused = vistoria("watch", imagery.table, "--once", env={"VISTORIA_RUN_CONFIRM_ABOVE": "2"})
    assert refused.exit_code == 2
    assert "--yes" in refused.stderr
    assert not service.sent
    wrong = vistoria("watch", imagery.table, "--every", "soon")
    assert (wrong.exit_code, "write 30s" in wrong.stderr) == (2, True)
