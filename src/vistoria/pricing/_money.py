"""Money as whole picodollars.

A price of $0.075 per million tokens is 75,000 picodollars per token: any price with up to six
decimals is a whole number, so bills are exact, add up in any order, and fit SQLite's INTEGER up to
9.2 million dollars. Nanodollars would not do: half of $0.025 is 12.5 of them.
"""

from decimal import Decimal
from typing import TypeAlias

Money: TypeAlias = int
"""Picodollars, 10⁻¹² US dollars."""

_PER_DOLLAR = 10**12


def dollars(amount: str | int | Decimal) -> Money:
    """`amount` US dollars; raises ValueError for parts of a picodollar."""
    money = Decimal(amount) * _PER_DOLLAR
    if money != int(money):
        raise ValueError(f"{amount} dollars are no whole number of picodollars")
    return int(money)


def format_money(amount: Money | None) -> str:
    """`$1,234.50`, and below a dollar two significant digits: `$0.0042`."""
    if amount is None:
        return "price unknown"
    value = Decimal(abs(amount)) / _PER_DOLLAR
    places = 2 if not value else max(2, 1 - value.adjusted())
    return f"{'-' if amount < 0 else ''}${value:,.{places}f}"
