"""Files that are no sound image: each failure has a reason of its own, and memory stays small."""

import os
import struct
import subprocess
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.images._pictures import encoded, scene
from vistoria.errors import (
    ImageCorrupt,
    ImageEmpty,
    ImageForbidden,
    ImageMissing,
    ImageTooLarge,
    ImageTruncated,
    ImageUnreadable,
    NotAnImage,
    ObservationError,
)
from vistoria.images import Images
from vistoria.records import ImageForm, ImageRef, ImageSettings

IMAGES = Images()
PIXELS = ImageForm(kind="pixels", width=32, height=32)
ENCODED = ImageForm(kind="encoded")
FORMS = [PIXELS, ENCODED]
JPEG = encoded(scene(), quality=90)
KINDS = ["JPEG", "PNG", "GIF", "WEBP", "TIFF", "AVIF", "BMP"]


def refusal(path: Path, data: bytes, form: ImageForm) -> ObservationError:
    path.write_bytes(data)
    with pytest.raises(ObservationError) as caught:
        IMAGES.load(ImageRef(str(path)), form)
    return caught.value


@pytest.mark.parametrize("form", FORMS)
def test_reasons_differ(tmp_path: Path, form: ImageForm) -> None:
    path = tmp_path / "photo.jpg"
    flipped = bytearray(JPEG)
    flipped[len(JPEG) // 2] ^= 0xFF
    found = {
        "empty": refusal(path, b"", form),
        "page": refusal(path, b"<!doctype html><title>404</title>", form),
        "text": refusal(path, b"hello", form),
        "half": refusal(path, JPEG[: len(JPEG) // 2], form),
        "noise": refusal(path, JPEG[:700] + Random(5).randbytes(3000) + JPEG[-2:], form),
        "tiny": refusal(path, JPEG[:3], form),
    }
    assert {name: type(error) for name, error in found.items()} == {
        "empty": ImageEmpty,
        "page": NotAnImage,
        "text": NotAnImage,
        "half": ImageTruncated,
        "noise": ImageCorrupt,
        "tiny": ImageTruncated,
    }
    assert len({error.reason for error in found.values()}) == 4
    assert "<!doctype html>" in str(found["page"])


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", KINDS)
def test_cut_anywhere(tmp_path: Path, kind: str, form: ImageForm) -> None:
    data = encoded(scene(), kind)
    near_end = () if kind == "GIF" else (len(data) - 50, len(data) - 2)  # its frame is complete
    for length in (30, 100, 300, len(data) // 3, len(data) // 2, *near_end):
        error = refusal(tmp_path / "photo.jpg", data[:length], form)
        assert isinstance(error, ImageUnreadable)
        if length > 300:
            assert type(error) is ImageTruncated, (length, len(data), error)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_flipped_bits(tmp_path: Path, kind: str, form: ImageForm) -> None:
    data = bytearray(encoded(scene(), kind))
    for at in range(len(data) // 2, len(data) // 2 + 40):
        data[at] ^= 0x55
    path = tmp_path / "photo.jpg"
    path.write_bytes(data)
    with pytest.raises(ImageCorrupt):
        IMAGES.load(ImageRef(str(path)), form, ImageSettings(verify=True))


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"restart_marker_rows": 1}])
def test_sound_files_pass_without_being_decoded(tmp_path: Path, options: dict[str, Any]) -> None:
    data = encoded(scene(), quality=90, **options)
    for number, file in enumerate([data, data + b"\0" * 100, data + data]):
        path = tmp_path / f"{number}.jpg"
        path.write_bytes(file)
        assert IMAGES.load(ImageRef(str(path)), ENCODED).data == file


@given(kind=st.sampled_from(KINDS), data=st.data())
def test_damage_never_raises_anything_else(
    tmp_path_factory: pytest.TempPathFactory, kind: str, data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("broken") / "photo"
    file = bytearray(encoded(scene(40, 30), kind))
    for _ in range(data.draw(st.integers(1, 6))):
        file[data.draw(st.integers(0, len(file) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(file[: data.draw(st.integers(1, len(file)))])
    for form in FORMS:
        try:
            picture = IMAGES.load(ImageRef(str(path)), form)
        except ObservationError as error:
            assert str(error)  # noqa: PT017
        else:
            assert picture.pixels is not None or picture.data


def test_places_without_a_file(tmp_path: Path) -> None:
    def refused(name: str) -> type[Exception]:
        with pytest.raises(ObservationError) as caught:
            IMAGES.load(ImageRef(f"{tmp_path}/{name}"), PIXELS)
        return type(caught.value)

    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "file").touch()
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    assert refused("nothing.jpg") is ImageMissing
    assert refused("file/photo.jpg") is ImageMissing
    assert refused("x" * 300) is ImageMissing
    assert refused("loop") is ImageMissing
    assert refused("folder") is NotAnImage
    assert refused("pipe") is NotAnImage


def test_no_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: str, flags: int) -> int:
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(os, "open", refuse)  # the tests may run as root, whom nobody refuses
    with pytest.raises(ImageForbidden, match="no permission"):
        IMAGES.load(ImageRef("/x.jpg"), PIXELS)


def test_too_many_bytes(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(JPEG)
    settings = ImageSettings(max_bytes=len(JPEG) - 1)
    with pytest.raises(ImageTooLarge, match=r"images\.max_bytes"):
        IMAGES.load(ImageRef(str(tmp_path / "a.jpg")), PIXELS, settings)
    settings = ImageSettings(max_bytes=len(JPEG))
    assert IMAGES.load(ImageRef(str(tmp_path / "a.jpg")), PIXELS, settings).pixels is not None


def chunk(name: bytes, content: bytes) -> bytes:
    return (
        struct.pack(">I", len(content))
        + name
        + content
        + struct.pack(">I", zlib.crc32(name + content))
    )


def png_of(width: int, height: int) -> bytes:
    """A PNG of one colour: a few kB per 100 megapixels."""
    packer = zlib.compressobj()
    rows = bytes((width + 7) // 8 + 1)
    body = b"".join(packer.compress(rows) for _ in range(height)) + packer.flush()
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")
    )


def bombs() -> Iterator[tuple[str, bytes]]:
    yield "square.png", png_of(30_000, 30_000)
    start = JPEG.index(b"\xff\xc0")
    yield "header.jpg", JPEG[: start + 5] + struct.pack(">HH", 65_000, 65_000) + JPEG[start + 9 :]
    gif = bytearray(encoded(scene(), "GIF"))
    gif[6:10] = struct.pack("<HH", 60_000, 60_000)
    yield "header.gif", bytes(gif)
    bmp = bytearray(encoded(scene(), "BMP"))
    bmp[18:26] = struct.pack("<ii", 100_000, 100_000)
    yield "header.bmp", bytes(bmp)
    small = encoded(scene(), "PNG")
    ihdr = struct.pack(">II", 100_000, 100_000) + small[24:29]
    yield "header.png", small[:8] + chunk(b"IHDR", ihdr) + small[33:]


MEASURE = """
import resource, sys
from vistoria.errors import ImageTooLarge
from vistoria.images import Images
from vistoria.records import ImageForm, ImageRef

images = Images()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for path in sys.argv[1:]:
    for form in (ImageForm(kind="encoded"), ImageForm(kind="pixels", width=8, height=8)):
        try:
            images.load(ImageRef(path), form)
        except ImageTooLarge as error:
            assert "megapixels; the limit is 200" in str(error), error
        else:
            raise AssertionError(path)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_bombs_are_refused_before_they_are_decoded(tmp_path: Path) -> None:
    for name, data in bombs():
        (tmp_path / name).write_bytes(data)
    paths = sorted(str(path) for path in tmp_path.iterdir())
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", MEASURE, *paths],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 32 << 10, "KiB; one of them decoded would take a GiB"


def test_the_limit_of_pixels_is_the_users(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png_of(12_000, 9_000))  # more than Pillow's own limit
    ref = ImageRef(str(tmp_path / "a.png"))
    assert IMAGES.load(ref, PIXELS).pixels is not None
    with pytest.raises(ImageTooLarge, match="12000 × 9000 = 108 megapixels; the limit is 100"):
        IMAGES.load(ref, PIXELS, ImageSettings(max_pixels=100_000_000))


def test_nothing_of_a_cut_image_is_used(tmp_path: Path) -> None:
    """The lower half of a truncated image would be grey: better no answer than one about that."""
    tall = encoded(scene(64, 4000), quality=90)
    (tmp_path / "a.jpg").write_bytes(tall[:-30])
    with pytest.raises(ImageTruncated):
        IMAGES.load(ImageRef(str(tmp_path / "a.jpg")), PIXELS)
    whole = np.asarray(scene(64, 4000))
    assert whole.any()
