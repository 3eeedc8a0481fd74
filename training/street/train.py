"""From nothing to a measured, described int8 model in one go."""

import ctypes
import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import torch

from training.street import card
from training.street.calibrate import temperature
from training.street.data import Photos, drawn
from training.street.evaluate import answers, held_out, opened, scored
from training.street.export import described, exported, fingerprint, quantised, warmed
from training.street.fit import fit_closer, fit_glance
from training.street.heads import HEADS, UNASKED
from training.street.nets import Closer, Glance, StreetNet
from training.street.plan import Plan

__all__ = ["train"]

_log = logging.getLogger(__name__)


def train(plan: Plan, folder: Path, runs: Path, *, threads: int) -> card.Card:
    """Draw, fit, quantise, calibrate, measure and describe; the model is written to `folder`.

    `runs` keeps drawn photos and the float32 model between attempts. On a busy machine one of
    `threads` is much faster than one per core, since they wait for each other.
    """
    _keep_memory()
    torch.set_num_threads(threads)
    folder.mkdir(parents=True, exist_ok=True)
    clock = _Clock()
    with clock("draw"):
        photos = drawn((*plan.learn, *plan.read), kept=runs / "photos")
        tuning = drawn(plan.tune, kept=runs / "photos")
    with clock("fit"):
        net = _fitted(plan, photos)
    whole, small = runs / "street.float32.onnx", folder / "street.onnx"
    with clock("export"):
        exported(net, whole)
        quantised(whole, tuning.frames[:256], small)
    del photos, net
    with clock("calibrate"):
        heat = _temperatures(small, tuning)
        warmed(small, heat)
        warmed(whole, heat)
    with clock("evaluate"):
        unseen = drawn(held_out(plan.natural, plan.speeds), kept=runs / "photos")
        scores = scored(unseen, answers(opened(small), unseen.frames))
        exact = scored(unseen, answers(opened(whole), unseen.frames))
    about = card.Card(
        version=fingerprint(small),
        scores=scores,
        exact=exact,
        temperatures=heat,
        plan=plan,
        minutes=clock.minutes,
    )
    described(small, about.metadata())
    card.write(about, folder)
    return about


def _fitted(plan: Plan, photos: Photos) -> StreetNet:
    count = sum(order.count for order in plan.learn)
    _log.info("stage 1: %d photos", count)
    glance = fit_glance(photos, count, Glance(plan.glance_shape), plan.glance)
    _log.info("stage 2: %d photos", len(photos))
    closer = fit_closer(photos, glance, Closer(plan.closer_shape), plan.closer)
    return StreetNet(glance, closer)


def _temperatures(path: Path, tuning: Photos) -> dict[str, float]:
    found = answers(opened(path), tuning.frames)
    heat = {}
    for head in HEADS:
        known = tuning.head(head.name) != UNASKED
        heat[head.name] = temperature(found[head.name][known], tuning.head(head.name)[known])
    return heat


class _Clock:
    """Minutes of wall and processor time by step."""

    def __init__(self) -> None:
        self.minutes: dict[str, dict[str, float]] = {}

    @contextmanager
    def __call__(self, step: str) -> Iterator[None]:
        wall, busy = time.perf_counter(), _busy()
        yield
        taken = {"wall": time.perf_counter() - wall, "cpu": _busy() - busy}
        self.minutes[step] = {key: round(value / 60, 2) for key, value in taken.items()}
        _log.info("%s: %s", step, self.minutes[step])


def _busy() -> float:
    """Processor seconds of this process and of those it started."""
    return sum(os.times()[:4])


def _keep_memory() -> None:
    """Ask glibc to reuse freed memory: handing it back costs a third of the training time."""
    with suppress(OSError, AttributeError):
        libc = ctypes.CDLL("libc.so.6")
        libc.mallopt(-3, 1 << 30)  # M_MMAP_THRESHOLD
        libc.mallopt(-1, 2**31 - 1)  # M_TRIM_THRESHOLD
