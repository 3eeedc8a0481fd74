"""A field's answers: the machine's counts, and counts corrected by a reviewed sample."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import pyarrow as pa

from vistoria.labels import named, plain
from vistoria.ledger import Field
from vistoria.report.document import AnswerCount, FieldAnswers, Numbers
from vistoria.truth import (
    ClassStratum,
    Interval,
    Parts,
    Stratum,
    class_shares,
    hidden_at_most,
    precision,
    recall,
    share,
)

MOST = 24
"""Different answers of a field that are counted one by one."""
CHART: Parts = "mid-p"
"""For figures that are shown; contracts rest on certificates, which take Clopper-Pearson."""


def raw(asked: Field, labels: pa.ChunkedArray) -> FieldAnswers:
    """What the machine said, uncorrected. `labels`: canonical texts, one per unit."""
    counts = {
        named(plain(one["values"])): int(one["counts"]) for one in labels.value_counts().to_pylist()
    }
    many = len(counts) > MOST
    answers = [AnswerCount(answer=text, machine=n) for text, n in counts.items()]
    return FieldAnswers(
        field=asked.name, kind=asked.kind, rows=len(labels),
        answers=() if many else in_order(answers),
        numbers=_numbers(labels) if asked.kind == "number" else None,
        note=f"{len(counts):,} different answers are too many to count one by one" if many else "",
    )  # fmt: skip


def corrected(
    found: FieldAnswers,
    strata: Sequence[ClassStratum],
    right: Sequence[Stratum],
    *,
    simple: bool,
    confidence: float = 0.95,
) -> FieldAnswers:
    """`found` with corrected counts: how many there are of each answer, how often the machine is
    right when it says so, and how many of them it finds. Counts are shares times units; limits are
    mid-P, each holds on its own. `right`: strata of what the machine answered, with how many of the
    reviewed are right. `simple`: one simple random sample was drawn of all units."""
    rows = sum(one.size for one in strata)
    shares = class_shares(strata, confidence=confidence, parts=CHART, simple=simple)
    machine = {one.answer: one.machine for one in found.answers}
    answers = [
        AnswerCount(
            answer=answer,
            machine=machine.get(answer, 0),
            corrected=shares[answer].times(rows),
            precision=_precision(strata, answer, confidence),
            recall=recall(strata, answer, confidence=confidence, parts=CHART, simple=simple),
        )
        for answer in shares
        if not found.note
    ]
    rare, unseen = _hidden(strata, answers)
    return replace(
        found, answers=in_order(answers), reviewed=sum(one.reviewed for one in strata),
        right=share(right, confidence=confidence, parts=CHART) if right else None,
        judged=sum(one.reviewed for one in right), hidden=unseen, hidden_answer=rare,
    )  # fmt: skip


def with_truth(found: FieldAnswers, truth: Mapping[str, int]) -> FieldAnswers:
    """The same with how many there truly are; an answer that nobody gave is added."""
    if found.note:
        return found
    known = {one.answer for one in found.answers}
    told = [replace(one, truth=truth.get(one.answer, 0)) for one in found.answers]
    more = [
        AnswerCount(answer=a, machine=0, truth=n) for a, n in truth.items() if a not in known
    ]  # fmt: skip
    return replace(found, answers=in_order([*told, *more]))


def in_order(answers: Iterable[AnswerCount]) -> tuple[AnswerCount, ...]:
    """The commonest first; those in brackets, such as "(does not apply)", last."""
    return tuple(
        sorted(answers, key=lambda one: (one.answer.startswith("("), -one.machine, one.answer))
    )


def _precision(strata: Sequence[ClassStratum], answer: str, confidence: float) -> Interval | None:
    """None where the machine never says so."""
    if not any(s.predicted == answer and s.size for s in strata):
        return None
    return precision(strata, answer, confidence=confidence, parts=CHART)


def _hidden(
    strata: Sequence[ClassStratum], answers: Sequence[AnswerCount]
) -> tuple[str | None, float | None]:
    """The rarest answer of which no review showed one that the machine missed, and the share of
    all rows that may be it all the same: no method promises less."""
    rows = sum(one.size for one in strata)
    silent: list[tuple[int, str, float]] = []
    for one in answers:
        others = [s for s in strata if s.predicted != one.answer]
        looks = sum(s.reviewed for s in others)
        missed = sum(s.answers.get(one.answer, 0) for s in others)
        if one.machine and looks and not missed and not one.answer.startswith("("):
            elsewhere = sum(s.size for s in others) / rows
            silent.append((one.machine, one.answer, hidden_at_most(elsewhere, looks)))
    return (min(silent)[1], min(silent)[2]) if silent else (None, None)


def _numbers(labels: pa.ChunkedArray) -> Numbers | None:
    said = [plain(text) for text in labels.to_pylist()]
    values = [float(value) for value in said if isinstance(value, int | float)]
    if not values:
        return None
    mean = sum(values) / len(values)
    return Numbers(answered=len(values), minimum=min(values), maximum=max(values), mean=mean)
