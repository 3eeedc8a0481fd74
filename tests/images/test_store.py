"""Bytes from object stores and the web: what is sent, and what each refusal becomes."""

import gc
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from tests.images._pictures import encoded, scene
from tests.servers.cloud_storage import CloudStorageServer
from tests.servers.object_store import Fault, ObjectStore
from vistoria.engine.recall import identity
from vistoria.errors import (
    AccessDenied,
    AddressInvalid,
    ConfigError,
    ImageExpired,
    ImageForbidden,
    ImageMissing,
    ImageTooLarge,
    ImageTruncated,
    RateLimited,
    TransientError,
    VistoriaError,
)
from vistoria.images import Images
from vistoria.records import ImageForm, ImageRef, ImageSettings, Picture

FORM = ImageForm(kind="encoded")
JPEG = encoded(scene())
PREFIX = {
    "gs": ("gs://bucket", "/bucket"),
    "s3": ("s3://bucket", "/bucket"),
    "az": ("az://bucket", "/account/bucket"),
}
SCHEMES = [*PREFIX, "http"]


@pytest.fixture
def server() -> Iterator[ObjectStore]:
    with ObjectStore() as running:
        yield running


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    for name in os.environ:
        if name.startswith(("GOOGLE_", "AWS_", "AZURE_")) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)


def place(server: ObjectStore, scheme: str) -> tuple[str, str]:
    """The beginning of addresses, and of the paths that the server sees."""
    return PREFIX.get(scheme, (server.url, ""))


def images(server: ObjectStore, scheme: str, **more: Any) -> Images:
    options: dict[str, Any] = {
        "gs": {"endpoint": server.url, "bearer_token": "secret"},
        "s3": {
            "endpoint": server.url, "region": "eu-west-1", "access_key_id": "id",
            "secret_access_key": "key",
        },
        "az": {
            "endpoint": f"{server.url}/account", "account_name": "account",
            "account_key": "a2V5",
        },
        "http": {},
    }  # fmt: skip
    return Images({**options[scheme], "allow_http": True, **more})


def load(
    server: ObjectStore, scheme: str, name: str, settings: ImageSettings | None = None, **more: Any
) -> Picture:
    uri = place(server, scheme)[0] + "/" + name
    return images(server, scheme, **more).load(ImageRef(uri), FORM, settings or ImageSettings())


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("name", ["a.jpg", "a b/ü+&=😀.jpg"])
def test_hands_out_the_bytes(server: ObjectStore, scheme: str, name: str) -> None:
    server.objects[place(server, scheme)[1] + "/" + name] = JPEG
    found = load(server, scheme, name)
    assert found.data == JPEG
    assert found.mime_type == "image/jpeg"
    (asked,) = server.asked
    assert asked.method == "GET"
    sent = {name.lower(): value for name, value in asked.headers.items()}.get("authorization", "")
    expected = {"gs": "Bearer secret", "s3": "AWS4-HMAC-SHA256", "az": "SharedKey account"}
    assert sent.startswith(expected.get(scheme, ""))
    assert scheme != "http" or not sent


@pytest.mark.parametrize("scheme", ["gs", "s3", "az"])
def test_object_names_are_sent_letter_by_letter(server: ObjectStore, scheme: str) -> None:
    name = "o1:%20#?'().jpg"
    server.objects[place(server, scheme)[1] + "/" + name] = JPEG
    assert load(server, scheme, name).data == JPEG


def test_signed_addresses_are_sent_as_they_are(server: ObjectStore) -> None:
    server.objects["/a/b.jpg"] = JPEG
    query = "X-Goog-Signature=a%2Fb%20c+d&e=~%7e"
    assert load(server, "http", f"a/b.jpg?{query}#part").data == JPEG
    assert server.asked[0].path == f"/a/b.jpg?{query}"


def test_web_answers_without_length_and_elsewhere(server: ObjectStore) -> None:
    server.objects["/a.jpg"] = JPEG
    server.faults["/a.jpg"] = Fault(chunked=True)
    server.faults["/moved.jpg"] = Fault(status=302, headers={"Location": "/a.jpg"})
    server.faults["/round.jpg"] = Fault(status=302, headers={"Location": "/round.jpg"})
    assert load(server, "http", "moved.jpg").data == JPEG
    with pytest.raises(AddressInvalid, match="leads nowhere"):
        load(server, "http", "round.jpg")


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize(
    ("status", "error"),
    [
        (404, ImageMissing),
        (403, ImageForbidden),
        (400, ImageForbidden),
        (429, RateLimited),
        (408, TransientError),
        (500, TransientError),
        (502, TransientError),
        (503, TransientError),
    ],
)
def test_refusals(
    server: ObjectStore, scheme: str, status: int, error: type[VistoriaError]
) -> None:
    server.faults[place(server, scheme)[1] + "/a.jpg"] = Fault(status=status, body=b"<Error/>")
    with pytest.raises(error) as caught:
        load(server, scheme, "a.jpg")
    assert type(caught.value) is error
    assert "a.jpg" in str(caught.value)
    assert "Debug source" not in str(caught.value)
    assert len(server.asked) == 1, "whoever calls retries, not the store"


