"""Learns from which score on a student's answers may stand, and shows that the guarantee holds.

The rows are drawn at random from all rows that the student has not learned from. Each field is
tested at every threshold of one sequence; a threshold passes when all fields pass, which needs no
correction for their number (intersection-union, Berger, Technometrics 24 (1982) 295).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from vistoria.errors import UserError
from vistoria.models._cascade_rule import Domain, Rule, score
from vistoria.records import Answer, Observation
from vistoria.student.targets import class_name, fitting
from vistoria.task import Task
from vistoria.truth import Interval, binomial, certify_overall, certify_selective
from vistoria.truth.cascade import Guarantee
from vistoria.truth.sequential import WORST, log_evidence

__all__ = ["Against", "Certified", "Compared", "Goal", "Named", "alarms", "certify", "domain_of"]

Against: TypeAlias = Literal["teacher", "people"]
Named: TypeAlias = tuple[str, str]
"""A field and one of its classes."""

_NEVER = 2.0  # no answer is so sure
_FIRST, _STEP = 0.25, 0.025
_WATCHED = 5_000  # audits up to which the monitor's table goes
_MOST_WRONG = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """What is promised: at least `target` agree, with `confidence`. "overall": of all rows; else
    "selective": of those that the student answers. `classes`: promised one by one besides.
    `against`: whose answers count. `audit`: share of kept answers asked again for the monitor."""

    target: float = 0.95
    confidence: float = 0.95
    guarantee: Guarantee = "overall"
    classes: tuple[Named, ...] = ()
    against: Against = "teacher"
    audit: float = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """Sampled rows: what the student says and how surely, and what counts as right. `drawn_from`:
    rows that they were drawn from."""

    rows: Sequence[Observation]
    said: Sequence[Answer]
    confidence: Sequence[Mapping[str, float]]
    right: Sequence[Answer]
    drawn_from: int

    def scores(self) -> NDArray[np.float64]:
        """How sure each answer is."""
        pairs = zip(self.said, self.confidence, strict=True)
        return np.array([score(said, sure) for said, sure in pairs])

    def agrees(self, name: str, tolerance: float) -> NDArray[np.bool_]:
        """Where a field's answer is right; a row without a right answer counts as wrong."""
        pairs = zip(self.said, self.right, strict=True)
        return np.array([fitting(a.get(name), b.get(name), tolerance) for a, b in pairs], np.bool_)


@dataclass(frozen=True, slots=True, kw_only=True)
class Certified:
    """`rule` is None where nothing can be promised, for the reason in `why`. `kept`: share of rows
    that the student answers; `agreement`: per field, of all rows that the cascade would get right
    (the teacher's rows count as right), in the sample."""

    rule: Rule | None
    kept: Interval
    agreement: Mapping[str, float]
    why: str = ""


def certify(
    compared: Compared, task: Task, goal: Goal, *, student: str, teacher: str,
    versions: Sequence[str], tolerances: Mapping[str, float],
) -> Certified:  # fmt: skip
    """Thresholds for these rows, or why there are none. Raises UserError on an unknown class."""
    _check_classes(task, goal)
    scores, names = compared.scores(), [one.name for one in task.fields]
    agrees = {name: compared.agrees(name, tolerances.get(name, 0.0)) for name in names}
    promises = 1 + len(goal.classes)
    found = {}
    for name in names:
        test = certify_overall if goal.guarantee == "overall" else certify_selective
        found[name] = test(
            scores, agrees[name], target=goal.target, confidence=goal.confidence, promises=promises
        )
    failed = [f"{name}: {one.why}" for name, one in found.items() if one.threshold is None]
    if failed:
        return Certified(rule=None, kept=binomial(0, len(scores)), agreement={}, why=failed[0])
    threshold = max(one.threshold for one in found.values() if one.threshold is not None)
    classes = _class_thresholds(compared, goal, scores, agrees, threshold, promises)
    rule = Rule(
        student=student, teacher=teacher, versions=tuple(versions),
        fields={one.name: one.fingerprint for one in task.fields},
        threshold=threshold, classes=classes, domain=domain_of(compared.rows), kept=0.0,
        tolerances={name: tolerances.get(name, 0.0) for name in names}, audit=goal.audit,
    )  # fmt: skip
    pairs = zip(compared.said, compared.confidence, strict=True)
    kept = np.array([rule.keeps(said, sure) for said, sure in pairs], np.bool_)
    share = binomial(int(kept.sum()), len(kept))
    whole = _completed(rule, compared, goal, kept, len(names))
    return Certified(
        rule=whole, kept=share,
        agreement={name: float((~kept | agrees[name]).mean()) for name in names},
    )  # fmt: skip


