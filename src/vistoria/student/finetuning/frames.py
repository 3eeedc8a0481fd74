"""Pictures of many rows, decoded once for the whole of a training."""

import tempfile
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vistoria.errors import ObservationError, UserError
from vistoria.records import ImageForm, ImageRef
from vistoria.student.backbones.backbone import cores
from vistoria.student.backbones.embedding import Listen, Load, loaded, unheard

__all__ = ["Frames", "read_frames"]

_BATCH = 16


@dataclass(frozen=True, slots=True)
class Frames:
    """`rows`: positions of the images that could be read; `pixels`: theirs, uint8 (N, height,
    width, 3), in a file that is gone when the process is; `failed`: reason → how many could not."""

    rows: NDArray[np.int64]
    pixels: NDArray[np.uint8] = field(repr=False)
    failed: Counter[str]


def read_frames(
    images: Sequence[ImageRef], load: Load, form: ImageForm, folder: Path | None,
    listen: Listen = unheard,
) -> Frames:  # fmt: skip
    """The pictures of these images in a form of pixels. `folder`: where there is room for them.

    Raises UserError where none can be read.
    """
    shape = (max(len(images), 1), form.height, form.width, 3)
    with tempfile.TemporaryFile(dir=folder) as file:  # has no name: a kill leaves nothing behind
        pixels = np.memmap(file, np.uint8, "w+", shape=shape)  # type: ignore[call-overload]
    parts = [range(at, min(at + _BATCH, len(images))) for at in range(0, len(images), _BATCH)]

    def work(part: range) -> list[NDArray[np.uint8] | str]:
        found = (loaded(images[i], load, form) for i in part)
        return [
            one.reason if isinstance(one, ObservationError) else _pixels(one.pixels)
            for one in found
        ]

    rows: list[int] = []
    failed: Counter[str] = Counter()
    with ThreadPoolExecutor(cores()) as threads:
        for part, found in zip(parts, threads.map(work, parts), strict=True):
            for i, one in zip(part, found, strict=True):
                if isinstance(one, str):
                    failed[one] += 1
                else:
                    pixels[len(rows)] = one
                    rows.append(i)
            listen("reading pictures", part[-1] + 1, len(images))
    if not rows:
        raise UserError(f"none of {len(images)} pictures could be read: {dict(failed)}")
    return Frames(np.array(rows, np.int64), pixels[: len(rows)], failed)


def _pixels(given: NDArray[np.uint8] | None) -> NDArray[np.uint8]:
    assert given is not None, "a form of pixels brings pixels"
    return given
