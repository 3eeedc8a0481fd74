"""Noise tiles that wrap around, made once per process from fixed seeds."""

from functools import cache

import cv2
import numpy as np

from vistoria.street.canvas import Pixels


@cache
def clouds(size: int, power: float, seed: int) -> Pixels:
    """A (size, size) float32 tile of 1/f^power noise: mean 0, deviation 1, wraps around."""
    rng = np.random.default_rng([seed, size])
    spectrum = np.fft.rfft2(rng.standard_normal((size, size)))
    rows = np.fft.fftfreq(size)[:, None] * size
    cols = np.fft.rfftfreq(size)[None, :] * size
    radius = np.hypot(rows, cols)
    radius[0, 0] = 1.0
    field = np.fft.irfft2(spectrum / radius**power, (size, size))
    field -= field.mean()
    tile: Pixels = (field / field.std()).astype(np.float32)
    return tile


@cache
def grain(size: int, seed: int) -> Pixels:
    """A (size, size) float32 tile of independent noise: mean 0, deviation 1."""
    rng = np.random.default_rng([seed, size, 1])
    return rng.standard_normal((size, size)).astype(np.float32)


def crop(tile: Pixels, top: int, left: int, rows: int, cols: int) -> Pixels:
    """A window of a tile that wraps around."""
    size = tile.shape[0]
    top, left = top % size, left % size
    if top + rows <= size and left + cols <= size:
        return tile[top : top + rows, left : left + cols]
    picked = tile.take(range(top, top + rows), axis=0, mode="wrap")
    return picked.take(range(left, left + cols), axis=1, mode="wrap")


def patchy(rng: np.random.Generator, rows: int, cols: int, cell: float) -> Pixels:
    """Soft noise (rows, cols), float32 in about -2 … 2, with spots of about `cell` pixels."""
    high, wide = max(2, int(rows / cell) + 2), max(2, int(cols / cell) + 2)
    small = rng.standard_normal((high, wide)).astype(np.float32)
    return cv2.resize(small, (cols, rows), interpolation=cv2.INTER_CUBIC)
