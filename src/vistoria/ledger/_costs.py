"""What calls came to: by run, and by field."""

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vistoria.ledger._reading import fields
from vistoria.pricing import Money, Spend


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """The calls of a run. `paid`: those with a bill; `lost`: those without an outcome, at the most
    they can have cost; `reserved`: those `in_flight`, likewise. Money is None where a price is
    unknown."""

    paid: Spend = Spend()  # noqa: RUF009 - frozen
    lost: Spend = Spend()  # noqa: RUF009
    reserved: Spend = Spend()  # noqa: RUF009
    lost_calls: int = 0
    in_flight: int = 0

    @property
    def spent(self) -> Spend:
        """Paid, or lost."""
        return self.paid + self.lost


def costs(db: sqlite3.Connection, run_id: int | None = None) -> dict[int, Costs]:
    """Sums over the calls of a run, or of all; runs without calls are left out.

    All calls are read, once: an index by run would make each call a third dearer to write, and
    this a third cheaper.
    """
    rows = db.execute(
        "SELECT run_id, state, count(*), sum(requests), sum(coalesce(money, 0)), "
        "sum(coalesce(tokens, 0)), sum(money IS NULL), sum(tokens IS NULL) "
        "FROM calls WHERE ? IS NULL OR run_id = ? GROUP BY run_id, state",
        (run_id, run_id),
    )
    found: dict[int, list[tuple[Any, ...]]] = {}
    for run, *sums in rows:
        found.setdefault(run, []).append(tuple(sums))
    return {run: _costs(sums) for run, sums in found.items()}


def _costs(sums: Sequence[tuple[Any, ...]]) -> Costs:
    """`sums`: of each state."""
    counts: dict[str, int] = {}
    spends: dict[str, Spend] = {}
    for state, count, requests, money, tokens, no_price, no_tokens in sums:
        counts[state] = count
        spends[state] = Spend(None if no_price else money, requests, None if no_tokens else tokens)
    nothing = Spend()
    return Costs(
        paid=spends.get("settled", nothing),
        lost=spends.get("lost", nothing),
        reserved=spends.get("open", nothing),
        lost_calls=counts.get("lost", 0),
        in_flight=counts.get("open", 0),
    )


def field_costs(db: sqlite3.Connection, run_id: int) -> Mapping[str, Money | None]:
    """Field name → its share of the money a run has spent: each call is paid for in equal parts by
    the fields that it asked. None where a price is unknown."""
    rows = db.execute(
        "SELECT question_id, sum(money), sum(money IS NULL) FROM calls "
        "WHERE run_id = ? AND state <> 'open' GROUP BY question_id",
        (run_id,),
    )
    shares: dict[str, Money | None] = {}
    for question_id, money, unknown in rows.fetchall():
        asked = fields(db, question_id)
        for index, field in enumerate(asked):
            part = None
            before = shares.get(field.name, 0)
            if not unknown and before is not None:  # the first fields take what does not divide
                part = before + money // len(asked) + (index < money % len(asked))
            shares[field.name] = part
    return shares
