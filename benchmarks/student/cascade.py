"""Cascades on scenes the student never saw: 400 random calibrations each, scores cached."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.bars import Bar, at_most
from benchmarks.student.scenes import TASK
from benchmarks.student.world import World, world
from vistoria.models.onnx import open_model
from vistoria.records import Answer, Observation
from vistoria.student.calibration import compare_with_teacher
from vistoria.student.certify import Compared, Goal, certify

TARGETS, REPEATS, DRAWN = (0.85, 0.9, 0.95), 400, 1_000
FIELDS = ("asset", "material", "leaning", "sign_kind")
CONFIDENCE = 0.95


def cascade(folder: Path, quick: bool) -> Iterator[Bar]:
    """Violations of the promise, and what is saved; and the naive threshold as a control."""
    made = world(folder, 600 if quick else 8_000)
    pool = _pool(made)
    drawn, repeats = min(DRAWN, len(pool) // 2), REPEATS // (8 if quick else 1)
    yield Bar("cascade: unseen scenes | drawn a time", "reported", f"{len(pool)} | {drawn}", True)
    most = 0.07 if not quick else 0.14
    for target in TARGETS:
        found = [_repeat(pool, target, drawn, seed) for seed in range(repeats)]
        certified = [one for one in found if one.kept is not None]
        if not certified:
            yield Bar(f"cascade {target:g}: certified", "reported", "never: too few agree", True)
            continue
        broken = sum(one.broken for one in found) / repeats
        naive = sum(one.naive_broken for one in found) / repeats
        saved = float(np.mean([one.kept or 0.0 for one in found]))
        yield at_most(f"cascade {target:g}: promises broken", broken, most, ".3f")
        yield Bar(f"cascade {target:g}: teacher calls saved", "reported", f"{saved:.3f}", True)
        if target == 0.95 or naive > 0:
            held = naive > most
            text = f"{naive:.3f}"
            yield Bar(f"cascade {target:g}: naive threshold breaks it", f"> {most}", text, held)


def simulated(folder: Path, quick: bool) -> Iterator[Bar]:
    """Simulation S4 of the statistics: a long tail of eight classes, an overconfident student."""
    from benchmarks.truth.__main__ import simulate  # noqa: PLC0415 - it imports every simulation

    del folder
    yield from simulate("S4", quick)


@dataclass(frozen=True)
class _Pool:
    """Every unseen row, compared once."""

    rows: Sequence[Observation]
    said: Sequence[Answer]
    confidence: Sequence[dict[str, float]]
    right: Sequence[Answer]
    agrees: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, index: NDArray[np.int64]) -> Compared:
        """Some of them, as if drawn and asked."""
        chosen = index.tolist()
        return Compared(
            rows=[self.rows[i] for i in chosen], said=[self.said[i] for i in chosen],
            confidence=[self.confidence[i] for i in chosen],
            right=[self.right[i] for i in chosen], drawn_from=len(self),
        )  # fmt: skip


@dataclass(frozen=True)
class _Outcome:
    kept: float | None
    broken: bool
    naive_broken: bool


_CHOSEN = TASK.only(FIELDS)


def _pool(made: World) -> _Pool:
    student = open_model(str(made.file), {})
    unseen = made.student.rows.ordinals[made.student.rows.part == 2]
    with made.ledger() as ledger:
        compared, _, _ = compare_with_teacher(
            ledger, student, made.run, _CHOSEN, made.student.load, (unseen, len(unseen))
        )
    agrees = np.stack([compared.agrees(name, 0.5) for name in FIELDS], axis=1)
    sure = [dict(one) for one in compared.confidence]
    return _Pool(compared.rows, compared.said, sure, compared.right, agrees)


def _repeat(pool: _Pool, target: float, drawn: int, seed: int) -> _Outcome:
    """One calibration, judged on every unseen row, whose truth is known."""
    index = np.random.default_rng([seed, 11]).choice(len(pool), drawn, replace=False)
    compared = pool.take(index)
    goal = Goal(target=target, confidence=CONFIDENCE, audit=0.0)
    found = certify(compared, _CHOSEN, goal, student="s", teacher="t", versions=(), tolerances={})
    scores = pool.take(np.arange(len(pool))).scores()
    naive = _broken(scores, _naive(compared.scores(), pool.agrees[index], target), pool, target)
    if found.rule is None:
        return _Outcome(None, broken=False, naive_broken=naive)
    kept = scores >= found.rule.threshold
    return _Outcome(
        float(kept.mean()), naive_broken=naive,
        broken=_broken(scores, found.rule.threshold, pool, target),
    )  # fmt: skip


def _broken(scores: NDArray[np.float64], threshold: float, pool: _Pool, target: float) -> bool:
    """Whether some field is kept and different more often than was promised."""
    kept = scores >= threshold
    return bool(((kept[:, None] & ~pool.agrees).mean(axis=0) > 1 - target).any())


def _naive(scores: NDArray[np.float64], agrees: NDArray[np.bool_], target: float) -> float:
    """The lowest score at which the sample itself keeps the promise: no test, only hope."""
    order = np.argsort(-scores)
    wrong = np.cumsum(~agrees[order], axis=0).max(axis=1) / len(scores)
    good = np.flatnonzero(wrong <= 1 - target)
    return float(scores[order][good[-1]]) if len(good) else 2.0
