"""What a run may cost at most, in money, requests or tokens."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from vistoria.errors import ConfigError, UserError
from vistoria.pricing._money import Money, dollars, format_money
from vistoria.pricing._spend import Spend

_SEPARATOR = re.compile(r"\s*(?:;|\band\b|(?<!\d),|,(?!\d{3}(?!\d)))\s*")
_BOUND = re.compile(
    r"(?P<sign>US\$|\$)?\s*(?P<number>\d{1,3}(?:,\d{3})+(?:\.\d+)?|[\d_]*\d(?:\.\d+)?)"
    r"\s*(?P<scale>k|M|bn)?\s*(?P<unit>USD|dollars?|requests?|tokens?)?",
    re.IGNORECASE | re.ASCII,
)
_SCALES = {"k": 10**3, "m": 10**6, "bn": 10**9}
_FIELDS = {"u": "money", "d": "money", "r": "requests", "t": "tokens"}
_MOST = 9 * 10**18  # what SQLite counts up to; 9 million dollars


class _Bound(NamedTuple):
    name: str
    limit: int
    spent: int | None
    reserved: int | None
    need: int | None

    @property
    def holds(self) -> bool:
        parts = (self.spent, self.reserved, self.need)
        return None not in parts and sum(p for p in parts if p is not None) <= self.limit

    def words(self, amount: int | None) -> str:
        if self.name == "money":
            return format_money(amount)
        return "an unknown number" if amount is None else f"{amount:,}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ceiling:
    """Bounds that spending never passes; None is no bound."""

    money: Money | None = None
    requests: int | None = None
    tokens: int | None = None

    @classmethod
    def parse(cls, text: str) -> "Ceiling":
        """From "25 USD", "$25", "10000 requests", "5M tokens", or several: "$25, 5M tokens".

        Raises ConfigError that says what to write.
        """
        bounds: dict[str, int] = {}
        for part in _SEPARATOR.split(text.strip()):
            name, limit = _read(part, text)
            if name in bounds:
                raise ConfigError(f"the ceiling {text!r} bounds {name} twice")
            bounds[name] = limit
        return cls(**bounds)

    def __str__(self) -> str:
        """`$25.00, 5,000,000 tokens`."""
        known = _bounds(self, Spend(), Spend(), Spend())
        return ", ".join(_limit(bound) for bound in known) or "none"

    def less(self, spent: Spend) -> "Ceiling":
        """What is left of it; where `spent` is unknown, nothing."""
        return Ceiling(
            money=_rest(self.money, spent.money),
            requests=_rest(self.requests, spent.requests),
            tokens=_rest(self.tokens, spent.tokens),
        )

    def fits(self, spent: Spend, reserved: Spend, need: Spend) -> bool:
        """Whether `need` may be sent on top of what is spent and reserved for calls in flight."""
        return all(bound.holds for bound in _bounds(self, spent, reserved, need))

    def broken(self, spent: Spend, reserved: Spend, need: Spend) -> str | None:
        """Which bound `need` would break, as a sentence; None if it fits."""
        for bound in _bounds(self, spent, reserved, need):
            if not bound.holds:
                return (
                    f"the ceiling of {_limit(bound)} is reached: {bound.words(bound.spent)} spent, "
                    f"{bound.words(bound.reserved)} reserved for calls in flight, and the next "
                    f"call may take {bound.words(bound.need)}"
                )
        return None

    def check(self, model: str, need: Spend) -> None:
        """Raise UserError if this ceiling cannot be kept, or is too low for even one call.

        `need`: the worst case of one call.
        """
        for bound in _bounds(self, Spend(), Spend(), need):
            if bound.need is None:
                raise UserError(
                    f"the ceiling of {_limit(bound)} cannot be kept: the price of {model!r}, or "
                    "the most tokens that it takes for a picture, is unknown. Give them in a file "
                    "of prices ([[prices]] input, output; [[images]] tokens), or bound requests"
                )
            if not bound.holds:
                raise UserError(
                    f"the ceiling of {_limit(bound)} is too low: one call to {model!r} may take "
                    f"{bound.words(bound.need)}. Raise it, or lower max_output_tokens"
                )


def _bounds(ceiling: Ceiling, spent: Spend, reserved: Spend, need: Spend) -> Iterator[_Bound]:
    if ceiling.money is not None:
        yield _Bound("money", ceiling.money, spent.money, reserved.money, need.money)
    if ceiling.requests is not None:
        requests = spent.requests, reserved.requests, need.requests
        yield _Bound("requests", ceiling.requests, *requests)
    if ceiling.tokens is not None:
        yield _Bound("tokens", ceiling.tokens, spent.tokens, reserved.tokens, need.tokens)


def _rest(limit: int | None, spent: int | None) -> int | None:
    return None if limit is None else 0 if spent is None else max(0, limit - spent)


def _limit(bound: _Bound) -> str:
    return bound.words(bound.limit) + ("" if bound.name == "money" else f" {bound.name}")


def _read(part: str, text: str) -> tuple[str, int]:
    found = _BOUND.fullmatch(part)
    unit = found and (found["unit"] or ("USD" if found["sign"] else ""))
    name = _FIELDS.get(unit[0].lower()) if unit else None
    if not found or not name or (found["sign"] and name != "money"):
        raise ConfigError(
            f"cannot read {part!r} in the ceiling {text!r}; write for instance '25 USD', "
            "'10000 requests', '5M tokens', or several with commas between"
        )
    number = Decimal(found["number"].replace(",", "").replace("_", ""))
    number *= _SCALES.get((found["scale"] or "").lower(), 1)
    limit = int(number * dollars(1)) if name == "money" else int(number)
    if limit > _MOST:
        raise ConfigError(f"{part!r} in the ceiling {text!r} is more than can be counted")
    return name, limit
