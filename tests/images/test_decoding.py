"""Pixels of every kind of image, checked against Pillow and OpenCV."""

import importlib.util
import io
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageOps

from tests.images._pictures import encoded, far, scene, with_orientation
from vistoria.errors import ImageUnreadable
from vistoria.images import Images
from vistoria.records import ImageForm, ImageRef, Picture

IMAGES = Images()
WIDTH, HEIGHT = 320, 240
SAME = ImageForm(kind="pixels", width=WIDTH, height=HEIGHT)


def load(tmp_path: Path, data: bytes, form: ImageForm = SAME) -> Picture:
    (tmp_path / "photo.jpg").write_bytes(data)
    return IMAGES.load(ImageRef(str(tmp_path / "photo.jpg")), form)


def pixels(tmp_path: Path, data: bytes, form: ImageForm = SAME) -> NDArray[np.uint8]:
    found = load(tmp_path, data, form).pixels
    assert found is not None
    assert found.dtype == np.uint8
    assert found.flags.c_contiguous
    return found


def by_opencv(data: bytes) -> NDArray[np.uint8]:
    decoded: Any = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    return np.asarray(cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB), np.uint8)


KINDS: dict[str, tuple[str, dict[str, object]]] = {
    "jpeg": ("JPEG", {"quality": 92}),
    "progressive": ("JPEG", {"progressive": True}),
    "grey jpeg": ("JPEG", {}),
    "4:4:4 jpeg": ("JPEG", {"subsampling": 0}),
    "png": ("PNG", {}),
    "webp": ("WEBP", {"quality": 95}),
    "lossless webp": ("WEBP", {"lossless": True}),
    "avif": ("AVIF", {"quality": 95}),
    "tiff": ("TIFF", {}),
    "lzw tiff": ("TIFF", {"compression": "tiff_lzw"}),
    "bmp": ("BMP", {}),
    "jpeg 2000": ("JPEG2000", {}),
}


@pytest.mark.parametrize("name", KINDS)
def test_agrees_with_opencv(tmp_path: Path, name: str) -> None:
    kind, options = KINDS[name]
    image = scene(WIDTH, HEIGHT).convert("L" if name.startswith("grey") else "RGB")
    data = encoded(image, kind, **options)
    assert far(pixels(tmp_path, data), by_opencv(data)) < 1.0
    assert far(pixels(tmp_path, data), np.asarray(image.convert("RGB"))) < 3.0


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
@pytest.mark.parametrize("orientation", range(10))
def test_is_upright(tmp_path: Path, kind: str, orientation: int) -> None:
    options = {"quality": 95} if kind in {"JPEG", "WEBP", "AVIF"} else {}
    data = encoded(scene(), kind, exif=with_orientation(orientation), **options)
    expected = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
    form = ImageForm(kind="pixels", width=expected.width, height=expected.height)
    assert far(pixels(tmp_path, data, form), np.asarray(expected.convert("RGB"))) < 1.0
    sent = load(tmp_path, data, ImageForm(kind="encoded", mime_types=frozenset({"image/jpeg"})))
    assert (sent.width, sent.height) == expected.size
    assert sent.data is not None
    assert far(np.asarray(Image.open(io.BytesIO(sent.data))), np.asarray(expected)) < 3.0


@pytest.mark.parametrize("order", ["II", "MM"])
def test_orientation_in_either_byte_order(tmp_path: Path, order: str) -> None:
    small = "little" if order == "II" else "big"

    def number(value: int, size: int) -> bytes:
        return value.to_bytes(size, small)  # type: ignore[arg-type]

    entry = number(0x0112, 2) + number(3, 2) + number(1, 4) + number(6, 2) + bytes(2)
    tiff = order.encode() + number(42, 2) + number(8, 4) + number(1, 2) + entry + bytes(4)
    data = encoded(scene(), exif=b"Exif\0\0" + tiff)
    assert load(tmp_path, data, ImageForm(kind="encoded")).width == 240


def test_scaled_decoding_is_as_good_as_full(tmp_path: Path) -> None:
    image = scene(1280, 960)
    data = encoded(image, quality=92)
    for width, height in ((640, 480), (320, 240), (321, 239), (100, 100), (1280, 960)):
        form = ImageForm(kind="pixels", width=width, height=height)
        expected = cv2.resize(by_opencv(data), (width, height), interpolation=cv2.INTER_AREA)
        assert far(pixels(tmp_path, data, form), np.asarray(expected, np.uint8)) < 1.5


def test_enlarges_too(tmp_path: Path) -> None:
    form = ImageForm(kind="pixels", width=640, height=100)
    assert pixels(tmp_path, encoded(scene()), form).shape == (100, 640, 3)


