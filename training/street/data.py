"""Drawn photos with their truth: rendered in parallel, kept as JPEG, decoded as at run time."""

import hashlib
import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import cache
from itertools import repeat
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import simplejpeg
from numpy.typing import NDArray

from training.street.heads import HEADS, HEIGHT, WIDTH, encode
from vistoria.street.render import render_jpeg, sample
from vistoria.street.truth import Asset, SignKind

__all__ = ["HELD_OUT", "Order", "Photos", "decode", "drawn", "workers"]

HELD_OUT = 10**9
"""Training and calibration use seeds below this, evaluation seeds from here on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """Which photos to draw: `count` seeds from `start`, all of one asset or sign kind if given."""

    start: int
    count: int
    asset: Asset | None = None
    sign_kind: SignKind | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Photos:
    """`frames` uint8 [N, HEIGHT, WIDTH, 3] RGB; `labels` int64 [N, heads] (see `encode`);
    `boxes` float32 [N, 4], normalised, NaN without asset; `leans` float32 [N], degrees, NaN
    unless a pole; `seeds` int64 [N]."""

    frames: NDArray[np.uint8]
    labels: NDArray[np.int64]
    boxes: NDArray[np.float32]
    leans: NDArray[np.float32]
    seeds: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.frames)

    def head(self, name: str) -> NDArray[np.int64]:
        """The label of one head for each photo."""
        return self.labels[:, [head.name for head in HEADS].index(name)]


@dataclass(frozen=True, slots=True)
class _Drawn:
    jpeg: bytes
    label: NDArray[np.int64]
    box: tuple[float, float, float, float]
    lean: float


def workers() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def decode(jpeg: bytes) -> NDArray[np.uint8]:
    """A drawn JPEG as the model sees it: decoded at half its size."""
    frame = simplejpeg.decode_jpeg(jpeg, "RGB", min_height=HEIGHT, min_width=WIDTH)
    assert frame.shape == (HEIGHT, WIDTH, 3), frame.shape
    return np.asarray(frame, np.uint8)


def drawn(orders: Iterable[Order], *, kept: Path | None = None) -> Photos:
    """Every photo of `orders`; what `kept` holds already is not drawn again."""
    with ProcessPoolExecutor(workers(), mp_context=get_context("spawn")) as pool:
        parts = [_part(order, kept, pool) for order in _chunks(orders)]
    count = sum(len(part["seeds"]) for part in parts)
    frames = np.empty((count, HEIGHT, WIDTH, 3), np.uint8)
    at = 0
    for part in parts:
        ends = part["ends"]
        for begin, end in zip([0, *ends[:-1]], ends, strict=True):
            frames[at] = decode(part["jpegs"][begin:end].tobytes())
            at += 1

    def joined(key: str) -> NDArray[Any]:
        return np.concatenate([part[key] for part in parts])

    return Photos(
        frames=frames,
        labels=joined("labels").astype(np.int64),
        boxes=joined("boxes"),
        leans=joined("leans"),
        seeds=joined("seeds").astype(np.int64),
    )


def _chunks(orders: Iterable[Order], most: int = 500) -> Iterator[Order]:
    """The orders in pieces that a cache can share between larger and smaller plans."""
    for order in orders:
        for begin in range(0, order.count, most):
            count = min(most, order.count - begin)
            yield replace(order, start=order.start + begin, count=count)


def _part(order: Order, kept: Path | None, pool: ProcessPoolExecutor) -> dict[str, NDArray[Any]]:
    if not kept:
        return _drawn(order, pool)
    name = f"{order.sign_kind or order.asset or 'any'}-{order.start}-{order.count}.npz"
    path = kept / _art() / name
    if path.exists():
        with np.load(path) as held:
            return dict(held)
    part = _drawn(order, pool)
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(f".{os.getpid()}.npz")
    np.savez(unfinished, allow_pickle=False, **part)
    unfinished.replace(path)
    return part


def _drawn(order: Order, pool: ProcessPoolExecutor) -> dict[str, NDArray[Any]]:
    seeds = range(order.start, order.start + order.count)
    found = list(pool.map(_draw, seeds, repeat(order), chunksize=10))
    jpegs = [one.jpeg for one in found]
    return {
        "jpegs": np.frombuffer(b"".join(jpegs), np.uint8),
        "ends": np.cumsum([len(jpeg) for jpeg in jpegs]),
        "labels": np.stack([one.label for one in found]),
        "boxes": np.array([one.box for one in found], np.float32),
        "leans": np.array([one.lean for one in found], np.float32),
        "seeds": np.array(seeds, np.int64),
    }


def _draw(seed: int, order: Order) -> _Drawn:
    jpeg, truth = render_jpeg(sample(seed, asset=order.asset, sign_kind=order.sign_kind))
    nan = float("nan")
    width, height = 2 * WIDTH, 2 * HEIGHT
    box = (nan, nan, nan, nan)
    if truth.box is not None:
        left, top, right, bottom = truth.box
        box = (left / width, top / height, right / width, bottom / height)
    lean = nan if truth.lean_degrees is None else truth.lean_degrees
    return _Drawn(jpeg, encode(truth), box, lean)


@cache
def _art() -> str:
    """Changes when the renderer draws differently, so that a cache never mixes two styles."""
    shown = hashlib.sha256()
    for seed in range(16):
        shown.update(render_jpeg(sample(seed))[0])
    return shown.hexdigest()[:8]
