"""What a plan will take: money, tokens, time and failures, from what is known by now."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from vistoria.engine.binomial import Share, share
from vistoria.engine.local import Limits
from vistoria.engine.money import Tab
from vistoria.engine.plan import Group, Plan
from vistoria.ledger import Ledger, Past
from vistoria.models import Model
from vistoria.pricing import (
    Estimate,
    Mode,
    Money,
    Price,
    Spend,
    Stratum,
    TokenRange,
    cost,
    estimate,
    estimate_by_rule,
    load_prices,
)

Basis: TypeAlias = Literal["pilot", "earlier answers", "rules"]

_TOKEN = Price(
    input=1, output=1, cached=1,
    valid_from=date.min, valid_to=date.max,
)  # fmt: skip
_BREAK = 30.0  # seconds without an answer that are no part of the speed
_LATE = 2_000  # answers over which the speed is taken
_FEW = 10  # answers that say nothing about it


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """What is still to come.

    `cost` and `tokens` are None where nothing is paid, or the price or rule unknown (`priced` tells
    which). They rest on `seen` observations, or on rules. `picture`: tokens of one. `rate`:
    observations per second. `failures`: reason → share; `failed`: of any reason. `spent`: so far.
    `allowed`: how many observations the ceiling will let through, None for all. `lost`: see
    `Report`. `mode`: how the rest will be asked.
    """

    total: int
    to_ask: int
    basis: Basis
    seen: int
    priced: bool
    cost: Estimate | None
    tokens: Estimate | None
    picture: TokenRange | None
    rate: float | None
    failures: Mapping[str, Share]
    failed: Share
    spent: Spend
    allowed: int | None
    lost: int
    mode: Mode = "online"

    @property
    def seconds(self) -> float | None:
        """How long it will take."""
        return self.to_ask / self.rate if self.rate else None


def forecast(
    plan: Plan, ledger: Ledger, model: Model, limits: Limits,
    pilot: NDArray[np.int64] | None = None, *, mode: Mode = "online",
) -> Forecast:  # fmt: skip
    """The forecast for a plan. `pilot`: the ordinals of a random choice asked before, on which
    alone it shall rest. `mode`: how the rest will be asked, "online" or "batch"."""
    tab = Tab(
        model.name, model.capabilities, limits.prices or load_prices(), limits.ceiling, mode=mode
    )
    known = _Known(plan, ledger, tab, pilot)
    every, price = known.every, tab.price()
    cost_of_all = known.estimate(price) if price else None
    tokens_of_all = known.estimate(_TOKEN) if tab.priced else None
    spent = ledger.spending(plan.run.run_id)
    return Forecast(
        total=plan.total,
        to_ask=plan.pending,
        basis="rules" if not every else "earlier answers" if pilot is None else "pilot",
        seen=len(every),
        priced=tab.priced,
        cost=cost_of_all,
        tokens=tokens_of_all,
        picture=tab.picture(plan.run.settings.get("image.max_side")),
        mode=mode,
        rate=_rate(every, plan.pending, limits, tokens_of_all) if mode == "online" else None,
        failures={
            reason: share(count, len(every))
            for reason, count in Counter(p.reason for p in every if p.reason).most_common()
        },
        failed=share(sum(p.reason is not None for p in every), len(every)),
        spent=spent,
        allowed=_allowed(plan.pending, limits, spent, cost_of_all, tokens_of_all),
        lost=plan.only(ledger.lost(plan.run)).pending,
    )


@dataclass(frozen=True, slots=True)
class Average:
    """What one observation took; `money` is None where the price is unknown."""

    tokens: float
    money: Money | None


def average(
    ledger: Ledger, question_id: int, ordinals: Collection[int], model: Model, limits: Limits
) -> Average:
    """Over observations that were asked about."""
    price = Tab(
        model.name, model.capabilities, limits.prices or load_prices(), limits.ceiling
    ).price()
    wanted = set(ordinals)
    used = [past.usage for past in ledger.past(question_id) if past.ordinal in wanted]
    number = max(1, len(used))
    tokens = sum(cost(usage, _TOKEN) or 0 for usage in used) / number
    money = sum(cost(usage, price) or 0 for usage in used) // number if price else None
    return Average(tokens, money)


class _Known:
    """What earlier attempts say about a plan."""

    def __init__(
        self, plan: Plan, ledger: Ledger, tab: Tab, pilot: NDArray[np.int64] | None
    ) -> None:
        self._plan, self._tab = plan, tab
        self._scope = ledger.scope(plan.run)
        only = None if pilot is None else set(pilot.tolist())
        numbers = {group.question_id for group in plan.groups} or {plan.run.question_id}
        self._seen = {
            number: [p for p in ledger.past(number) if only is None or p.ordinal in only]
            for number in numbers
        }
        self.every = [past for seen in self._seen.values() for past in seen]

    def estimate(self, price: Price) -> Estimate | None:
        """Of all groups; None where nothing was seen of one and there is no rule."""
        low = expected = high = 0
        for group in self._plan.groups:
            part = self._part(group, self._seen[group.question_id], price)
            if part is None:
                return None
            low, expected, high = low + part.low, expected + part.expected, high + part.high
        return Estimate(low=low, expected=expected, high=high)

    def _part(self, group: Group, seen: Sequence[Past], price: Price) -> Estimate | None:
        if len(seen) > 1:
            return estimate(self._strata(group, seen, price))
        rule = self._tab.expected(group.task, self._plan.run.settings.get("image.max_side"))
        if rule is None:
            return None
        text, image, output = rule
        left = round(len(group.ordinals) * self._tab.handed_over)
        return estimate_by_rule(left, price, text=text, image=image, output=output)

    def _strata(self, group: Group, seen: Sequence[Past], price: Price) -> list[Stratum]:
        """By kind of asset; answers outside of this run count for all kinds."""
        scope = self._scope
        asked = np.array([past.ordinal for past in seen], dtype=np.int64)
        costs = np.array([cost(past.usage, price) for past in seen], dtype=np.int64)
        inside = np.isin(asked, scope.ordinals)
        kinds = np.full(len(asked), -1)
        kinds[inside] = scope.kind_of(asked[inside])
        left = Counter(scope.kind_of(group.ordinals).tolist())
        strata = [Stratum(n, costs[kinds == kind].tolist()) for kind, n in left.items()]
        return [*strata, Stratum(0, costs[~np.isin(kinds, list(left))].tolist())]


def _rate(
    seen: Sequence[Past], pending: int, limits: Limits, tokens: Estimate | None
) -> float | None:
    """Observations per second: as of late, but no more than the person allows."""
    rates = []
    ended = np.sort([past.ended_at for past in seen])[-_LATE:]
    if len(ended) > _FEW and ended[-1] > ended[0]:
        rates.append((len(ended) - 1) / float(np.minimum(np.diff(ended), _BREAK).sum()))
    if limits.requests_per_minute:
        rates.append(limits.requests_per_minute / 60)
    if limits.tokens_per_minute and tokens and tokens.expected:
        rates.append(limits.tokens_per_minute / 60 * pending / tokens.expected)
    return min(rates, default=None)


def _allowed(
    pending: int, limits: Limits, spent: Spend, money: Estimate | None, tokens: Estimate | None
) -> int | None:
    """How many observations the ceiling lets through, at what they are expected to take each."""
    ceiling, counts = limits.ceiling.less(limits.already), [pending]
    if ceiling.money is not None and money and money.expected:
        counts.append((ceiling.money - (spent.money or 0)) * pending // money.expected)
    if ceiling.tokens is not None and tokens and tokens.expected:
        counts.append((ceiling.tokens - (spent.tokens or 0)) * pending // tokens.expected)
    if ceiling.requests is not None:
        counts.append(ceiling.requests - spent.requests)
    least = max(0, min(counts))
    return None if least >= pending else least
