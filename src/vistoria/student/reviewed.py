"""What people decided about rows: one value per field, or that it cannot be told."""

from collections import defaultdict
from types import EllipsisType
from typing import TypeAlias

from vistoria.ledger import Ledger, Sample
from vistoria.records import Decision, Value
from vistoria.task import Task

__all__ = ["Decided", "decided"]

Decided: TypeAlias = dict[tuple[int, str], "Value | EllipsisType"]
"""(ordinal, field) → value; `...` where people disagree or cannot tell."""


def decided(ledger: Ledger, sample: Sample, task: Task) -> Decided:
    """What people said about a sample's rows, for the fields that the task asks in the same way.

    A decision about an asset holds for all of its photos. Two readers who differ count as "cannot
    tell" until one adjudicates.
    """
    asked = {one.name: one.fingerprint for one in task.fields}
    same = {
        str(one["name"])
        for one in sample.fields
        if one.get("fingerprint", asked.get(str(one["name"]))) == asked.get(str(one["name"]))
    }
    said: dict[tuple[int, int, str], list[Decision]] = defaultdict(list)
    for decision in ledger.reviews.standing(sample):
        if decision.field in same:
            said[decision.item, decision.part, decision.field].append(decision)
    rows = {unit.item: unit.ordinals for unit in ledger.reviews.units(sample)}
    return {
        (ordinal, name): _settled(decisions)
        for (item, part, name), decisions in said.items()
        for ordinal in rows[item][part]
    }


def _settled(decisions: list[Decision]) -> "Value | EllipsisType":
    final = [one for one in decisions if one.adjudicates] or decisions
    first = final[-1] if final[-1].adjudicates else final[0]
    agreed = all(one.verdict == "value" and one.value == first.value for one in final)
    if first.verdict != "value" or not (agreed or first.adjudicates):
        return ...
    return first.value
