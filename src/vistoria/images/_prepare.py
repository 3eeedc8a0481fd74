"""Makes an image ready in the form that a model declares."""

import hashlib
import math
from collections.abc import Callable, Mapping
from typing import Any

from vistoria.errors import BoxInvalid, ImageTooLarge
from vistoria.images._address import Address, parse_address
from vistoria.images._decode import ImageFile, Region, decode, open_image
from vistoria.images._jpeg import encode_jpeg
from vistoria.images._store import Store
from vistoria.records import Box, ImageForm, ImageRef, ImageSettings, Picture

__all__ = ["Images"]

_DEFAULTS = ImageSettings()
_SMALLEST_SIDE = 16
_STORES = {"gs", "s3", "az"}
_SUFFIXES = {
    "jpg": "image/jpeg", "jpeg": "image/jpeg", "png": "image/png", "webp": "image/webp",
    "heic": "image/heic", "heif": "image/heif", "tif": "image/tiff", "tiff": "image/tiff",
    "avif": "image/avif", "gif": "image/gif", "bmp": "image/bmp",
}  # fmt: skip


class Images:
    """Loads images; one for a whole run, since it keeps connections. Safe to call in threads.

    Nothing is kept of the images themselves.
    """

    def __init__(
        self,
        store: Mapping[str, Any] | None = None,
        google_token: Callable[[], str] | None = None,
    ) -> None:
        """`store`: options such as endpoint or bearer_token; raises ConfigError if unknown.
        `google_token`: signs in to Cloud Storage."""
        self._store = Store(store or {}, google_token)

    def load(self, ref: ImageRef, form: ImageForm, settings: ImageSettings = _DEFAULTS) -> Picture:
        """The picture in the form that the model wants.

        - "none", or a scheme that the model's service fetches by itself (where no crop and no
          smaller size is wanted): only the address is checked, nothing is read. Where the address
          does not tell what kind of image it is, the object is asked.
        - "encoded": the original bytes if they are sound, upright and fit; else a JPEG file.
        - "pixels": uint8 RGB, stretched to exactly the model's size.

        Raises an ObservationError that says what is wrong with this image, TransientError or
        RateLimited where another try may help, AccessDenied where credentials are missing.
        """
        address = parse_address(ref.uri)
        box = ref.box if settings.crop else None
        if form.kind == "none":
            return Picture(uri=ref.uri)
        if address.scheme in form.by_reference and box is None and settings.max_side is None:
            kind = self._kind(address)
            if kind is None or kind in form.mime_types:
                return Picture(
                    uri=ref.uri, mime_type=kind, checksum=self._checksum(address, settings)
                )
        data = self._store.read(address, settings.max_bytes)
        sha256 = hashlib.sha256(data).digest()
        image = open_image(data, settings.max_pixels)
        region = _region(box, image, settings.crop_margin)
        if form.kind == "pixels":
            assert form.width is not None
            assert form.height is not None
            pixels = decode(image, region, form.width, form.height)
            height, width, _ = pixels.shape
            return Picture(uri=ref.uri, pixels=pixels, width=width, height=height, sha256=sha256)
        return _encoded(ref.uri, data, sha256, image, region, form, settings)

    def _checksum(self, address: Address, settings: ImageSettings) -> bytes | None:
        """Of an object's content, where that is to be known and its store tells it."""
        wanted = settings.known_by == "content" and address.scheme in _STORES
        return self._store.checksum(address) if wanted else None

    def _kind(self, address: Address) -> str | None:
        """The MIME type of an object; None on the web, whose servers tell it themselves."""
        if address.scheme not in _STORES:
            return None
        suffix = address.key.rpartition(".")[2].lower()
        return _SUFFIXES.get(suffix) or self._store.media_type(address)


def _region(box: Box | None, image: ImageFile, margin: float) -> Region:
    """The box, widened by `margin` times its size on each side and cut to the image.

    Without a box, the whole image. Raises BoxInvalid.
    """
    if box is None:
        return (0, 0, image.width, image.height)
    inside = (
        box.left < box.right
        and box.top < box.bottom
        and max(box.left, 0) < min(box.right, image.width)
        and max(box.top, 0) < min(box.bottom, image.height)
    )
    if not inside or not all(map(math.isfinite, box)):
        raise BoxInvalid(
            f"the box {tuple(box)} is empty or outside the image of {image.width} × {image.height}"
        )
    wider, higher = margin * (box.right - box.left), margin * (box.bottom - box.top)
    return (
        max(math.floor(box.left - wider), 0),
        max(math.floor(box.top - higher), 0),
        min(math.ceil(box.right + wider), image.width),
        min(math.ceil(box.bottom + higher), image.height),
    )


def _encoded(
    uri: str, data: bytes, sha256: bytes, image: ImageFile, region: Region,
    form: ImageForm, settings: ImageSettings,
) -> Picture:  # fmt: skip
    width, height = region[2] - region[0], region[3] - region[1]
    scale = 1.0 if settings.max_side is None else min(1.0, settings.max_side / max(width, height))
    limit = form.max_bytes or math.inf
    as_it_is = (
        image.mime_type in form.mime_types
        and image.upright
        and scale == 1.0
        and (width, height) == (image.width, image.height)
        and len(data) <= limit
    )
    if as_it_is:
        image.check(thorough=settings.verify)
        return Picture(
            uri=uri, mime_type=image.mime_type, data=data, width=width, height=height, sha256=sha256
        )
    while True:
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        jpeg = encode_jpeg(decode(image, region, *size))
        if len(jpeg) <= limit:
            return Picture(
                uri=uri, mime_type="image/jpeg", data=jpeg,
                width=size[0], height=size[1], sha256=sha256,
            )  # fmt: skip
        if max(size) <= _SMALLEST_SIDE:
            raise ImageTooLarge(f"no JPEG of the image fits into {limit:,} bytes")
        scale *= max(0.5, min(0.9, 0.95 * math.sqrt(limit / len(jpeg))))
