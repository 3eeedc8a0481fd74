"""Which table a file shall hold."""

from vistoria.errors import UnknownName
from vistoria.publishers import PublisherOptions
from vistoria.publishers._columns import TABLES

__all__ = ["one_of"]


def one_of(options: PublisherOptions) -> str:
    """The table that the option `table` names, else `labels`; raises UnknownName."""
    name = options.values.get("table", "labels")
    if name not in TABLES:
        raise UnknownName("table", name, tuple(TABLES))
    return name
