"""A bucket, a model's service, Pub/Sub, and the function as functions-framework serves it."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import functions_framework
import pytest
from flask.testing import FlaskClient

from tests.functions.events import BUCKET, picture
from tests.servers.cloud_storage import CloudStorageServer
from tests.servers.openai import KEY, MODEL, OpenAIServer
from tests.servers.pubsub import PubSubServer
from vistoria.functions import _entry
from vistoria.ledger import Ledger

MAIN = "import functions_framework\nfrom vistoria.functions import label\n"
TOPIC = "projects/proj-1/topics/unlabelled"
_PROJECT = """
[source]
address = "gs://{bucket}"
[task]
name = "street_asset"
fields = ["asset"]
[images.store]
skip_signature = true
[model]
name = "openai:{model}"
base_url = "{url}/v1"
[run]
concurrency = 8
[functions]
dead_letter = "{topic}"
"""


@dataclass
class Place:
    """All that stands around the function."""

    folder: Path
    storage: CloudStorageServer
    service: OpenAIServer
    pubsub: PubSubServer
    client: FlaskClient

    def put(self, name: str, number: int) -> bytes:
        """An image in the bucket."""
        data = picture(number)
        self.storage.data[f"gs://{BUCKET}/{name}"] = data
        return data

    def ledger(self) -> Ledger:
        """Opened to read; close it."""
        return Ledger(self.folder / ".vistoria/ledger.sqlite", create=False)

    def labels(self) -> dict[str, int]:
        """Address → labels in the run's table."""
        with self.ledger() as ledger:
            found: dict[str, int] = {}
            for batch in ledger.batches(ledger.run()):
                for row in batch.to_pylist():
                    done = row["status"] == "answered"
                    found[row["uri"]] = found.get(row["uri"], 0) + done
            return found

    def restart(self) -> None:
        """Ends the session of this process, as an instance's end does."""
        end_sessions()


def end_sessions() -> None:
    """Closes the inbox of this process."""
    inbox = _entry._open.pop(os.getpid(), None)
    if inbox is not None:
        inbox.close()


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    """Everything, in this process."""
    for name in [name for name in os.environ if name.startswith("VISTORIA_")]:
        monkeypatch.delenv(name)
    with CloudStorageServer() as storage, OpenAIServer() as service, PubSubServer() as pubsub:
        storage.open = True
        pubsub.published[TOPIC] = []
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", storage.url)
        monkeypatch.setenv("PUBSUB_EMULATOR_HOST", pubsub.url.removeprefix("http://"))
        monkeypatch.setenv("OPENAI_API_KEY", KEY)
        text = _PROJECT.format(bucket=BUCKET, model=MODEL, url=service.url, topic=TOPIC)
        (tmp_path / "vistoria.toml").write_text(text)
        (tmp_path / "main.py").write_text(MAIN)
        monkeypatch.chdir(tmp_path)
        app = functions_framework.create_app("label", str(tmp_path / "main.py"), "http")  # type: ignore[no-untyped-call]
        yield Place(tmp_path, storage, service, pubsub, app.test_client())
        end_sessions()
