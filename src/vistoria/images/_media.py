"""What kind of image a file is, by its first bytes, and whether its end is there."""

import zlib
from typing import Literal, TypeAlias

from vistoria.errors import ImageCorrupt, ImageTooLarge, ImageTruncated

__all__ = ["MediaType", "check_whole", "media_type", "orientation_tag", "too_many_pixels"]

MediaType: TypeAlias = str
"""A MIME type such as "image/jpeg"."""

_ORIENTATION_TAG, _SHORT = 0x0112, 3
_MAGIC = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"II*\0", "image/tiff"),
    (b"MM\0*", "image/tiff"),
    (b"II+\0", "image/tiff"),
    (b"MM\0+", "image/tiff"),
    (b"\0\0\0\x0cjP  \r\n\x87\n", "image/jp2"),
)
_BRANDS = {
    "image/avif": {b"avif", b"avis"},
    "image/heic": {b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"hevm", b"hevs"},
}


def media_type(data: bytes) -> MediaType | None:
    """The MIME type, or None if the bytes are no image of a kind known here."""
    for magic, name in _MAGIC:
        if data.startswith(magic):
            return name
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    if data[:2] == b"BM" and data[6:10] == b"\0\0\0\0" and len(data) >= 26:
        return "image/bmp"
    if data[4:8] == b"ftyp":
        size = int.from_bytes(data[:4], "big")
        brands = {data[8:12], *(data[at : at + 4] for at in range(16, min(size, 256), 4))}
        for name, known in _BRANDS.items():
            if brands & known:
                return name
        return "image/heic" if b"mif1" in brands else None
    return None


def check_whole(data: bytes, kind: MediaType) -> None:
    """Raises ImageTruncated or ImageCorrupt where the container itself shows it.

    Decoders stop once all rows are there, so that a cut tail or a damaged block of a PNG file
    would pass unseen.
    """
    if kind == "image/png":
        _check_png(data)
    elif kind == "image/webp" and int.from_bytes(data[4:8], "little") + 8 > len(data):
        raise ImageTruncated("the WebP file is shorter than its header says")
    elif kind in _BRANDS:
        _check_boxes(data)


def orientation_tag(tiff: bytes) -> int:
    """How the upright image lies in the file, 1 to 8, by an Exif block; Exif 2.32, 4.6.4."""
    order: Literal["little", "big"] = "little" if tiff.startswith(b"II") else "big"

    def number(at: int, size: int) -> int:
        return int.from_bytes(tiff[at : at + size], order)

    first = number(4, 4)
    for entry in range(number(first, 2)):
        at = first + 2 + 12 * entry
        if at + 12 > len(tiff):
            break
        if number(at, 2) == _ORIENTATION_TAG and number(at + 2, 2) == _SHORT:
            value = number(at + 8, 2)
            return value if 1 <= value <= 8 else 1
    return 1


def too_many_pixels(width: int, height: int, max_pixels: int) -> ImageTooLarge:
    """The error for an image that would need too much memory."""
    return ImageTooLarge(
        f"{width} × {height} = {width * height / 1e6:.0f} megapixels; the limit is "
        f"{max_pixels / 1e6:.0f} (images.max_pixels)"
    )


def _check_png(data: bytes) -> None:
    """Every chunk by its checksum; PNG specification, section 5."""
    at, view = 8, memoryview(data)
    while at + 12 <= len(data):
        size, name = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        end = at + 8 + size
        if end + 4 > len(data):
            break
        if zlib.crc32(view[at + 4 : end]) != int.from_bytes(data[end : end + 4], "big"):
            raise ImageCorrupt(f"the PNG file's block {name!r} is damaged (checksum)")
        if name == b"IEND":
            return
        at = end + 4
    raise ImageTruncated("the PNG file ends before its last block")


def _check_boxes(data: bytes) -> None:
    """Every top-level box by its length; ISO/IEC 14496-12, section 4.2."""
    at = 0
    while at + 8 <= len(data):
        size, header = int.from_bytes(data[at : at + 4], "big"), 8
        if size == 1:
            size, header = int.from_bytes(data[at + 8 : at + 16], "big"), 16
        if size == 0:
            return  # up to the end of the file
        if size < header:
            raise ImageCorrupt("a box of the file has an impossible length")
        at += size
    if at != len(data):
        raise ImageTruncated("the file is shorter than its boxes say")
