"""From what a user writes to the publisher that is meant."""

import re

from vistoria import registry
from vistoria.errors import ConfigError
from vistoria.publishers import Publisher, PublisherOptions

__all__ = ["open_publisher", "publisher_name"]

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://")


def open_publisher(
    address: str, options: PublisherOptions, name: str | None = None
) -> tuple[str, Publisher]:
    """The name of the publisher, given or found by the address, and the publisher."""
    name = name or publisher_name(address)
    found: Publisher = registry.load("publishers", name).open_publisher(address, options)
    return name, found


def publisher_name(address: str) -> str:
    """The publisher that an address means by its scheme, else by the end of its name: the longest
    that fits. Raises ConfigError when none does."""
    modules = {name: registry.load("publishers", name) for name in registry.names("publishers")}
    scheme = _SCHEME.match(address)
    for name, module in modules.items():
        if scheme and scheme[1].lower() in module.SCHEMES:
            return name
    fits = [
        (len(suffix), name)
        for name, module in modules.items()
        for suffix in module.SUFFIXES
        if address.lower().endswith(suffix)
    ]
    if fits:
        return max(fits)[1]
    known = sorted(
        form
        for module in modules.values()
        for form in (*(f"{one}://" for one in module.SCHEMES), *module.SUFFIXES)
    )
    raise ConfigError(
        f"cannot tell how to publish to {address!r}; known: {', '.join(known)}; or name the "
        f"publisher with --to: {', '.join(modules)}"
    )
