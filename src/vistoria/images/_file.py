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

# Not to wait for a writer if it is a pipe; binary where the system tells that from text.
_READ = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
_PASSING = {errno.EIO, errno.ESTALE, errno.EMFILE, errno.ENFILE, errno.ETIMEDOUT, errno.ENOMEM}


def read_file(path: str, max_bytes: int) -> bytes:
    """All bytes of a file.

    Raises ImageMissing, ImageForbidden, ImageTooLarge (without reading), NotAnImage (a folder, a
    pipe, a device) or TransientError.
    """
    try:
        # `open` makes three times the system calls, and after each of them a thread has to get the
        # interpreter back from the others.
        file = os.open(path, _READ)
        try:
            data = _content(file, path, max_bytes)
        finally:
            os.close(file)
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


def _content(file: int, path: str, max_bytes: int) -> bytes:
    found = os.fstat(file)
    if not stat.S_ISREG(found.st_mode):
        raise NotAnImage(f"{path!r} is not a file but a folder, pipe or device")
    if found.st_size > max_bytes:
        raise _too_large(path, found.st_size, max_bytes)
    # What is asked for is allocated, so ask for no more than there is; one byte more tells whether
    # the file is growing.
    data = os.read(file, found.st_size + 1)
    while len(data) != found.st_size and len(data) <= max_bytes:
        more = os.read(file, 1 << 20)
        if not more:
            break
        data += more
    return data


def _too_large(path: str, size: int, max_bytes: int) -> ImageTooLarge:
    return ImageTooLarge(
        f"{path!r} has {size:,} bytes; the limit is {max_bytes:,} (images.max_bytes)"
    )