def _completed(
    rule: Rule, compared: Compared, goal: Goal, kept: NDArray[np.bool_], fields: int
) -> Rule:
    share = float(kept.mean())
    allowed = min(0.5, (1 - goal.target) / max(share, 1e-9))
    if goal.guarantee == "selective":
        allowed = 1 - goal.target
    return replace(
        rule, kept=share,
        alarms=alarms(allowed, 1 - (1 - goal.confidence) / fields) if goal.audit else (),
        certificate={
            "promise": goal.guarantee, "target": goal.target, "confidence": goal.confidence,
            "against": goal.against, "rows": len(kept), "drawn_from": compared.drawn_from,
            "classes": [list(one) for one in goal.classes],
            "method": "exact binomial, fixed sequence over quantiles of the score, every field",
            "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
        },
    )  # fmt: skip


def _class_thresholds(
    compared: Compared, goal: Goal, scores: NDArray[np.float64],
    agrees: Mapping[str, NDArray[np.bool_]], overall: float, promises: int,
) -> dict[str, dict[str, float]]:  # fmt: skip
    """Field → class → score from which answers of that class may stand.

    All thresholds that a fixed sequence passed hold together, so the first of them that is not
    below the overall one is taken; more than 1 where there is none: the teacher answers that class.
    """
    found: dict[str, dict[str, float]] = {}
    for name, wanted in goal.classes:
        own = np.array([class_name(said.get(name)) == wanted for said in compared.said], np.bool_)
        limit = _NEVER
        if own.any():
            test = certify_selective(
                scores[own], agrees[name][own], target=goal.target, confidence=goal.confidence,
                promises=promises,
            )  # fmt: skip
            if test.threshold is not None:
                limit = _not_below(scores[own], test.threshold, overall)
        found.setdefault(name, {})[wanted] = limit
    return found


def _not_below(scores: NDArray[np.float64], passed: float, overall: float) -> float:
    """The lowest threshold of the sequence that is neither below `passed` nor below `overall`."""
    shares = np.append(np.arange(_FIRST, 1.0, _STEP), 1.0)
    tested = np.quantile(scores, 1 - shares, method="lower")
    fitting_ones = tested[(tested >= passed) & (tested >= overall)]
    return float(fitting_ones.min()) if len(fitting_ones) else _NEVER


def _check_classes(task: Task, goal: Goal) -> None:
    for name, wanted in goal.classes:
        asked = task.field(name)
        allowed = asked.choices if asked.kind == "choice" else ("true", "false")
        if asked.kind not in ("choice", "boolean") or wanted not in allowed:
            raise UserError(
                f"{name}={wanted}: name a class of a choice or yes/no field; {name!r} has "
                f"{', '.join(allowed) if asked.kind == 'choice' else asked.kind}"
            )


def domain_of(rows: Sequence[Observation]) -> Domain:
    """Snapshots, types of assets and place of these rows."""
    snapshots = {one.snapshot_id for one in rows}
    types = {one.asset_type for one in rows}
    places = [
        (one.latitude, one.longitude)
        for one in rows
        if one.latitude is not None and one.longitude is not None
    ]
    bounds = None
    if places and len(places) == len(rows):
        latitudes, longitudes = zip(*places, strict=True)
        bounds = (min(latitudes), min(longitudes), max(latitudes), max(longitudes))
    return Domain(
        snapshots=() if None in snapshots else tuple(sorted(map(str, snapshots))),
        asset_types=() if None in types else tuple(sorted(map(str, types))),
        bounds=bounds,
    )


def alarms(allowed: float, confidence: float) -> tuple[int, ...]:
    """For 0, 1, 2 … wrong answers: the number of audits up to which they prove that more than
    `allowed` are wrong (as `truth.drifted` says, which may be asked after every audit)."""
    wrong = np.arange(1, _MOST_WRONG)
    needed = -np.log(1 - confidence)

    def reached(audited: NDArray[np.int64]) -> NDArray[np.bool_]:
        return np.asarray(log_evidence(wrong, audited, allowed, WORST) >= needed)

    low = np.where(reached(wrong), wrong, 0)
    high = np.where(low > 0, _WATCHED + 1, 1)
    while (unsure := high - low > 1).any():  # evidence falls as audits without one are added
        middle = np.maximum((low + high) // 2, wrong)
        rings = reached(middle)
        low, high = np.where(unsure & rings, middle, low), np.where(unsure & ~rings, middle, high)
    enough = int(np.argmax(low >= _WATCHED)) if (low >= _WATCHED).any() else len(low) - 1
    return (0, *low[: enough + 1].tolist())
