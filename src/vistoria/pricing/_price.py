"""The price of a model on a day, and what a call's tokens cost at it."""

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta, timezone
from typing import Literal, TypeAlias

from vistoria.pricing._money import Money
from vistoria.records import Usage

Mode: TypeAlias = Literal["online", "batch", "flex", "priority"]

# Google's days begin at midnight in California; the changes known so far fall in winter.
_BILLING_ZONE = timezone(timedelta(hours=-8))
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """Picodollars per token, on the days from `valid_from` to `valid_to`, both included.

    `output` is for thinking too; `cached` for input that the service had cached.
    `prompt_limit`: prompts with more tokens cost more than this.
    """

    input: Money
    output: Money
    cached: Money
    valid_from: date
    valid_to: date
    prompt_limit: int | None = None
    source: str = ""
    checked: date | None = None

    @property
    def free(self) -> bool:
        """Whether it is known to cost nothing."""
        return not (self.input or self.output or self.cached)


@dataclass(frozen=True, slots=True)
class Tariff:
    """The prices of one model, called in one way, over time."""

    prices: tuple[Price, ...]

    def at(self, when: datetime) -> Price | None:
        """The price of a call made at `when` (with time zone), if known."""
        day = _billing_day(when)
        return next((p for p in self.prices if p.valid_from <= day <= p.valid_to), None)

    def dearest(self, since: datetime, until: datetime) -> Price | None:
        """An upper bound for a call made at `since` and billed by `until`; None if unknown.

        A day is added on both sides, because clocks and the service's midnight may differ.
        """
        now = self.at(since)
        if now is None or self.at(until) is None:
            return None
        first, last = _billing_day(since) - _DAY, _billing_day(until) + _DAY
        met = [p for p in self.prices if p.valid_from <= last and first <= p.valid_to]
        return replace(
            now,
            input=max(p.input for p in met),
            output=max(p.output for p in met),
            cached=max(p.cached for p in met),
            prompt_limit=min((p.prompt_limit for p in met if p.prompt_limit), default=None),
        )


def cost(usage: Usage, price: Price | None) -> Money | None:
    """What `usage` costs; None, not zero, where the price is not known."""
    if price is None:
        return None
    cached = min(usage.cached_tokens, usage.input_tokens)
    written = usage.output_tokens + usage.thinking_tokens
    return (
        (usage.input_tokens - cached) * price.input
        + cached * price.cached
        + (written * price.output)
    )


def _billing_day(when: datetime) -> date:
    assert when.tzinfo is not None, "a time without zone has no billing day"
    return when.astimezone(_BILLING_ZONE).date()
