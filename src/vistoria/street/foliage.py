"""Leaves: crowns, conifers, bushes, ivy and boughs as pictures with alpha."""

from functools import cache
from typing import Literal

import cv2
import numpy as np

from vistoria.street.canvas import Pixels, Texture

Growth = Literal["crown", "conifer", "bush", "ivy", "bough", "hedge"]
SIZES: dict[Growth, tuple[int, int]] = {
    "crown": (208, 208),
    "conifer": (256, 136),
    "bush": (120, 184),
    "ivy": (256, 72),
    "bough": (128, 176),
    "hedge": (80, 320),
}
GREENS = ((74, 108, 46), (62, 98, 50), (98, 122, 52), (88, 104, 60), (148, 112, 44), (52, 86, 48))
VARIANTS = 6


@cache
def foliage(growth: Growth, variant: int) -> Texture:
    """One of six pictures of a growth, lit from above left."""
    rows, cols = SIZES[growth]
    rng = np.random.default_rng([variant, 107, list(SIZES).index(growth)])
    rgb: Pixels = np.zeros((rows, cols, 3), np.uint8)
    alpha: Pixels = np.zeros((rows, cols), np.uint8)
    colour = np.array(GREENS[variant % VARIANTS], float)
    if growth == "conifer":
        colour = np.array((46, 76, 50), float) + rng.normal(0, 5, 3)
    rgb[:] = (colour * 0.55).astype(np.uint8)
    spots, leaf = _spots(growth, rng)
    order = np.argsort(-spots[:, 1] + rng.normal(0, 0.14, len(spots)))
    for rank, index in enumerate(order):
        x, y = spots[index]
        lit = 0.5 + 0.36 * rank / len(spots) + 0.32 * (1 - y) - 0.12 * x + rng.normal(0, 0.11)
        shade = np.clip(colour * lit + rng.normal(0, 5, 3), 0, 255)
        _leaf(rgb, alpha, (x * cols, y * rows), leaf * rng.uniform(0.6, 1.3), rng, shade)
    return Texture(rgb=rgb, alpha=alpha)


def _leaf(
    rgb: Pixels, alpha: Pixels, at: tuple[float, float], size: float, rng: np.random.Generator,
    colour: Pixels,
) -> None:  # fmt: skip
    middle = (int(at[0] * 16), int(at[1] * 16))
    axes = (int(size * 16), int(size * rng.uniform(0.4, 0.75) * 16))
    angle = float(rng.uniform(0, 180))
    cv2.ellipse(rgb, middle, axes, angle, 0, 360, colour.tolist(), -1, cv2.LINE_AA, 4)
    cv2.ellipse(alpha, middle, axes, angle, 0, 360, 255, -1, cv2.LINE_AA, 4)


def _spots(growth: Growth, rng: np.random.Generator) -> tuple[Pixels, float]:
    """Where leaves sit, (n, 2) in 0 … 1 (x, y), and their size in pixels."""
    if growth == "conifer":
        y = np.sqrt(rng.uniform(0.0, 1, 620)) * 0.95 + 0.03
        tiers = 0.78 + 0.22 * ((y * 7) % 1.0)
        x = 0.5 + rng.uniform(-0.47, 0.47, 620) * y * tiers
        return np.stack([x, y], 1), 5.5
    if growth == "ivy":
        y = 1 - rng.beta(1.1, 1.8, 330) * 0.97
        x = 0.5 + rng.normal(0, 0.12 + 0.11 * y, 330).clip(-0.44, 0.44)
        return np.stack([x, y], 1), 5.0
    if growth == "hedge":
        return np.stack([rng.uniform(0.02, 0.98, 900), rng.uniform(0.08, 0.98, 900)], 1), 5.5
    lumps, leaves = {"crown": (15, 62), "bush": (9, 44), "bough": (8, 40)}[growth]
    angle, reach = rng.uniform(0, 2 * np.pi, lumps), np.sqrt(rng.uniform(0, 1, lumps)) * 0.3
    middles = 0.5 + np.stack([np.cos(angle) * reach, np.sin(angle) * reach * 0.85], 1)
    if growth == "bush":
        middles[:, 1] = 0.62 + (middles[:, 1] - 0.5) * 0.75
    spread = rng.normal(0, 0.072, (lumps, leaves, 2))
    spots = (middles[:, None] + spread).reshape(-1, 2)
    return np.clip(spots, 0.03, 0.97), {"crown": 6.5, "bush": 6.5, "bough": 7.5}[growth]
