"""The bill of a run: the most that a call can cost, and what it came to."""

import json
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

from vistoria.errors import ObservationError, TransientError
from vistoria.pricing import (
    Ceiling,
    ImageRule,
    Mode,
    Price,
    PriceTable,
    Spend,
    Tariff,
    TokenRange,
    spent,
    text_tokens,
)
from vistoria.pricing import worst_case as worst
from vistoria.records import Capabilities, Charge, Picture, Reply, Usage
from vistoria.task import Task

# Tokens of an answer to a field, its name and punctuation included.
_WRITTEN = {"choice": 10, "choices": 16, "number": 10, "boolean": 8, "text": 60, "boxes": 60}
_Kind: TypeAlias = tuple[str, tuple[int | None, int | None] | None]
# No call takes longer, so that it pays at most a price of that time; a batch job may wait for
# 72 hours and then run for 24.
_CALL: Mapping[Mode, timedelta] = {"online": timedelta(minutes=10), "batch": timedelta(hours=96)}


class Tab:
    """Prices the calls of one run."""

    def __init__(
        self, name: str, capabilities: Capabilities, prices: PriceTable, ceiling: Ceiling,
        *, already: Spend = Spend(),  # noqa: B008 - frozen
        mode: Mode = "online",
    ) -> None:  # fmt: skip
        """`name`: of the model, `provider:model`. `already`: of the ceiling, spent elsewhere.
        `mode`: the way in which it is called, "online" or "batch"."""
        charge, name = capabilities.charge, capabilities.billed_as or name
        self.handed_over = capabilities.handed_over
        """The share of observations that will be asked about."""
        self.ceiling = ceiling.less(already)
        """What is left for this run."""
        self._whole, self._already = ceiling, already
        self._charge = charge
        self._tariff: Tariff | None = (
            prices.tariff(name, mode=mode, regional=charge.regional) if charge else None
        )
        self._longest = _CALL[mode]
        self._rule: ImageRule | None = prices.image_rule(name) if charge else None
        self._text: dict[str, int] = {}
        self._minute = 0
        self._known: dict[_Kind, Spend] = {}
        self._paid: tuple[int, Price | None] = (0, None)
        self.spent = Spend()
        """In this session, what was lost at its most."""

    @property
    def priced(self) -> bool:
        """Whether calls can cost something."""
        return self._charge is not None

    def most(self, task: Task, picture: Picture | None, correction: str | None) -> Spend:
        """The most that one call can be billed."""
        if self._charge is None:
            return Spend(0, 1, 0)
        if correction is not None:
            return self._most(self._charge, task, picture, correction)
        minute = int(time.time() / 60)
        if minute != self._minute:  # prices change with the day, so none is kept for long
            self._minute = minute
            self._known.clear()
        size = (picture.width, picture.height) if picture else None
        key = (task.fingerprint, size)
        if key not in self._known:
            self._known[key] = self._most(self._charge, task, picture, None)
        return self._known[key]

    def _most(
        self, charge: Charge, task: Task, picture: Picture | None, correction: str | None
    ) -> Spend:
        image = None
        if self._rule is not None:
            width, height = (picture.width, picture.height) if picture else (None, None)
            image = self._rule.tokens(width, height, charge.media_resolution).worst
        now = datetime.now(UTC)
        price = self._tariff.dearest(now, now + self._longest) if self._tariff else None
        text = self._text_tokens(task) + (text_tokens(correction).worst if correction else 0)
        return worst(
            price, text_tokens=text, image_tokens=image, output_tokens=charge.output_tokens
        )

    def broken(self, spent: Spend, most: Spend) -> str:
        """Why a call that can cost `most` may not be sent, and what to do."""
        why = self._whole.broken(spent + self._already, Spend(), most)
        return f"{why}. With a higher budget the same command goes on"

    def price(self) -> Price | None:
        """Of a call made now, if known."""
        return self._tariff.at(datetime.now(UTC)) if self._tariff else None

    def picture(self, side: int | None) -> TokenRange | None:
        """Tokens of a picture whose longer side has so many pixels, if a rule is known."""
        if self._rule is None or self._charge is None:
            return None
        return self._rule.tokens(side, side, self._charge.media_resolution)

    def expected(
        self, task: Task, side: int | None
    ) -> tuple[TokenRange, TokenRange, TokenRange] | None:
        """Tokens of text, picture and answer; None where no rule is known."""
        picture = self.picture(side)
        if picture is None or self._charge is None:
            return None
        written = sum(_WRITTEN[one.kind] for one in task.fields)
        most = self._charge.output_tokens
        usual = text_tokens(_text(task)).expected if self._charge.prompted else 0
        return (
            TokenRange(usual, self._text_tokens(task)),
            picture,
            TokenRange(min(written, most), most),
        )

    def bill(self, reply: Reply | ObservationError, sent: float) -> Spend | None:
        """What an answered call came to; None where the service does not say."""
        if reply.usage is None:
            return Spend(0, 0, 0)  # turned away before any work was done
        return self._bill(reply.usage, sent)

    def bill_of(self, error: TransientError, sent: float) -> Spend | None:
        """What a failed call came to; None where it may have been answered after all."""
        if error.usage is not None:
            return self._bill(error.usage, sent)
        return None if error.outcome_unknown else Spend(0, 0, 0)

    def _bill(self, usage: Usage, sent: float) -> Spend | None:
        if self._charge is None:
            return Spend(0, 1, _total(usage))
        if not _total(usage):
            return None
        minute = int(sent / 60)
        if self._paid[0] != minute:
            when = datetime.fromtimestamp(sent, UTC)
            self._paid = (minute, self._tariff.at(when) if self._tariff else None)
        return spent(usage, self._paid[1])

    def _text_tokens(self, task: Task) -> int:
        if self._charge is not None and not self._charge.prompted:
            return 0
        known = self._text.get(task.fingerprint)
        if known is None:
            known = self._text[task.fingerprint] = text_tokens(_text(task)).worst
        return known


def _text(task: Task) -> str:
    return task.prompt + json.dumps(task.json_schema)


def _total(usage: Usage) -> int:
    return usage.input_tokens + usage.output_tokens + usage.thinking_tokens