@pytest.mark.parametrize("scheme", SCHEMES)
def test_credentials_refused(server: ObjectStore, scheme: str) -> None:
    server.faults[place(server, scheme)[1] + "/a.jpg"] = Fault(status=401)
    with pytest.raises(ImageForbidden if scheme == "http" else AccessDenied, match="401"):
        load(server, scheme, "a.jpg")


def test_slow_down_of_s3_is_a_limit(server: ObjectStore) -> None:
    body = b"<Error><Code>SlowDown</Code></Error>"
    server.faults["/bucket/a.jpg"] = Fault(status=503, body=body)
    with pytest.raises(RateLimited):
        load(server, "s3", "a.jpg")


@pytest.mark.parametrize("status", [429, 503])
def test_how_long_to_wait(server: ObjectStore, status: int) -> None:
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)
    for header, low, high in (("7", 7, 7), (later, 80, 91)):
        server.faults["/a.jpg"] = Fault(status=status, headers={"Retry-After": header})
        with pytest.raises(TransientError) as caught:
            load(server, "http", "a.jpg")
        assert low <= (caught.value.retry_after or 0) <= high
    server.faults["/a.jpg"] = Fault(status=status, headers={"Retry-After": "soon"})
    with pytest.raises(TransientError) as caught:
        load(server, "http", "a.jpg")
    assert caught.value.retry_after is None


