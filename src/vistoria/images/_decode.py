"""Bytes of any image → upright RGB pixels, or the reason why not."""

from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vistoria.errors import ImageEmpty, NotAnImage
from vistoria.images._jpeg import JpegFile, UnsupportedError
from vistoria.images._media import media_type
from vistoria.images._pillow import PillowFile

__all__ = ["ImageFile", "Region", "decode", "open_image"]

Region: TypeAlias = tuple[int, int, int, int]
"""Left, top, right, bottom in pixels of the upright image; the last two are exclusive."""


class ImageFile(Protocol):
    """An image file whose header is sound; `width` and `height` are those of the upright image."""

    mime_type: str
    width: int
    height: int
    upright: bool
    """Whether the pixels are stored the right way up."""

    def check(self, *, thorough: bool = True) -> None:
        """Raises an ObservationError if the file is damaged; `thorough`: by decoding all of it."""

    def pixels(self, least_width: float, least_height: float) -> NDArray[np.uint8]:
        """Upright RGB of at least this size, or of full size; contiguous."""


def open_image(data: bytes, max_pixels: int) -> ImageFile:
    """Looks at the header only: the kind by the first bytes, never by a name.

    Raises ImageEmpty, NotAnImage, ImageTooLarge or another ImageUnreadable.
    """
    if not data:
        raise ImageEmpty("there are no bytes")
    kind = media_type(data)
    if kind is None:
        raise NotAnImage(f"the bytes begin with {data[:16]!r}, which no kind of image does")
    if kind != JpegFile.mime_type:
        return PillowFile(data, kind, max_pixels)
    try:
        return JpegFile(data, max_pixels)
    except UnsupportedError:
        return PillowFile(data, kind, max_pixels)


def decode(image: ImageFile, region: Region, width: int, height: int) -> NDArray[np.uint8]:
    """A region of an image, stretched to `width` × `height`: contiguous uint8 RGB.

    Raises ImageUnreadable.
    """
    left, top, right, bottom = region
    pixels = image.pixels(
        image.width * width / (right - left), image.height * height / (bottom - top)
    )
    rows, columns = pixels.shape[:2]
    x, y = columns / image.width, rows / image.height
    whole = region == (0, 0, image.width, image.height)
    if whole and (columns, rows) == (width, height):
        return pixels
    if (columns, rows, width, height) == (image.width, image.height, right - left, bottom - top):
        return np.ascontiguousarray(pixels[top:bottom, left:right])
    resized = Image.fromarray(pixels).resize(
        (width, height),
        Image.Resampling.BILINEAR,
        box=(left * x, top * y, right * x, bottom * y),
        reducing_gap=2.0,
    )
    return np.array(resized)
