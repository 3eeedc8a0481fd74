"""A folder of anything: good photos among files that every image library trips over."""

import struct
import zlib
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

OK = "ok"


def write_odd_photos(folder: Path) -> Mapping[str, str]:
    """Writes the files; returns relative path → "ok" or the reason for which it must fail."""
    folder.mkdir(parents=True, exist_ok=True)
    photo = _encoded(_photo(), "JPEG")
    files: dict[str, tuple[bytes, str]] = {
        "plain.jpg": (photo, OK),
        "name with spaces.jpg": (photo, OK),
        "emoji 🚧.jpg": (photo, OK),
        "new\nline.jpg": (photo, OK),
        "percent%20#hash?.jpg": (photo, OK),
        "deep/er/photo.JPG": (photo, OK),
        "png content.jpg": (_encoded(_photo(), "PNG"), OK),
        "cmyk.jpg": (_encoded(_photo().convert("CMYK"), "JPEG"), OK),
        "sixteen.png": (_sixteen_bit(), OK),
        "moving.gif": (_gif(), OK),
        "photo.webp": (_encoded(_photo(), "WEBP"), OK),
        "photo.tiff": (_encoded(_photo(), "TIFF"), OK),
        "photo.avif": (_encoded(_photo(), "AVIF"), OK),
        "text.jpg": (b"Dear sir or madam, this is no photo.\n" * 20, "not_an_image"),
        "page.png": (b"<!doctype html><html><body>403</body></html>", "not_an_image"),
        "empty.jpg": (b"", "image_empty"),
        "truncated.jpg": (photo[: len(photo) // 2], "image_truncated"),
        "huge.png": (_black_png(30_000), "image_too_large"),
    }
    for name, (content, _) in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return {name: expected for name, (_, expected) in files.items()}


def _photo() -> Image.Image:
    y, x = np.mgrid[0:240, 0:320]
    pixels = np.stack([x * 255 // 319, y * 255 // 239, (x + y) % 256], axis=2).astype(np.uint8)
    return Image.fromarray(pixels)


def _encoded(image: Image.Image, kind: str) -> bytes:
    buffer = BytesIO()
    image.save(buffer, kind)
    return buffer.getvalue()


def _sixteen_bit() -> bytes:
    ramp = np.linspace(0, 65_535, 320, dtype=np.uint16)
    return _encoded(Image.fromarray(np.tile(ramp, (240, 1))), "PNG")


def _gif() -> bytes:
    frames = [_photo().rotate(angle) for angle in (0, 90, 180)]
    buffer = BytesIO()
    frames[0].save(buffer, "GIF", save_all=True, append_images=frames[1:])
    return buffer.getvalue()


def _black_png(side: int) -> bytes:
    """A PNG of `side` × `side` black pixels in a few hundred kilobytes: 900 million pixels."""
    squeeze = zlib.compressobj(9)
    row = b"\0" * (1 + (side + 7) // 8)  # one bit a pixel, filter 0
    data = b"".join(squeeze.compress(row) for _ in range(side)) + squeeze.flush()
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", data), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks
    )
