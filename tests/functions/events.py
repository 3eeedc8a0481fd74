"""Deliveries as Google sends them: CloudEvents by the real library, and pushes of Pub/Sub."""

import base64
import io
import json
from typing import Any

from cloudevents.conversion import to_binary, to_structured
from cloudevents.http import CloudEvent
from PIL import Image

BUCKET = "incoming"
WHEN = "2026-11-22T12:00:00.000Z"


def picture(number: int) -> bytes:
    """A small JPEG file, each other than the next."""
    file = io.BytesIO()
    colour = (number % 256, number // 256 % 256, 80)
    Image.new("RGB", (16, 16), colour).save(file, "JPEG", comment=f"photo {number}".encode())
    return file.getvalue()


def metadata(name: str, generation: int, **more: Any) -> dict[str, Any]:
    """An object as the JSON API and events tell of it."""
    return {
        "kind": "storage#object", "bucket": BUCKET, "name": name, "generation": str(generation),
        "metageneration": "1", "contentType": "image/jpeg", "size": "1234",
        "timeCreated": WHEN, "updated": WHEN, **more,
    }  # fmt: skip


def finalized(
    name: str, generation: int, *, structured: bool = False, kind: str = "", **more: Any
) -> tuple[dict[str, str], bytes]:
    """Headers and body of a CloudEvent of Cloud Storage, as Eventarc sends it."""
    attributes = {
        "type": kind or "google.cloud.storage.object.v1.finalized",
        "source": f"//storage.googleapis.com/projects/_/buckets/{BUCKET}",
        "subject": f"objects/{name}",
        "id": f"{name}-{generation}",
        "time": WHEN,
        "datacontenttype": "application/json",
        **more.pop("attributes", {}),
    }
    event = CloudEvent(attributes, metadata(name, generation, **more))
    headers, body = to_structured(event) if structured else to_binary(event)
    return dict(headers), body or b""


def pushed(name: str, generation: int, kind: str = "OBJECT_FINALIZE", **more: Any) -> Any:
    """Headers and body of a push of a storage notification."""
    data = json.dumps(metadata(name, generation, **more)).encode()
    message = {
        "attributes": {
            "bucketId": BUCKET, "objectId": name, "objectGeneration": str(generation),
            "eventType": kind, "payloadFormat": "JSON_API_V1", "eventTime": WHEN,
        },
        "data": base64.b64encode(data).decode(), "messageId": "1", "publishTime": WHEN,
    }  # fmt: skip
    body = {"message": message, "subscription": "projects/p/subscriptions/s"}
    return {"Content-Type": "application/json"}, json.dumps(body).encode()


def by_eventarc(headers_and_body: tuple[dict[str, str], bytes]) -> tuple[dict[str, str], bytes]:
    """The same push inside a CloudEvent, as Eventarc sends messages of a topic."""
    event = CloudEvent(
        {
            "type": "google.cloud.pubsub.topic.v1.messagePublished",
            "source": "//pubsub.googleapis.com/projects/p/topics/t",
            "id": "9",
        },
        json.loads(headers_and_body[1]),
    )
    headers, body = to_binary(event)
    return dict(headers), body or b""
