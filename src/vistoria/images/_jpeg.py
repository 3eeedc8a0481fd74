"""JPEG files, the hot path: strict and scaled decoding by libjpeg-turbo, which frees the GIL."""

import re
from collections.abc import Iterator

import numpy as np
import simplejpeg
from numpy.typing import NDArray

from vistoria.errors import ImageCorrupt, ImageTruncated
from vistoria.images._media import orientation_tag, too_many_pixels
from vistoria.images._pillow import PillowFile

__all__ = ["JpegFile", "UnsupportedError", "encode_jpeg"]

_APP1, _SOS, _EOI = 0xE1, 0xDA, 0xD9
# Markers that may follow a scan besides the end: tables, further scans, comments.
_BETWEEN_SCANS = frozenset({0xC4, _SOS, 0xDB, 0xDC, 0xDD, *range(0xE0, 0xF0), 0xFE})
# Within a scan, 0xFF is followed by 0x00, a restart marker or a fill byte; T.81, B.1.1.
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
_TRANSPOSED = frozenset({5, 6, 7, 8})


class UnsupportedError(Exception):
    """libjpeg-turbo does not take this JPEG file; another decoder may."""


class JpegFile:
    """A JPEG file whose header is sound; `width` and `height` are those of the upright image."""

    mime_type = "image/jpeg"

    def __init__(self, data: bytes, max_pixels: int) -> None:
        """Raises ImageTooLarge, ImageTruncated or UnsupportedError; decodes nothing yet."""
        try:
            height, width, _, _ = simplejpeg.decode_jpeg_header(data)
        except ValueError as error:
            if _header_is_cut(data):
                raise ImageTruncated("the JPEG file ends within its header") from error
            raise UnsupportedError(str(error)) from error
        if width * height > max_pixels:
            raise too_many_pixels(width, height, max_pixels)
        self._data, self._max_pixels = data, max_pixels
        self._size = (width, height)
        self._orientation = _orientation(data)
        self.upright = self._orientation == 1
        turned = self._orientation in _TRANSPOSED
        self.width, self.height = (height, width) if turned else (width, height)

    def check(self, *, thorough: bool = True) -> None:
        """Raises ImageTruncated or ImageCorrupt; `thorough`: by decoding all, at the least cost.

        Else by the markers alone, which takes a twentieth of the time, and leaves out damage that
        looks like picture.
        """
        if not thorough:
            _check_markers(self._data)
            return
        try:
            self._decode(8)
        except UnsupportedError:
            self._otherwise().check()

    def pixels(self, least_width: float, least_height: float) -> NDArray[np.uint8]:
        """Upright RGB, halved as often as it stays at least this large.

        Raises ImageTruncated or ImageCorrupt.
        """
        scale = 1
        while scale < 8 and all(
            -(-side // (2 * scale)) >= least
            for side, least in ((self.width, least_width), (self.height, least_height))
        ):
            scale *= 2
        try:
            return _turned(self._decode(scale), self._orientation)
        except UnsupportedError:
            return self._otherwise().pixels(least_width, least_height)

    def _otherwise(self) -> PillowFile:
        # libjpeg-turbo warns of things that harm nothing, such as odd parameters of a scan.
        return PillowFile(self._data, self.mime_type, self._max_pixels)

    def _decode(self, scale: int) -> NDArray[np.uint8]:
        # Only 1/2, 1/4 and 1/8: libjpeg-turbo is slower at 3/8, 5/8 … than at the next larger one.
        width, height = (-(-side // scale) for side in self._size)
        try:
            pixels: NDArray[np.uint8] = simplejpeg.decode_jpeg(
                self._data, "RGB", min_width=width, min_height=height
            )
        except ValueError as error:
            said = str(error)
            if "Premature end" in said:
                raise ImageTruncated("the end of the JPEG file is missing") from error
            if "Corrupt JPEG data" in said:
                raise ImageCorrupt(said) from error
            raise UnsupportedError(said) from error
        return pixels


def encode_jpeg(pixels: NDArray[np.uint8], quality: int = 90) -> bytes:
    """RGB pixels as a JPEG file."""
    encoded: bytes = simplejpeg.encode_jpeg(
        np.ascontiguousarray(pixels), quality=quality, colorspace="RGB", colorsubsampling="420"
    )
    return encoded


def _segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Marker, begin and end of each header segment up to the scan; ITU-T T.81, annex B."""
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF:  # fill byte
            at += 1
            continue
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        yield marker, at + 4, end
        if marker in {_SOS, _EOI}:
            return
        at = end


def _header_is_cut(data: bytes) -> bool:
    marker, end = 0, 2
    for marker, _, end in _segments(data):  # noqa: B007 - the last one counts
        pass
    return marker not in {_SOS, _EOI} and end + 4 > len(data)


def _check_markers(data: bytes) -> None:
    """Whether every scan ends in a marker that may stand there, and the last in the end's."""
    at = 2
    for marker, _, end in _segments(data):
        if marker == _SOS:
            at = end
    while (found := _MARKER.search(data, at)) is not None:
        marker = data[found.end() - 1]
        if marker == _EOI:
            return
        if marker not in _BETWEEN_SCANS:
            raise ImageCorrupt(f"the JPEG file has a marker 0x{marker:02X} within the picture")
        at = found.end() + int.from_bytes(data[found.end() : found.end() + 2], "big")
    raise ImageTruncated("the end of the JPEG file is missing")


def _orientation(data: bytes) -> int:
    """How the upright image lies in the file: 1 to 8; Exif 2.32, section 4.6.4."""
    for marker, begin, end in _segments(data):
        if marker == _APP1 and data.startswith(b"Exif\0\0", begin):
            return orientation_tag(data[begin + 6 : end])
    return 1


def _turned(pixels: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    if orientation in _TRANSPOSED:
        pixels = pixels.transpose(1, 0, 2)
    if orientation in {3, 4, 7, 8}:
        pixels = pixels[::-1]
    if orientation in {2, 3, 6, 7}:
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(pixels)
