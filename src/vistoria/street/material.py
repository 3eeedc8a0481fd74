"""What the ground is made of: colour tiles that wrap around, at several scales."""

from functools import cache

import cv2
import numpy as np

from vistoria.street.canvas import Pixels
from vistoria.street.noise import clouds, crop, grain
from vistoria.street.scene import Ground

SIZE = 1024
FINE = 0.008
"""Metres per pixel of the finest tile."""


@cache
def tile(name: Ground, step: int) -> Pixels:
    """RGB uint8 (1024, 1024) of a material; one pixel is `step` times 8 mm."""
    if step > 1:
        small = SIZE // step
        reduced = cv2.resize(tile(name, 1), (small, small), interpolation=cv2.INTER_AREA)
        return np.tile(reduced, (step, step, 1))
    rough = cv2.GaussianBlur(crop(grain(512, 3), 0, 0, SIZE, SIZE), (0, 0), 0.8) * 2.2
    soft = clouds(SIZE, 1.1, 5)
    makers = {
        "asphalt": _asphalt,
        "worn_asphalt": _worn,
        "concrete": _concrete,
        "paving": _paving,
        "cobble": _cobble,
        "grass": _grass,
        "dirt": _dirt,
        "gravel": _gravel,
    }
    return np.asarray(np.clip(makers[name](rough, soft), 0, 255), np.uint8)


@cache
def mean_colour(name: Ground) -> Pixels:
    """The material seen from afar, RGB uint8 (3,)."""
    return np.asarray(tile(name, 1).mean(axis=(0, 1)), np.uint8)


def _tint(grey: Pixels, colour: tuple[float, float, float]) -> Pixels:
    return grey[..., None] * np.array(colour, np.float32)


def _asphalt(rough: Pixels, soft: Pixels) -> Pixels:
    stones: Pixels = (grain(SIZE, 7) > 2.2).astype(np.float32)
    stones = cv2.GaussianBlur(stones, (0, 0), 0.9) * 120
    return _tint(86 + 9 * rough + 5 * soft + stones, (1.0, 1.0, 1.03))


def _worn(rough: Pixels, soft: Pixels) -> Pixels:
    grey = 122 + 11 * rough + 8 * soft
    rng = np.random.default_rng(11)
    lines = np.zeros((SIZE, SIZE), np.uint8)
    for _ in range(7):
        path = rng.uniform(0, SIZE, 2) + np.cumsum(rng.normal(0, 26, (22, 2)), axis=0)
        cv2.polylines(lines, [path.astype(np.int32)], False, 255, 2, cv2.LINE_AA)
    return _tint(grey * (1 - 0.35 * lines / 255.0), (1.0, 0.99, 0.97))


def _concrete(rough: Pixels, soft: Pixels) -> Pixels:
    grey = 172 + 6 * rough + 8 * soft
    at = (np.arange(SIZE) * 5 / SIZE) % 1.0
    joint = ((at < 0.012) | (at > 0.995)).astype(np.float32)
    shade = 1 - 0.42 * np.maximum(joint[:, None], joint[None, :])
    cells = np.random.default_rng(13).normal(0, 5, (5, 5)).astype(np.float32)
    grey = grey + cv2.resize(cells, (SIZE, SIZE), interpolation=cv2.INTER_NEAREST)
    return _tint(grey * shade, (1.0, 0.98, 0.93))


def _bricks(high: int, wide: int, shift: float, spread: float, seed: int) -> tuple[Pixels, Pixels]:
    """Running bond: (value per brick, joints 0 … 1), both (1024, 1024)."""
    rows, cols = np.mgrid[0:SIZE, 0:SIZE]
    course = rows // high
    moved = (cols + (course * shift * wide).astype(int)) % SIZE
    value = np.random.default_rng(seed).normal(0, spread, (SIZE // high, SIZE // wide))
    joint = (rows % high < 2) | (moved % wide < 2)
    return value[course, moved // wide].astype(np.float32), joint.astype(np.float32)


def _paving(rough: Pixels, soft: Pixels) -> Pixels:
    value, joint = _bricks(16, 32, 0.5, 13, 17)
    grey = (140 + value + 5 * rough + 6 * soft) * (1 - 0.4 * joint)
    return _tint(grey, (1.08, 0.96, 0.87))


def _cobble(rough: Pixels, soft: Pixels) -> Pixels:
    value, joint = _bricks(16, 16, 0.5, 15, 19)
    round_off = cv2.GaussianBlur(joint, (0, 0), 1.6) * 1.5
    grey = (128 + value + 6 * rough + 5 * soft) * (1 - 0.5 * np.clip(round_off, 0, 1))
    return _tint(grey, (1.0, 0.985, 0.96))


def _grass(rough: Pixels, soft: Pixels) -> Pixels:
    blades = cv2.GaussianBlur(grain(SIZE, 23), (0, 0), sigmaX=0.7, sigmaY=2.6) * 3.0
    grey = 96 + 15 * blades + 9 * soft + 4 * rough
    dry = np.clip(clouds(SIZE, 1.6, 29) * 0.5, 0, 1)[..., None]
    green, straw = _tint(grey, (0.80, 1.05, 0.48)), _tint(grey, (1.25, 1.12, 0.68))
    return green * (1 - 0.5 * dry) + straw * 0.5 * dry


def _dirt(rough: Pixels, soft: Pixels) -> Pixels:
    stones = cv2.GaussianBlur((grain(SIZE, 31) > 2.6).astype(np.float32), (0, 0), 1.4) * 260
    return _tint(132 + 9 * rough + 12 * soft + stones, (1.1, 0.95, 0.77))


def _gravel(rough: Pixels, soft: Pixels) -> Pixels:
    lumps = cv2.GaussianBlur(grain(SIZE, 37), (0, 0), 1.9) * 6.5
    return _tint(138 + 19 * lumps + 6 * soft + 6 * rough, (1.02, 0.99, 0.93))