def test_cmyk(tmp_path: Path) -> None:
    image = scene(WIDTH, HEIGHT)
    jpeg = encoded(image.convert("CMYK"), quality=95)
    assert far(pixels(tmp_path, jpeg), by_opencv(jpeg)) < 2.0
    assert far(pixels(tmp_path, jpeg), np.asarray(image)) < 3.0
    tiff = encoded(image.convert("CMYK"), "TIFF")
    assert far(pixels(tmp_path, tiff), np.asarray(image)) < 1.0


@pytest.mark.parametrize("top", [255, 4_095, 65_535])
@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_deep_grey_is_scaled_not_clipped(tmp_path: Path, kind: str, top: int) -> None:
    values = np.linspace(0, top, WIDTH * HEIGHT).reshape(HEIGHT, WIDTH).astype(np.uint16)
    found = pixels(tmp_path, encoded(Image.fromarray(values), kind))
    assert float(found.mean()) == pytest.approx(float(values.mean()) / 257, abs=0.51)
    assert far(found[:, :, 0], (values // 257).astype(np.uint8)) <= 1.0


def test_deep_colour_and_deeper_grey(tmp_path: Path) -> None:
    values = np.linspace(0, 65_535, WIDTH * HEIGHT * 3).reshape(HEIGHT, WIDTH, 3)
    _, file = cv2.imencode(".png", values.astype(np.uint16))
    found = pixels(tmp_path, file.tobytes())
    assert float(found.mean()) == pytest.approx(float(values.mean()) / 257, abs=0.6)
    for peak, kind in ((1.0, np.float32), (200.0, np.float32), (2**30, np.int32)):
        grey = np.linspace(0, peak, WIDTH * HEIGHT).reshape(HEIGHT, WIDTH).astype(kind)
        found = pixels(tmp_path, encoded(Image.fromarray(grey), "TIFF"))
        assert int(found.max()) == (200 if peak == 200 else 255)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparent_is_white(tmp_path: Path, mode: str) -> None:
    image = Image.new("RGBA", (WIDTH, HEIGHT), (255, 0, 0, 0))
    image.paste((0, 0, 255, 255), (0, 0, WIDTH // 2, HEIGHT))
    found = pixels(tmp_path, encoded(image.convert(mode), "PNG"))
    assert found[0, -1].tolist() == [255, 255, 255]
    assert found[0, 0].tolist()[2] > found[0, 0].tolist()[0] or mode == "LA"
    if mode == "RGBA":
        assert found[0, 0].tolist() == [0, 0, 255]


def test_palette_bilevel_and_first_frame(tmp_path: Path) -> None:
    image = scene(WIDTH, HEIGHT)
    for mode in ("P", "1"):
        other = image.convert(mode)
        assert far(pixels(tmp_path, encoded(other, "PNG")), np.asarray(other.convert("RGB"))) == 0
    frames = [scene(WIDTH, HEIGHT, seed) for seed in range(3)]
    for kind in ("GIF", "WEBP", "PNG", "TIFF", "AVIF"):
        data = encoded(frames[0], kind, save_all=True, append_images=frames[1:])
        assert far(pixels(tmp_path, data), np.asarray(frames[0])) < 12


@pytest.mark.skipif(not importlib.util.find_spec("pillow_heif"), reason="an extra")
def test_heic(tmp_path: Path) -> None:
    import pillow_heif

    image = scene(WIDTH, HEIGHT)
    file = io.BytesIO()
    pillow_heif.from_pillow(image).save(file, quality=90)
    assert far(pixels(tmp_path, file.getvalue()), np.asarray(image)) < 4.0
    file = io.BytesIO()
    pillow_heif.from_pillow(image).save(file, exif=with_orientation(6).tobytes())
    assert load(tmp_path, file.getvalue(), ImageForm(kind="encoded")).height == WIDTH


def test_heic_without_its_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    heic = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(100)
    with pytest.raises(ImageUnreadable, match=r"pip install 'vistoria\[heic\]'") as caught:
        load(tmp_path, heic)
    assert caught.value.reason == "image_unreadable"


def test_odd_but_harmless_jpeg(tmp_path: Path) -> None:
    """libjpeg-turbo warns of the scan's parameters, so that strict decoding alone would fail."""
    data = bytearray(encoded(scene(), quality=95))
    scan = bytes(data).index(b"\xff\xda")
    end = scan + 2 + int.from_bytes(data[scan + 2 : scan + 4], "big")
    data[end - 3 : end] = bytes(3)
    assert far(pixels(tmp_path, bytes(data)), np.asarray(scene())) < 3.0
    assert load(tmp_path, bytes(data), ImageForm(kind="encoded")).data == bytes(data)
    trailing = encoded(scene(), quality=95) + b"motion photo" * 100
    assert far(pixels(tmp_path, trailing), np.asarray(scene())) < 3.0
