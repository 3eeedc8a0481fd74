"""Every other kind of image, through Pillow, with its silent mistakes undone."""

import io
import struct
from collections.abc import Callable
from functools import partial
from typing import IO, Any, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.AvifImagePlugin import AvifImageFile
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.ImageFile import ImageFile
from PIL.Jpeg2KImagePlugin import Jpeg2KImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

from vistoria.errors import (
    ImageCorrupt,
    ImageTooLarge,
    ImageTruncated,
    ImageUnreadable,
    MissingExtra,
)
from vistoria.images._media import check_whole, orientation_tag, too_many_pixels

__all__ = ["PillowFile"]

_Reader: TypeAlias = Callable[[IO[bytes]], ImageFile]


def _heif(file: IO[bytes]) -> ImageFile:
    try:
        from pillow_heif import HeifImageFile  # noqa: PLC0415 - of an extra
    except ImportError as error:
        raise ImageUnreadable(str(MissingExtra("HEIC images", "heic"))) from error
    opened: ImageFile = HeifImageFile(file)  # type: ignore[no-untyped-call]
    return opened


# By class rather than by Image.open: its guard against bombs is a setting of the whole process,
# a warning, and laxer than ours.
_READERS: dict[str, _Reader] = {
    "image/avif": AvifImageFile,
    "image/bmp": BmpImageFile,
    "image/gif": GifImageFile,
    "image/heic": _heif,
    "image/jp2": Jpeg2KImageFile,
    "image/jpeg": JpegImageFile,
    "image/png": PngImageFile,
    "image/tiff": TiffImageFile,
    "image/webp": WebPImageFile,
}
_BROKEN = (
    OSError, SyntaxError, ValueError, TypeError, LookupError, ArithmeticError, EOFError,
    RuntimeError, struct.error, Warning,
)  # fmt: skip
"""What Pillow raises on damaged files."""
_CUT = (EOFError, IndexError, struct.error)
_DEEP_GREY = frozenset({"I;16", "I;16L", "I;16B", "I;16N", "I", "F"})
_WITH_ALPHA = frozenset({"RGBA", "LA", "PA", "RGBa", "La"})
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""Exif's orientation → what makes the image upright."""
_TRANSPOSING = {_TURNS[number] for number in (5, 6, 7, 8)}
_T = TypeVar("_T")


class PillowFile:
    """An image file whose header is sound; `width` and `height` are those of the upright image."""

    def __init__(self, data: bytes, mime_type: str, max_pixels: int) -> None:
        """Raises ImageTooLarge or ImageUnreadable; decodes nothing yet."""
        self.mime_type = mime_type
        self._data = data
        with self._open() as image:
            width, height = image.size
            if width * height > max_pixels:
                raise too_many_pixels(width, height, max_pixels)
            orientation = self._read(partial(_orientation, image))
            turned = isinstance(image, TiffImageFile)  # by Pillow, of this kind alone
        self.upright = orientation not in _TURNS
        self._turn = None if turned else _TURNS.get(orientation)
        self.width, self.height = (height, width) if self._turn in _TRANSPOSING else (width, height)

    def check(self, *, thorough: bool = True) -> None:  # noqa: ARG002 - these are few
        """Reads the whole file; raises ImageTruncated or ImageCorrupt."""
        check_whole(self._data, self.mime_type)
        if self.mime_type != "image/png":  # whose checksums say all
            with self._open() as image:
                self._read(image.load)

    def pixels(self, least_width: float, least_height: float) -> NDArray[np.uint8]:  # noqa: ARG002
        """Upright RGB in full size; raises ImageTruncated or ImageCorrupt."""
        check_whole(self._data, self.mime_type)
        with self._open() as image:
            self._read(image.load)
            pixels = self._read(partial(_rgb, image))
        if self._turn is None:
            return pixels
        return np.array(Image.fromarray(pixels).transpose(self._turn))

    def _open(self) -> ImageFile:
        return self._read(partial(_READERS[self.mime_type], io.BytesIO(self._data)))

    def _read(self, read: Callable[[], _T]) -> _T:
        try:
            return read()
        except MemoryError as error:
            raise ImageTooLarge("there is not enough memory to decode the image") from error
        except _BROKEN as error:
            check_whole(self._data, self.mime_type)
            said = f"{self.mime_type}: {error or type(error).__name__}"
            if isinstance(error, _CUT) or "truncated" in said.lower():
                raise ImageTruncated(said) from error
            raise ImageCorrupt(said) from error


def _orientation(image: ImageFile) -> int:
    """Exif's number for how the image lies in the file: 1 to 8."""
    if isinstance(image, TiffImageFile):
        return int(image.tag_v2.get(0x0112, 1))
    # Not by `getexif`, which decodes a whole PNG first and warns of what is damaged.
    return orientation_tag((image.info.get("exif") or b"").removeprefix(b"Exif\0\0"))


def _rgb(image: Image.Image) -> NDArray[np.uint8]:
    if image.mode in _DEEP_GREY:
        image = Image.fromarray(_eight_bits(np.asarray(image)))
    elif image.mode in _WITH_ALPHA or "transparency" in image.info:
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image.convert("RGBA"))
    return np.array(image.convert("RGB"))


def _eight_bits(grey: NDArray[Any]) -> NDArray[np.uint8]:
    """Grey values of 16 or 32 bits or floats in 8 bits, which Pillow itself would only clip."""
    values = np.nan_to_num(grey.astype(np.float32))
    peak = float(values.max(initial=0.0))
    if grey.dtype.kind == "f":
        full = next((scale for scale in (1.0, 255.0) if peak <= scale), peak)
    else:
        full = 65535.0 if peak <= 65535 else peak
    scaled: NDArray[np.uint8] = np.clip(values * (255 / full) + 0.5, 0, 255).astype(np.uint8)
    return scaled
