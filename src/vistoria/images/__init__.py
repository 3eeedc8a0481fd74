"""The way from an image address to what a model can take: read, check, decode, crop, resize."""

from vistoria.images._address import Address, parse_address
from vistoria.images._prepare import Images

__all__ = ["Address", "Images", "parse_address"]