@pytest.mark.parametrize("scheme", SCHEMES)
def test_dropped_connection(server: ObjectStore, scheme: str) -> None:
    path = place(server, scheme)[1] + "/a.jpg"
    server.objects[path] = JPEG
    server.faults[path] = Fault(cut=len(JPEG) // 2)
    with pytest.raises(TransientError, match=r"a\.jpg"):
        load(server, scheme, "a.jpg")


@pytest.mark.parametrize("scheme", SCHEMES)
def test_no_answer_in_time(server: ObjectStore, scheme: str) -> None:
    path = place(server, scheme)[1] + "/a.jpg"
    server.objects[path] = JPEG
    server.faults[path] = Fault(stall=5)
    begun = time.monotonic()
    with pytest.raises(TransientError):
        load(server, scheme, "a.jpg", timeout=0.3)
    assert time.monotonic() - begun < 4


@pytest.mark.parametrize("scheme", SCHEMES)
def test_nobody_there(scheme: str) -> None:
    with ObjectStore() as server:
        pass
    with pytest.raises(TransientError):
        load(server, scheme, "a.jpg")


@pytest.mark.parametrize("scheme", SCHEMES)
def test_too_many_bytes(server: ObjectStore, scheme: str) -> None:
    path = place(server, scheme)[1] + "/a.jpg"
    server.objects[path] = bytes(40_000_000)
    server.faults[path] = Fault(stall=0)
    with pytest.raises(ImageTooLarge, match=r"1,000,000.*images\.max_bytes"):
        load(server, scheme, "a.jpg", ImageSettings(max_bytes=1_000_000))
    if scheme == "http":
        server.faults[path] = Fault(chunked=True)
        with pytest.raises(ImageTooLarge):
            load(server, scheme, "a.jpg", ImageSettings(max_bytes=1_000_000))


def test_bytes_that_lie_cut_in_the_store(server: ObjectStore) -> None:
    server.objects["/bucket/a.jpg"] = JPEG[:-100]
    with pytest.raises(ImageTruncated):
        load(server, "gs", "a.jpg")


def test_names_that_no_object_can_have(server: ObjectStore) -> None:
    for name in ("a//b.jpg", "a/../b.jpg", "a\nb.jpg"):
        with pytest.raises(AddressInvalid):
            load(server, "gs", name)
    assert server.asked == []


def test_no_credentials(monkeypatch: pytest.MonkeyPatch, server: ObjectStore) -> None:
    monkeypatch.setenv("AWS_METADATA_ENDPOINT", "http://127.0.0.1:9")
    store = Images({"endpoint": server.url, "region": "x", "allow_http": True, "timeout": 2})
    with pytest.raises(AccessDenied, match="AWS_ACCESS_KEY_ID"):
        store.load(ImageRef("s3://bucket/a.jpg"), FORM)


@pytest.mark.parametrize("scheme", ["gs", "s3", "az"])
def test_public_buckets(server: ObjectStore, scheme: str) -> None:
    server.objects[place(server, scheme)[1] + "/a.jpg"] = JPEG
    options = {"endpoint": server.url, "skip_signature": "true", "allow_http": "true"}
    if scheme == "az":
        options |= {"endpoint": f"{server.url}/account", "account_name": "account"}
    ref = ImageRef(place(server, scheme)[0] + "/a.jpg")
    assert Images(options).load(ref, FORM).data == JPEG
    assert "Authorization" not in server.asked[0].headers


def test_no_trusted_connection(server: ObjectStore) -> None:
    uri = server.url.replace("http:", "https:") + "/a.jpg"
    with pytest.raises(ImageForbidden, match="no trusted connection"):
        Images().load(ImageRef(uri), FORM)


def test_unknown_options() -> None:
    with pytest.raises(ConfigError, match=r"no option 'tokn'.*bearer_token"):
        Images({"tokn": "x"})


@pytest.mark.parametrize("scheme", SCHEMES)
def test_many_threads_share_connections(server: ObjectStore, scheme: str) -> None:
    base, path = place(server, scheme)
    for number in range(60):
        server.objects[f"{path}/{number}.jpg"] = JPEG
    store = images(server, scheme)
    with ThreadPoolExecutor(16) as pool:
        refs = [ImageRef(f"{base}/{number}.jpg") for number in range(60)]
        found = list(pool.map(lambda ref: store.load(ref, FORM).sha256, refs))
    assert len(set(found)) == 1
    assert len(server.asked) == 60


def test_leaves_no_thread_behind(server: ObjectStore) -> None:
    server.objects["/a.jpg"] = JPEG
    load(server, "http", "a.jpg")
    gc.collect()
    assert not [t for t in threading.enumerate() if t.name == "vistoria-web"]


def test_the_object_tells_its_type_where_its_name_does_not(server: ObjectStore) -> None:
    form = ImageForm(kind="encoded", by_reference=frozenset({"gs"}))
    png, tiff = encoded(scene(), "PNG"), encoded(scene(), "TIFF")
    server.objects = {"/bucket/o1:ab": png, "/bucket/o2": JPEG, "/bucket/o3": tiff}
    server.objects["/bucket/o4"] = b"<html>" * 100
    server.faults["/bucket/o4"] = Fault(headers={"Content-Type": "image/webp"})
    load_one = images(server, "gs").load
    for name, kind in (("o1:ab", "image/png"), ("o2", "image/jpeg"), ("o4", "image/webp")):
        found = load_one(ImageRef(f"gs://bucket/{name}"), form)
        assert found == Picture(uri=f"gs://bucket/{name}", mime_type=kind)
        sent = {key.lower(): value for key, value in server.asked[-1].headers.items()}
        assert sent["range"].startswith("bytes=0-"), "not the whole image"
    assert load_one(ImageRef("gs://bucket/named.webp"), form).mime_type == "image/webp"
    assert len(server.asked) == 3, "a name that tells is believed"
    by_value = load_one(ImageRef("gs://bucket/o3"), form)
    assert by_value.data is not None, "a kind that the model does not take is sent as JPEG"
    assert by_value.mime_type == "image/jpeg"


def test_an_image_of_an_expired_snapshot_has_its_own_reason(server: ObjectStore) -> None:
    with pytest.raises(ImageExpired, match="vistoria doctor") as caught:
        load(server, "gs", "s-2026-09/v0/o1:ab:5001ee.jpg")
    assert caught.value.reason == "image_expired"
    with pytest.raises(ImageMissing) as plain:
        load(server, "gs", "photos/a.jpg")
    assert plain.value.reason == "image_missing"


def test_the_emulator_and_a_token_of_ours(
    server: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", server.url)
    server.objects["/bucket/a.jpg"] = JPEG
    found = Images({}, lambda: "ours").load(ImageRef("gs://bucket/a.jpg"), FORM)
    assert found.data == JPEG
    sent = {key.lower(): value for key, value in server.asked[-1].headers.items()}
    assert sent["authorization"] == "Bearer ours"


def test_an_image_by_reference_is_known_by_the_checksum_of_its_store(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    form = ImageForm(kind="encoded", by_reference=frozenset({"gs"}))
    refs = [ImageRef(f"gs://b/{name}.jpg", "1") for name in ("s1/v0/o", "s2/v0/o", "s2/v0/p")]
    with CloudStorageServer() as storage:
        storage.open = True
        for ref, data in zip(refs, (JPEG, JPEG, JPEG + b"."), strict=True):
            storage.data[ref.uri] = data
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", storage.url)
        images = Images({"skip_signature": True})
        for known_by, same in (("address", False), ("content", True)):
            settings = ImageSettings(known_by=known_by)  # type: ignore[arg-type]
            seen = [identity(images.load(ref, form, settings), ref, cropped=False) for ref in refs]
            assert (seen[0] == seen[1], seen[1] == seen[2]) == (same, False)
        gone = ImageRef("gs://b/s1/v0/gone.jpg")
        with pytest.raises(ImageExpired):
            images.load(gone, form, ImageSettings(known_by="content"))
