"""What reviewers together say about each field of each unit: the rules, for sheets and the app.

One reviewer, or several of the same opinion: settled. Several opinions: a conflict, until somebody
adjudicates. The newest adjudication counts. What nobody answered is open.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

from vistoria.labels import canonical, named
from vistoria.ledger import Ledger, Sample, SampledUnit
from vistoria.records import Decision, Value

UNCLEAR = "(cannot tell)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """One field of one part of a unit. `label`: what the machine said when the sample was drawn.
    `said`: reviewer → their answer in words. `value` means something only where it is settled and
    not `unclear`."""

    unit: SampledUnit
    part: int
    field: str
    state: Literal["settled", "conflict", "open"]
    label: Value
    value: Value = None
    unclear: bool = False
    simulated: bool = False
    label_seen: bool = False
    said: tuple[tuple[str, str], ...] = ()

    @property
    def answer(self) -> str:
        """The settled answer in words."""
        return UNCLEAR if self.unclear else named(self.value)

    @property
    def right(self) -> bool:
        """Whether the machine was right; what a person cannot tell is not."""
        return not self.unclear and canonical(self.value) == canonical(self.label)


def verdicts(ledger: Ledger, sample: Sample, field: str | None = None) -> tuple[Verdict, ...]:
    """Of every unit, part and field of a sample, in the order of drawing."""
    said = _by_place(ledger.reviews.standing(sample))
    names = [one["name"] for one in sample.fields if field in (None, one["name"])]
    return tuple(
        _verdict(unit, part, name, said.get((unit.item, part, name), ()))
        for unit in ledger.reviews.units(sample)
        for part in range(len(unit.labels))
        for name in names
    )


def _by_place(decisions: Iterable[Decision]) -> dict[tuple[int, int, str], Sequence[Decision]]:
    def place(one: Decision) -> tuple[int, int, str]:
        return one.item, one.part, one.field

    return {key: list(group) for key, group in groupby(sorted(decisions, key=place), key=place)}


def _verdict(unit: SampledUnit, part: int, field: str, all_said: Sequence[Decision]) -> Verdict:
    label = unit.labels[part].get(field)
    if not all_said:
        return Verdict(unit=unit, part=part, field=field, state="open", label=label)
    judges = [one for one in all_said if one.adjudicates]
    heard = [max(judges, key=lambda one: one.decided_at)] if judges else list(all_said)
    opinions = {opinion(one) for one in heard}
    first = heard[0]
    return Verdict(
        unit=unit, part=part, field=field, label=label,
        state="settled" if len(opinions) == 1 else "conflict",
        value=first.value, unclear=first.verdict == "unclear",
        simulated=any(one.simulated for one in all_said),
        label_seen=any(one.label_seen for one in all_said),
        said=tuple((one.reviewer, opinion(one)) for one in all_said),
    )  # fmt: skip


def opinion(decision: Decision) -> str:
    """What was said, in words; equal opinions have equal words."""
    return UNCLEAR if decision.verdict == "unclear" else named(decision.value)
