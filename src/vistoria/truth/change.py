"""What changed between two snapshots, from assets that people compared in both."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from vistoria.errors import UserError
from vistoria.truth import mover
from vistoria.truth.interval import Interval, check_confidence
from vistoria.truth.limits import NAMES, Parts
from vistoria.truth.shares import as_interval, class_shares, share
from vistoria.truth.strata import ClassStratum, Stratum, columns


@dataclass(frozen=True, slots=True)
class PairStratum:
    """`size` assets to which the machine gave `before` and `after`; `answers`: what people said of
    those drawn at random, as (before, after) → count. Assets of both snapshots only, the same model
    and prompt for both.

    Raises UserError when a count is negative or more were reviewed than there are.
    """

    before: str
    after: str
    size: int
    answers: Mapping[tuple[str, str], int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _by_flip(self)

    def of(self, kinds: set[tuple[str, str]]) -> Stratum:
        """The same as yes or no: is it one of these kinds of change?"""
        count = sum(n for pair, n in self.answers.items() if pair in kinds)
        return Stratum(self.size, sum(self.answers.values()), count)


@dataclass(frozen=True, slots=True)
class Change:
    """A share of all assets. `apparent`: what the machine's labels alone would say."""

    interval: Interval
    apparent: float

    @property
    def shown(self) -> bool:
        """Whether the sample shows any: else say "no change shown"."""
        return self.interval.low > 0 or self.interval.high < 0


def changed(
    strata: Sequence[PairStratum], *, confidence: float = 0.95, parts: Parts = "clopper-pearson"
) -> Change:
    """The share of assets that changed at all. Raises UserError on impossible counts."""
    kinds = {pair for s in strata for pair in s.answers if pair[0] != pair[1]}
    interval = share([s.of(kinds) for s in strata], confidence=confidence, parts=parts)
    return Change(interval, _apparent(strata, [s for s in strata if s.before != s.after]))


def flipped(
    strata: Sequence[PairStratum], before: str, after: str, *, confidence: float = 0.95,
    parts: Parts = "clopper-pearson",
) -> Change:  # fmt: skip
    """The share of assets that went from `before` to `after`. Raises UserError on impossible
    counts, or where the two are the same."""
    if before == after:
        raise UserError(f"from {before!r} to {after!r} is no change: name two answers")
    name = _name(before, after)
    by_flip = [_by_flip(s) for s in strata]
    if all(s.predicted != name for s in by_flip):
        by_flip.append(ClassStratum(name, 0))
    shares = class_shares(by_flip, confidence=confidence, parts=parts)
    return Change(
        shares[name],
        _apparent(strata, [s for s in strata if (s.before, s.after) == (before, after)]),
    )


def net_change(
    strata: Sequence[PairStratum], label: str, *, confidence: float = 0.95,
    parts: Parts = "clopper-pearson",
) -> Change:  # fmt: skip
    """How much larger the share of `label` is after than before: assets that became it minus those
    that ceased to be it (MOVER difference; cautious). Raises UserError on impossible counts."""
    alpha = check_confidence(confidence)
    pairs = {pair for s in strata for pair in s.answers}
    came = {(a, b) for a, b in pairs if a != label and b == label}
    went = {(a, b) for a, b in pairs if a == label and b != label}
    sums = []
    for kinds in (came, went):
        sizes, reviewed, counts = columns([s.of(kinds) for s in strata])
        sums.append(mover.stratified(counts, reviewed, sizes, alpha, parts))
    rows = float(sum(s.size for s in strata))
    net = mover.minus(*sums)
    limited = mover.Limited(*(values / rows for values in net))
    interval = as_interval(limited, confidence, f"net change, MOVER difference, {NAMES[parts]}")
    gained = _apparent(strata, [s for s in strata if s.after == label != s.before])
    lost = _apparent(strata, [s for s in strata if s.before == label != s.after])
    return Change(interval, gained - lost)


def _by_flip(stratum: PairStratum) -> ClassStratum:
    """A pair of answers as one answer."""
    answers = {_name(*pair): count for pair, count in stratum.answers.items()}
    return ClassStratum(_name(stratum.before, stratum.after), stratum.size, answers)


def _name(before: str, after: str) -> str:
    return f"{before}\x1f{after}"  # a unit separator: no answer has it


def _apparent(strata: Sequence[PairStratum], chosen: Sequence[PairStratum]) -> float:
    return sum(s.size for s in chosen) / max(1, sum(s.size for s in strata))
