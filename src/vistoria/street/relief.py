"""Cast-iron tops of maintenance covers as height maps, then lit like metal."""

import cv2
import numpy as np

from vistoria.street.canvas import Pixels
from vistoria.street.lettering import text_mask
from vistoria.street.scene import Cover

SIDE = 240
MIDDLE = SIDE / 2
WORDS = ("WATER", "SEWER", "GAS", "TELECOM", "ESGOTO", "AGUA", "DRAIN", "ELECTRIC", "CITY", "D400")
PATTERNS = ("waffle", "studs", "rings", "spokes", "bars", "diamonds", "checks")


def heights(cover: Cover) -> Pixels:
    """The relief of a cover, float32 (240, 240): 0 low, 1 high."""
    rng = np.random.default_rng([cover.seed, 17])
    field = pattern(PATTERNS[int(rng.integers(0, len(PATTERNS)))], rng)
    inside = border_distance(cover.shape == "round")
    field = field * (inside > 25) + 0.75 * ((inside > 7) & (inside <= 20))
    field = np.asarray(field, np.float32)
    if rng.random() < 0.7:
        _word(field, rng, plate=rng.random() < 0.6)
    for side in (-1, 1):
        at = (int(MIDDLE + side * SIDE * 0.3), int(MIDDLE + side * SIDE * 0.06))
        cv2.ellipse(field, at, (11, 7), 0, 0, 360, -0.9, -1, cv2.LINE_AA)
    return cv2.GaussianBlur(field, (0, 0), 1.1)


def border_distance(is_round: bool) -> Pixels:
    """Pixels to the rim, negative outside, (240, 240)."""
    at = np.abs(np.arange(SIDE) + 0.5 - MIDDLE)
    if is_round:
        return np.asarray(MIDDLE - 1 - np.hypot(at[:, None], at[None, :]))
    return np.asarray(MIDDLE - 1 - np.maximum(at[:, None], at[None, :]))


def pattern(name: str, rng: np.random.Generator) -> Pixels:
    """One of the usual patterns over the whole square, float 0 … 1."""
    y, x = np.mgrid[0:SIDE, 0:SIDE] - MIDDLE
    step = float(rng.uniform(16, 23))
    if name in {"rings", "spokes"}:
        return _round_pattern(name, np.hypot(x, y), np.arctan2(y, x), step, rng)
    if name == "waffle":
        high = (x % step < step * 0.62) & (y % step < step * 0.62)
    elif name == "studs":
        shifted = x + (np.floor(y / step) % 2) * step / 2
        high = np.hypot(shifted % step - step / 2, y % step - step / 2) < step * 0.3
    elif name == "bars":
        upright = (np.floor(x / (step * 2)) + np.floor(y / (step * 2))) % 2 == 0
        high = np.where(upright, x % (step * 0.6), y % (step * 0.6)) < step * 0.3
    elif name == "diamonds":
        high = ((x + y) % step < step * 0.68) & ((x - y) % step < step * 0.68)
    else:
        lean = np.where((np.floor(x / step) + np.floor(y / step)) % 2 == 0, 1, -1)
        u, v = x % step - step / 2, y % step - step / 2
        high = (np.abs(u - lean * v) < step * 0.24) & (np.abs(u + lean * v) < step * 0.72)
    return np.asarray(high * 1.0)


def _round_pattern(
    name: str, radius: Pixels, angle: Pixels, step: float, rng: np.random.Generator
) -> Pixels:
    if name == "rings":
        return np.asarray(((radius % step) < step * 0.5) * 1.0)
    fan = (np.sin(angle * int(rng.integers(10, 18))) > 0) & (radius > 34)
    return np.asarray(((fan & (radius % (step * 2.2) > 8)) | (radius < 22)) * 1.0)


def _word(field: Pixels, rng: np.random.Generator, *, plate: bool) -> None:
    word = WORDS[int(rng.integers(0, len(WORDS)))]
    wide, high = min(142, 28 * len(word)), 34
    top, left = int(MIDDLE - high / 2), int(MIDDLE - wide / 2)
    if plate:
        cv2.rectangle(field, (left - 10, top - 8), (left + wide + 10, top + high + 8), 0.1, -1)
    part = field[top : top + high, left : left + wide]
    np.maximum(part, text_mask(word, wide, high, 5).astype(np.float32) / 255, out=part)


def lit(field: Pixels, turn: float, strength: float = 1.0) -> Pixels:
    """Light on the relief from one side, float32 around 1, with glints on the edges."""
    dx = cv2.Sobel(field, cv2.CV_32F, 1, 0, ksize=3)
    dy = cv2.Sobel(field, cv2.CV_32F, 0, 1, ksize=3)
    slope = (dx * np.cos(turn) + dy * np.sin(turn)) * strength
    return np.asarray(
        1 + np.clip(slope * 0.34, -0.62, 0.85) + 0.16 * np.clip(field - 0.4, -0.6, 0.6)
    )
