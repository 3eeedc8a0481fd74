"""What runs cost per photo, and what one would cost on all photos of the other."""

from dataclasses import dataclass

from vistoria.ledger import Ledger, Run
from vistoria.pricing import Money


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """`spent` on `answered` photos, in picodollars; None where a price is unknown."""

    run: Run
    answered: int
    requests: int
    spent: Money | None

    def times(self, photos: int) -> Money | None:
        """The same for so many photos; None where it cannot be told."""
        if self.spent is None or not self.answered:
            return None
        return round(self.spent * photos / self.answered)


def costs_of(ledger: Ledger, run: Run) -> Cost:
    """What a run has cost, calls without an answer included."""
    spent = ledger.costs(run).spent
    return Cost(
        run=run, answered=ledger.summary(run).answered, requests=spent.requests, spent=spent.money
    )
