"""Measures a street model, as it ships, on photos that it never saw. Needs no torch."""

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from training.street.calibrate import calibration_error, interval
from training.street.data import HELD_OUT, Order, Photos
from training.street.heads import HEADS, HEADS_BY_NAME, HEIGHT, UNASKED, WIDTH, Head

__all__ = ["Score", "answers", "given", "held_out", "opened", "rate", "scored", "table"]

Answers = Mapping[str, NDArray[np.float32]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """How well one head answers.

    `accuracy`, end to end: over the photos to which the head applies in truth, a wrong asset (or
    sign kind) counts as wrong; `low` and `high` are its 95 % interval. `usual`: the accuracy of
    always giving the commonest answer. `ece`: of the head's confidence, over the photos that the
    model gives this answer for; None if it never gives it.
    """

    head: str
    n: int
    accuracy: float
    low: float
    high: float
    usual: float
    ece: float | None
    bar: float | None

    @property
    def trained(self) -> bool:
        """Whether the head is better than always giving the commonest answer, beyond chance."""
        return self.low > self.usual

    @property
    def passed(self) -> bool:
        return self.trained and (self.bar is None or self.accuracy >= self.bar)

    def as_json(self) -> dict[str, object]:
        return {key: _short(value) for key, value in asdict(self).items()}


def held_out(natural: int, speeds: int) -> tuple[Order, ...]:
    """Photos for evaluation: as they come, and speed-limit signs only."""
    return (
        Order(start=HELD_OUT, count=natural),
        Order(start=2 * HELD_OUT, count=speeds, sign_kind="speed_limit"),
    )


def opened(path: Path, *, threads: int = 0) -> onnxruntime.InferenceSession:
    """A session on the model at `path`; `threads` 0 takes all cores."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def answers(
    session: onnxruntime.InferenceSession, frames: NDArray[np.uint8], *, batch: int = 32
) -> Answers:
    """Each output of the model, by name, for all frames."""
    names = [one.name for one in session.get_outputs()]
    found = [
        session.run(None, {"image": frames[begin : begin + batch]})
        for begin in range(0, len(frames), batch)
    ]
    return {
        name: np.concatenate(parts)
        for name, parts in zip(names, zip(*found, strict=True), strict=True)
    }


def given(head: Head, found: Answers) -> NDArray[np.bool_]:
    """For which photos the model gives this answer: the ones it hangs on came out as needed."""
    holds = np.ones(len(found[head.name]), bool)
    for name, wanted in (head.only_if or {}).items():
        holds &= found[name].argmax(-1) == HEADS_BY_NAME[name].classes.index(wanted)
    return holds


def scored(photos: Photos, found: Answers) -> tuple[Score, ...]:
    """The score of every head.

    Photos drawn for their sign kind count for the speed limit only: elsewhere they would shift
    the mix.
    """
    natural = photos.seeds < 2 * HELD_OUT
    return tuple(
        _score(head, photos.head(head.name), found, natural | (head.name == "speed_limit"))
        for head in HEADS
    )


def _score(
    head: Head, truth: NDArray[np.int64], found: Answers, counted: NDArray[np.bool_]
) -> Score:
    held = given(head, found)
    right = held & (found[head.name].argmax(-1) == truth)
    asked, answered = counted & (truth != UNASKED), counted & held
    n, good = int(asked.sum()), int(right[asked].sum())
    low, high = interval(good, n)
    return Score(
        head=head.name,
        n=n,
        accuracy=good / max(n, 1),
        low=low,
        high=high,
        usual=float(np.bincount(truth[asked], minlength=1).max() / max(n, 1)),
        ece=calibration_error(found[head.name].max(-1)[answered], right[answered])
        if answered.any()
        else None,
        bar=head.bar,
    )


def rate(path: Path, *, batch: int = 8, seconds: float = 3.0) -> float:
    """Frames per second on one core."""
    session = opened(path, threads=1)
    shape = (batch, HEIGHT, WIDTH, 3)
    frames = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    session.run(None, {"image": frames})
    taken: list[float] = []
    while sum(taken) < seconds:
        began = time.perf_counter()
        session.run(None, {"image": frames})
        taken.append(time.perf_counter() - began)
    return batch / float(np.median(taken))


def table(scores: tuple[Score, ...]) -> str:
    """For people to read."""
    lines = [
        f"{'field':15} {'n':>5} {'accuracy':>8}  {'95 % interval':13} {'usual':>6} {'ECE':>6}  bar"
    ]
    for one in scores:
        ece = "none" if one.ece is None else f"{one.ece:.3f}"
        bar = "" if one.bar is None else f"≥ {one.bar:.2f} "
        verdict = "pass" if one.passed else "MISSED" if one.trained else "NOT TRAINED"
        lines.append(
            f"{one.head:15} {one.n:5} {one.accuracy:8.3f}  {one.low:.3f} … {one.high:.3f} "
            f"{one.usual:6.3f} {ece:>6}  {bar}{verdict}"
        )
    return "\n".join(lines)


def _short(value: object) -> object:
    return round(value, 4) if isinstance(value, float) else value
