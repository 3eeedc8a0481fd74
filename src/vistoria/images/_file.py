"""Bytes of local files."""

import errno
import os
import stat

from vistoria.errors import (
    AddressInvalid,
    ImageForbidden,
    ImageMissing,
    ImageTooLarge,
    NotAnImage,
    TransientError,
)

__all__ = ["read_file"]

_PASSING = {errno.EIO, errno.ESTALE, errno.EMFILE, errno.ENFILE, errno.ETIMEDOUT, errno.ENOMEM}


def read_file(path: str, max_bytes: int) -> bytes:
    """All bytes of a file.

    Raises ImageMissing, ImageForbidden, ImageTooLarge (without reading), NotAnImage (a folder, a
    pipe, a device) or TransientError.
    """
    try:
        found = os.stat(path)  # noqa: PTH116 - one Path per image costs more than the call
        if not stat.S_ISREG(found.st_mode):  # opening a pipe would wait for a writer
            raise NotAnImage(f"{path!r} is not a file but a folder, pipe or device")
        if found.st_size > max_bytes:
            raise _too_large(path, found.st_size, max_bytes)
        with open(path, "rb", buffering=0) as file:  # noqa: PTH123
            # What is asked for is allocated, so ask for no more than there is; one byte more tells
            # whether the file has grown.
            data = file.read(found.st_size + 1)
            while found.st_size < len(data) <= max_bytes and (more := file.read(1 << 20)):
                data += more
    except (FileNotFoundError, NotADirectoryError):
        raise ImageMissing(f"there is no file {path!r}") from None
    except PermissionError:
        raise ImageForbidden(f"no permission to read {path!r}") from None
    except OSError as error:
        if error.errno in _PASSING:
            raise TransientError(f"cannot read {path!r} now: {error.strerror}") from error
        raise ImageMissing(f"cannot open {path!r}: {error.strerror}") from error
    except ValueError as error:
        raise AddressInvalid(f"{path!r} is no path: {error}") from error
    if len(data) > max_bytes:
        raise _too_large(path, len(data), max_bytes)
    return data


def _too_large(path: str, size: int, max_bytes: int) -> ImageTooLarge:
    return ImageTooLarge(
        f"{path!r} has {size:,} bytes; the limit is {max_bytes:,} (images.max_bytes)"
    )
