"""Each new image gets its label by itself: the whole automation on one machine, without a cloud.

    python -m examples.new_images                 # draws three street photos, drops them, and ends
    python -m examples.new_images --keep          # goes on: drop photos into new_images/incoming/

What Google would do stands here as local servers that speak its protocols: a bucket, a Pub/Sub
topic with a push subscription, and functions-framework, which serves `vistoria.functions.label` as
the image of `vistoria deploy --print` does. A file in `incoming/` becomes an object of the bucket,
with the place in its EXIF data as custom metadata; its notification is pushed to the function; the
label is in the ledger, and on the map: `map.geojson`, for QGIS or geojson.io.
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
from vistoria.sources._exif import read_shot
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
            watch(given.folder, storage, pubsub, keep=given.keep)
        except KeyboardInterrupt:
            print("ended")
        finally:
            function.terminate()
            function.wait()


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


def watch(folder: Path, storage: CloudStorageServer, pubsub: PubSubServer, *, keep: bool) -> None:
    """Puts new files into the bucket, says what came of their notifications, and draws the map."""
    known: dict[str, int] = {}
    told = 0
    while True:
        for path in sorted((folder / "incoming").iterdir()):
            changed = path.stat().st_mtime_ns
            if path.is_file() and known.get(path.name) != changed:
                known[path.name] = changed
                storage.data[f"gs://{BUCKET}/{path.name}"] = path.read_bytes()
                notify(pubsub, path.name, changed // 1_000, place(path))
        new = report([one for one in pubsub.deliveries if one.taken][told:])
        told += new
        if new:
            publish(folder)
        if not keep and told == len(known):
            return
        time.sleep(0.2)


def place(path: Path) -> dict[str, str]:
    """Custom metadata as one may give it: `gcloud storage cp --custom-metadata=latitude=…`. Drawn
    photos have no EXIF data and stand along a street."""
    if path.name.startswith("drawn-"):
        return {"latitude": f"{-23.55 + int(path.stem[6:]) / 2_000:.4f}", "longitude": "-46.6333"}
    shot = read_shot(path.read_bytes())
    told = {"latitude": shot.latitude, "longitude": shot.longitude}
    return {name: str(value) for name, value in told.items() if value is not None}


def notify(pubsub: PubSubServer, name: str, generation: int, metadata: Mapping[str, str]) -> None:
    """What Cloud Storage publishes when an object is there."""
    item = {"bucket": BUCKET, "name": name, "generation": str(generation),
            "contentType": "image/jpeg", "metadata": metadata}  # fmt: skip
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


def publish(folder: Path) -> None:
    """Writes the map, while the function goes on."""
    command = [str(Path(sys.executable).with_name("vistoria")), "publish", "map.geojson", "-q"]
    subprocess.run(command, cwd=folder, check=True)
    print(f"{folder / 'map.geojson'}:", flush=True)
    for feature in json.loads((folder / "map.geojson").read_text("utf-8"))["features"]:
        at = (feature["geometry"] or {}).get("coordinates", "nowhere")
        print(f"  {feature['properties']['asset']} at {at}", flush=True)


if __name__ == "__main__":
    main()
