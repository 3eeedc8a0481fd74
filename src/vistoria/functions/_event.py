"""What a delivery over HTTP tells: that an object is there, or nothing for us."""

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, TypeAlias

from vistoria.errors import MissingExtra

_FINALIZED = "google.cloud.storage.object.v1.finalized"
_PUBLISHED = "google.cloud.pubsub.topic.v1.messagePublished"
_NOTIFICATION = "OBJECT_FINALIZE"

Why: TypeAlias = Literal["malformed", "other_type", "not_an_image", "elsewhere"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Announced:
    """An object's generation that is there now. `at`: when the event happened, seconds since 1970,
    if it says so. `metadata`: what its owner attached to it."""

    bucket: str
    name: str
    generation: int
    content_type: str | None = None
    size: int | None = None
    at: float | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ignored:
    """A delivery that is to be kept and acknowledged. `identity`: the same when it comes again."""

    why: Why
    said: str
    identity: str


class _Unusable(Exception):
    """Nothing can be made of a delivery."""

    def __init__(self, why: Why, said: str) -> None:
        self.why: Why = why
        super().__init__(said)


def read_event(headers: Mapping[str, str], body: bytes) -> Announced | Ignored:
    """A CloudEvent in binary or structured mode, or a push of Pub/Sub; raises MissingExtra."""
    given = {name.lower(): value for name, value in headers.items()}
    identity = _identity(given, body)
    try:
        if "ce-type" in given or "application/cloudevents" in given.get("content-type", ""):
            kind, data, at, identity = _cloud_event(given, body)
        else:
            kind, data, at = _PUBLISHED, _json(body), None
        if kind == _FINALIZED:
            return _object(data, at)
        if kind == _PUBLISHED:
            return _message(data, at)
        raise _Unusable("other_type", f"an event of type {kind!r}")
    except _Unusable as problem:
        return Ignored(why=problem.why, said=str(problem), identity=identity)


def ignored(event: Announced, why: Why, said: str) -> Ignored:
    """The same for an object that is none of ours."""
    identity = f"{event.bucket}/{event.name}#{event.generation}"
    return Ignored(why=why, said=said, identity=identity)


def _identity(headers: Mapping[str, str], body: bytes) -> str:
    """By the event's own id, else by its bytes."""
    if "ce-id" in headers:
        return f"{headers.get('ce-source', '')} {headers['ce-id']}"
    about = sorted(item for item in headers.items() if item[0].startswith(("ce-", "content-type")))
    return hashlib.sha256(repr(about).encode() + body).hexdigest()


def _cloud_event(headers: Mapping[str, str], body: bytes) -> tuple[str, Any, float | None, str]:
    """Type, data, time and identity, as the `cloudevents` library reads them."""
    try:
        from cloudevents.exceptions import GenericException  # noqa: PLC0415 - of an extra
        from cloudevents.http import from_http  # noqa: PLC0415
    except ImportError:
        raise MissingExtra("Reading CloudEvents", "functions") from None
    try:
        # The library unpacks the data itself where it is JSON, so that nothing is left to do.
        event = from_http(headers, body, data_unmarshaller=lambda data: data)
    except (GenericException, ValueError, TypeError, AttributeError, LookupError) as error:
        raise _Unusable("malformed", f"no CloudEvent: {error}") from None
    data = event.get_data()
    if isinstance(data, str | bytes):
        data = _json(data.encode() if isinstance(data, str) else data)
    at = _seconds(event.get("time"))
    return str(event["type"]), data, at, f"{event['source']} {event['id']}"


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise _Unusable("malformed", f"the body is no JSON: {error}") from None


def _object(data: Any, at: float | None) -> Announced:
    """From the metadata of an object, as events and notifications carry it."""
    if not isinstance(data, Mapping):
        raise _Unusable("malformed", "the data is no object's metadata")
    bucket, name = data.get("bucket"), data.get("name")
    if not (isinstance(bucket, str) and bucket and isinstance(name, str) and name):
        raise _Unusable("malformed", "the data names no bucket and object")
    kind, size = data.get("contentType"), _integer(data.get("size"))
    generation = _integer(data.get("generation"))
    if generation is None or generation <= 0:
        raise _Unusable("malformed", "the data tells no generation of the object")
    attached = data.get("metadata")
    return Announced(
        bucket=bucket, name=name, generation=generation, size=size, at=at,
        content_type=kind if isinstance(kind, str) else None,
        metadata=attached if isinstance(attached, Mapping) else {},
    )  # fmt: skip


def _message(data: Any, at: float | None) -> Announced:
    """From a message of Pub/Sub: a notification of Cloud Storage."""
    message = data.get("message") if isinstance(data, Mapping) else None
    if not isinstance(message, Mapping):
        raise _Unusable("malformed", "neither a CloudEvent nor a push of Pub/Sub")
    attributes = message.get("attributes") or {}
    if not isinstance(attributes, Mapping) or "eventType" not in attributes:
        raise _Unusable("other_type", "a message of Pub/Sub that is no storage notification")
    if attributes["eventType"] != _NOTIFICATION:
        raise _Unusable("other_type", f"a notification of type {attributes['eventType']!r}")
    told: dict[str, Any] = {}
    if attributes.get("payloadFormat") == "JSON_API_V1" and message.get("data"):
        try:
            told = _json(base64.b64decode(message["data"], validate=True))
        except (ValueError, TypeError) as error:
            raise _Unusable("malformed", f"the message's data is no base64: {error}") from None
    attribute = {"bucketId": "bucket", "objectId": "name", "objectGeneration": "generation"}
    given = {ours: attributes[name] for name, ours in attribute.items() if name in attributes}
    when = _seconds(attributes.get("eventTime")) or _seconds(message.get("publishTime"))
    return _object({**(told if isinstance(told, dict) else {}), **given}, when or at)


def _integer(value: Any) -> int | None:
    """Google writes 64-bit integers as text."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    return int(value) if isinstance(value, str) and value.isascii() and value.isdigit() else None


def _seconds(value: Any) -> float | None:
    """RFC 3339 in seconds since 1970; None where it is none."""
    if isinstance(value, datetime):
        return value.timestamp()
    try:
        return datetime.fromisoformat(str(value)).timestamp()
    except ValueError:
        return None
