"""Each new image gets its label by itself: the whole automation on one machine, without a cloud.

    python -m examples.new_images                 # draws three street photos, drops them, and ends
    python -m examples.new_images --keep          # goes on: drop photos into new_images/incoming/

What Google would do stands here as local servers that speak its protocols: a bucket, a Pub/Sub
topic with a push subscription, and functions-framework, which serves `vistoria.functions.label` as
the image of `vistoria deploy --print` does. A file in `incoming/` becomes an object of the bucket;
its notification is pushed to the function; the label is in the ledger.
From a checkout, with pip install -e '.[dev,functions]'.
"""

import argparse
import base64
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import requests

from tests.servers.cloud_storage import CloudStorageServer
from tests.servers.pubsub import Delivery, PubSubServer
from vistoria.ledger import Ledger
from vistoria.street.render import render_jpeg, sample

BUCKET, TOPIC = "incoming", "projects/example/topics/new-images"
PROJECT = f"""
[source]
address = "gs://{BUCKET}"
[task]
name = "street_asset"
[model]
name = "onnx:street"
[images.store]
skip_signature = true
"""
MAIN = "from vistoria.functions import label\n"


def main() -> None:
    """See the top of this file."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--folder", type=Path, default=Path("new_images"))
    parser.add_argument("--keep", action="store_true", help="wait for photos until Ctrl-C")
    given = parser.parse_args()
    dropped: Path = given.folder / "incoming"
    dropped.mkdir(parents=True, exist_ok=True)
    (given.folder / "vistoria.toml").write_text(PROJECT)
    (given.folder / "main.py").write_text(MAIN)
    for seed in range(3):
        (dropped / f"drawn-{seed}.jpg").write_bytes(render_jpeg(sample(seed))[0])
    with CloudStorageServer() as storage, PubSubServer(wait=0.3) as pubsub:
        storage.open = True
        port = free_port()
        pubsub.published[TOPIC] = []
        pubsub.push_to[TOPIC] = f"http://127.0.0.1:{port}/"
        function = serve(given.folder, port, {"STORAGE_EMULATOR_HOST": storage.url})
        try:
            watch(dropped, storage, pubsub, keep=given.keep)
        except KeyboardInterrupt:
            print("ended")
        finally:
            function.terminate()
            function.wait()
    show(given.folder / ".vistoria/ledger.sqlite")


def free_port() -> int:
    """One that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def serve(folder: Path, port: int, env: Mapping[str, str]) -> "subprocess.Popen[bytes]":
    """functions-framework, as the image starts it."""
    command = [str(Path(sys.executable).with_name("functions-framework")), "--source", "main.py"]
    more = {"FUNCTION_TARGET": "label", "HOST": "127.0.0.1", "PORT": str(port), "THREADS": "8"}
    return subprocess.Popen(command, cwd=folder, env={**os.environ, **env, **more})


def watch(dropped: Path, storage: CloudStorageServer, pubsub: PubSubServer, *, keep: bool) -> None:
    """Puts new files into the bucket, and says what came of their notifications."""
    known: dict[str, int] = {}
    told = 0
    while True:
        for path in sorted(dropped.iterdir()):
            changed = path.stat().st_mtime_ns
            if path.is_file() and known.get(path.name) != changed:
                known[path.name] = changed
                storage.data[f"gs://{BUCKET}/{path.name}"] = path.read_bytes()
                notify(pubsub, path.name, changed // 1_000)
        told += report([one for one in pubsub.deliveries if one.taken][told:])
        if not keep and told == len(known):
            return
        time.sleep(0.2)


def notify(pubsub: PubSubServer, name: str, generation: int) -> None:
    """What Cloud Storage publishes when an object is there."""
    item = {"bucket": BUCKET, "name": name, "generation": str(generation),
            "contentType": "image/jpeg"}  # fmt: skip
    message = {
        "data": base64.b64encode(json.dumps(item).encode()).decode(),
        "attributes": {"eventType": "OBJECT_FINALIZE", "bucketId": BUCKET, "objectId": name,
                       "objectGeneration": str(generation), "payloadFormat": "JSON_API_V1"},
    }  # fmt: skip
    url = f"{pubsub.url}/v1/{TOPIC}:publish"
    requests.post(url, json={"messages": [message]}, timeout=10).raise_for_status()


def report(taken: list[Delivery]) -> int:
    """Prints the function's answers; how many they are."""
    for one in taken:
        answer = json.loads(one.answer)
        labels = {name: value for name, value in (answer["labels"] or {}).items() if value}
        print(f"{answer['outcome']}: {answer['said']} {labels or ''}", flush=True)
    return len(taken)


def show(ledger: Path) -> None:
    """The table of labels, as any command sees it now."""
    with Ledger(ledger, create=False) as opened:
        for batch in opened.batches(opened.run()):
            for row in batch.to_pylist():
                print(row["uri"], row["status"], row["asset"])


if __name__ == "__main__":
    main()
