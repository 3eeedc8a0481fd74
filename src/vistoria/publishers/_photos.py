"""Where a photo lies on this machine, for programs that open files and no addresses."""

import os
from pathlib import Path

from vistoria.errors import AddressInvalid
from vistoria.images import Address, parse_address

__all__ = ["address_of", "local_path"]


def address_of(uri: str) -> Address | None:
    """What an address names; None where it is none."""
    try:
        return parse_address(uri)
    except AddressInvalid:
        return None


def local_path(uri: str) -> Path | None:
    """The absolute path of a photo on this machine; None where it lies elsewhere."""
    found = address_of(uri)
    if found is None or found.scheme != "file":
        return None
    return Path(os.path.abspath(found.key))  # noqa: PTH100 - drops `..` and follows no links
