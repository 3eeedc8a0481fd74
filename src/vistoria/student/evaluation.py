"""Any model on any reviewed set: how right it is, with limits, what it costs, how fast it is."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort

from vistoria.errors import UserError
from vistoria.ledger import Ledger, Run, Sample, SampledUnit
from vistoria.pricing import Money, format_money
from vistoria.records import Answer, Value
from vistoria.student.dataset import Shares, mark
from vistoria.student.measure import calibration_error, confusion_of, limits_of
from vistoria.student.reviewed import Decided, decided
from vistoria.student.targets import class_name, fitting
from vistoria.task import Field, Task
from vistoria.truth import Interval, Paired, Stratum, binomial, mcnemar, share

__all__ = [
    "Evaluation",
    "Scored",
    "about_student",
    "compared",
    "evaluate",
    "sample_ordinals",
    "unseen_units",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """One field on the reviewed units that it applies to. `accuracy` is of the whole population
    that the sample was drawn from; None where it was chosen, not drawn. `classes`: name →
    (precision, recall), of a simple sample. `calibration`: expected error of the confidence, None
    for models without one. `right`: unit → whether the answer was right.
    """

    units: int
    accuracy: Interval | None
    share_right: float
    classes: Mapping[str, tuple[Interval, Interval]]
    confusion: Mapping[str, Mapping[str, int]]
    calibration: float | None
    right: Mapping[int, bool] = field(repr=False)

    def document(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "units": self.units,
            "accuracy": None if self.accuracy is None else limits_of(self.accuracy),
            "share_right": round(self.share_right, 4),
            "classes": {
                name: {"precision": limits_of(precision), "recall": limits_of(recall)}
                for name, (precision, recall) in self.classes.items()
            },
            "confusion": {key: dict(row) for key, row in self.confusion.items()},
            "calibration_error": None if self.calibration is None else round(self.calibration, 4),
        }  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """A model on a sample. `answered` of `units` units have an answer; the others count as wrong.
    `unanswerable`: fields of the task that the model does not answer at all. `cost`: of 1,000
    images, None where a price is unknown. `rate`: images per second of the session that asked, None
    where nothing had to be asked. `left_out`: units that the model may have been trained on."""

    model: str
    versions: tuple[str, ...]
    sample_id: int
    units: int
    answered: int
    unanswerable: tuple[str, ...]
    fields: Mapping[str, Scored]
    cost: Money | None
    left_out: int = 0
    rate: float | None = None

    def document(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "model": self.model, "versions": list(self.versions), "sample": self.sample_id,
            "units": self.units, "answered": self.answered, "left_out": self.left_out,
            "cost_per_1000": None if self.cost is None else format_money(self.cost),
            "cost_per_1000_usd": None if self.cost is None else self.cost / 10**12,
            "images_per_second": None if self.rate is None else round(self.rate, 2),
            "unanswerable": list(self.unanswerable),
            "fields": {name: one.document() for name, one in self.fields.items()},
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Said:
    answer: Answer
    confidence: Mapping[str, float]


def sample_ordinals(units: Sequence[SampledUnit]) -> list[int]:
    """The rows that a sample shows, sorted."""
    return sorted({one for unit in units for part in unit.ordinals for one in part})


def evaluate(
    ledger: Ledger, sample: Sample, task: Task, run: Run, units: Sequence[SampledUnit],
    unanswerable: Sequence[str] = (),
) -> Evaluation:  # fmt: skip
    """How the answers of `run` compare with what people decided about `units` of a sample; nothing
    is said about fields that are `unanswerable`.

    Raises UserError where nothing was decided, or the sample is of pairs.
    """
    if sample.unit == "pair":
        raise UserError("a sample of changes does not say how right a model is; draw one of photos")
    truth = decided(ledger, sample, task)
    if not truth:
        raise UserError(f"nobody has decided anything yet about sample {sample.sample_id}")
    said, versions = _answers(ledger, run, task, set(sample_ordinals(units)))
    spent = ledger.costs(run).spent
    return Evaluation(
        model=run.model, versions=versions, sample_id=sample.sample_id, units=len(units),
        answered=sum(any(o in said for o in unit.ordinals[0]) for unit in units),
        unanswerable=tuple(unanswerable),
        fields={
            one.name: scored
            for one in task.fields
            if one.name not in unanswerable
            and (scored := _scored(one, sample, units, truth, said)) is not None
        },
        cost=None if spent.money is None else round(1000 * spent.money / max(spent.requests, 1)),
    )  # fmt: skip


def _answers(
    ledger: Ledger, run: Run, task: Task, wanted: set[int]
) -> tuple[dict[int, _Said], tuple[str, ...]]:
    """What the run says about these rows, and the versions that said it."""
    every = iter(ledger.scope(run).ordinals.tolist())
    found: dict[int, _Said] = {}
    versions: set[str] = set()
    for batch in ledger.batches(run):
        for row in batch.to_pylist():
            ordinal = next(every)
            if ordinal in wanted and row["status"] == "answered":
                sure = {
                    one.name: row[f"{one.name}_confidence"]
                    for one in task.fields
                    if row.get(f"{one.name}_confidence") is not None
                }
                found[ordinal] = _Said({f.name: row.get(f.name) for f in task.fields}, sure)
                versions.add(row["model_version"] or "")
    return found, tuple(sorted(versions - {""}))


def _scored(
    asked: Field, sample: Sample, units: Sequence[SampledUnit], truth: Decided,
    said: Mapping[int, _Said],
) -> Scored | None:  # fmt: skip
    right: dict[int, bool] = {}
    elsewhere: set[int] = set()  # units that the field does not apply to
    pairs: list[tuple[Value, Value]] = []
    sure: list[float] = []
    tolerance, looked_at = _tolerance(asked), {ordinal for ordinal, _ in truth}
    for unit in units:
        ordinals = unit.ordinals[0]
        known = [truth[o, asked.name] for o in ordinals if (o, asked.name) in truth]
        if asked.only_if and (known[0] is None if known else looked_at.intersection(ordinals)):
            elsewhere.add(unit.item)
            continue
        if not known or known[0] is ...:
            continue
        answers = [said[o] for o in ordinals if o in said]
        answer = _usual([one.answer.get(asked.name) for one in answers])
        right[unit.item] = bool(answers) and fitting(answer, known[0], tolerance)
        pairs.append((known[0], answer))
        if answers and asked.name in answers[0].confidence:
            sure.append(answers[0].confidence[asked.name])
    if not right:
        return None
    hits = np.fromiter(right.values(), bool, len(right))
    return Scored(
        units=len(right), share_right=float(hits.mean()), right=right,
        accuracy=_accuracy(sample, units, right, elsewhere), classes=_classes(asked, sample, pairs),
        confusion=confusion_of(asked, [a for a, _ in pairs], [b for _, b in pairs]),
        calibration=calibration_error(np.array(sure), hits) if len(sure) == len(hits) else None,
    )  # fmt: skip


def _tolerance(asked: Field) -> float:
    """By how much a number may be off: 5 % of the range asked for."""
    if asked.kind != "number" or asked.minimum is None or asked.maximum is None:
        return 0.5 if asked.kind == "number" and asked.integer else 0.0
    return 0.05 * (asked.maximum - asked.minimum)


def _usual(answers: Sequence[Value]) -> Value:
    """The commonest of what is said about the photos of one asset; the first of equals."""
    if not answers:
        return None
    counts = Counter(json.dumps(answer, sort_keys=True, default=str) for answer in answers)
    best = counts.most_common(1)[0][0]
    return next(a for a in answers if json.dumps(a, sort_keys=True, default=str) == best)


def _accuracy(
    sample: Sample, units: Sequence[SampledUnit], right: Mapping[int, bool], elsewhere: set[int]
) -> Interval | None:
    """For the part of the population that the field applies to: exact for a simple sample. For
    others each stratum has the weight of the units that it is estimated to hold of that part
    (Cochran, Sampling Techniques, 1977, 5A.14)."""
    if sample.method == "chosen":
        return None
    if sample.method == "simple":
        return binomial(sum(right.values()), len(right))
    where = {unit.item: unit.stratum for unit in units}
    strata = []
    for name, size in sample.strata.items():
        own = [hit for item, hit in right.items() if where[item] == name]
        others = sum(where[item] == name for item in elsewhere)
        known = len(own) + others
        within = max(len(own), round(size * len(own) / known)) if known else size
        if within:
            strata.append(Stratum(within, len(own), sum(own)))
    return share(strata)


def _classes(
    asked: Field, sample: Sample, pairs: Sequence[tuple[Value, Value]]
) -> dict[str, tuple[Interval, Interval]]:
    """Precision and recall; each is exact, given how many were said or are so."""
    if sample.method != "simple" or asked.kind not in ("choice", "boolean"):
        return {}
    names = sorted({class_name(known) for known, _ in pairs})
    found = {}
    for name in names:
        said = [class_name(k) == name for k, a in pairs if class_name(a) == name]
        true = [class_name(a) == name for k, a in pairs if class_name(k) == name]
        found[name] = (binomial(sum(said), len(said)), binomial(sum(true), len(true)))
    return found


def compared(first: Evaluation, second: Evaluation, name: str) -> Paired | None:
    """Two models on the same units of a field: exact McNemar; None where they share none."""
    if name not in first.fields or name not in second.fields:
        return None
    a, b = first.fields[name].right, second.fields[name].right
    both = a.keys() & b.keys()
    if not both:
        return None
    ahead = sum(a[item] and not b[item] for item in both)
    behind = sum(b[item] and not a[item] for item in both)
    return mcnemar(ahead, behind, len(both))


def unseen_units(ledger: Ledger, sample: Sample, model: str) -> tuple[tuple[SampledUnit, ...], int]:
    """The units of a sample on which a model may be judged, and how many are left out because a
    student may have learned from them.

    A student knows which samples were locked when it was trained: all units of those count. Of a
    sample drawn later, those count that its division left for testing. Raises UserError where the
    student learned from the sample itself.
    """
    units = ledger.reviews.units(sample)
    about = _student_of(model)
    if about is None or [sample.sample_id, sample.drawn_at] in about.get("locked_samples", []):
        return units, 0
    if [sample.sample_id, sample.drawn_at] in about.get("learned_samples", []):
        raise UserError(
            f"{model!r} was trained on sample {sample.sample_id}; it can say nothing about how "
            "right it is. Draw a sample for certification"
        )
    rows = about["rows"]
    shares = Shares(validation=rows["validation_share"], test=rows["test_share"], seed=rows["seed"])
    kept = tuple(unit for unit in units if _unseen(ledger, unit, shares))
    if not kept:
        raise UserError(f"{model!r} may have learned from every unit of sample {sample.sample_id}")
    return kept, len(units) - len(kept)


def _unseen(ledger: Ledger, unit: SampledUnit, shares: Shares) -> bool:
    rows = ledger.observations([one for part in unit.ordinals for one in part])
    return all(
        one.asset_id is not None and shares.part_of(mark(f"asset {one.asset_id}")) == 2
        for one in rows
    )


def _student_of(model: str) -> dict[str, Any] | None:
    """What a student's file says about its training, if the model is one (or begins with one)."""
    provider, _, rest = model.partition(":")
    path = Path(rest.partition(",")[0])
    if provider not in ("onnx", "probe", "cascade") or not path.is_file():
        return None
    return about_student(path)


def about_student(path: Path) -> dict[str, Any] | None:
    """What a file says about its training; None where `vistoria train` did not write it. Raises
    UserError where it cannot be read."""
    try:
        session = ort.InferenceSession(path.read_bytes(), providers=["CPUExecutionProvider"])
        found: dict[str, Any] = json.loads(session.get_modelmeta().custom_metadata_map["vistoria"])
    except Exception as error:
        raise UserError(f"cannot read {str(path)!r}: {str(error)[:200]}") from error
    return found if "rows" in found else None
