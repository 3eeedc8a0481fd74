"""What reading a source will be billed, said before it is read."""

from datetime import UTC, datetime

from vistoria.cli._talk import note
from vistoria.pricing import PriceTable, format_money
from vistoria.sources import Metered, Scan, Selection, Source

__all__ = ["announce"]

_UNITS = ("KiB", "MiB", "GiB", "TiB")


def announce(source: Source, selection: Selection, prices: PriceTable) -> None:
    """A note on stderr with bytes and money, where a service bills for being read.

    Raises UserError if the selection does not fit the source.
    """
    if isinstance(source, Metered):
        note("reading", _words(source.scan(selection), prices))


def _words(scan: Scan, prices: PriceTable) -> str:
    if not scan.size:
        return "bills nothing"
    billed = max(scan.size, scan.least)
    money = prices.scan(scan.service, scan.location, billed, datetime.now(UTC).date())
    least = f", billed as {_size(billed)}" if billed > scan.size else ""
    return f"scans {_size(scan.size)}{least}: at most {format_money(money)}"


def _size(size: int) -> str:
    """`512 B`, `1.9 GiB`."""
    number, unit = float(size), "B"
    for larger in _UNITS:
        if number < 1023.95:
            break
        number, unit = number / 1024, larger
    return f"{size} B" if unit == "B" else f"{number:,.1f} {unit}"
