"""Image files made on the spot, sound and broken."""

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def scene(width: int = 320, height: int = 240, seed: int = 0) -> Image.Image:
    """A smooth colourful picture that looks different in each corner."""
    dice = np.random.default_rng(seed)
    small = dice.integers(0, 256, (6, 8, 3), np.uint8)
    return Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC)


def encoded(image: Image.Image, kind: str = "JPEG", **options: object) -> bytes:
    """A file of this kind with the image."""
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def with_orientation(orientation: int) -> Image.Exif:
    """Metadata that says how the image lies in the file."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


def far(left: NDArray[np.uint8], right: NDArray[np.uint8]) -> float:
    """The mean difference of two images of the same size, in grey levels."""
    assert left.shape == right.shape
    return float(np.abs(left.astype(np.int16) - right.astype(np.int16)).mean())
