"""The way from an image address to what a model can take: read, check, decode, crop, resize."""

from vistoria.images._address import Address, parse_address
from vistoria.images._prepare import Images
from vistoria.images._store import open_bucket

__all__ = ["Address", "Images", "open_bucket", "parse_address"]
