"""What years and people do to a plate: dirt, fading, rust, graffiti."""

import cv2
import numpy as np

from vistoria.street.canvas import Pixels
from vistoria.street.noise import clouds, crop, patchy
from vistoria.street.scene import Sign

SPRAYS = (
    (20, 20, 24), (30, 60, 190), (214, 40, 140), (40, 150, 60), (120, 40, 170), (240, 240, 244),
    (250, 120, 20), (20, 160, 190),
)  # fmt: skip


def age(rgb: Pixels, sign: Sign) -> Pixels:
    """The plate after its years, by its condition; same shape, uint8."""
    rng = np.random.default_rng([sign.seed, 7])
    if sign.condition == "faded":
        rgb = _fade(rgb, rng)
    rgb = _dirt(rgb, rng)
    if sign.condition == "graffiti":
        _graffiti(rgb, rng, sign)
    return rgb


def _dirt(rgb: Pixels, rng: np.random.Generator) -> Pixels:
    rows, cols = rgb.shape[:2]
    soft = 1 + 0.035 * patchy(rng, rows, cols, 60)
    slope = np.linspace(1.04, 0.94, rows, dtype=np.float32)[:, None]
    dirty = np.clip(rgb * (soft * slope)[..., None], 0, 255).astype(np.uint8)
    for x in (rows // 2,):
        for y in (round(rows * 0.22), round(rows * 0.8)):
            cv2.circle(dirty, (x, y), 4, (120, 120, 122), -1, cv2.LINE_AA)
    return dirty


def _fade(rgb: Pixels, rng: np.random.Generator) -> Pixels:
    """Bleached colours, flaked foil, rust that runs down."""
    rows, cols = rgb.shape[:2]
    wide = rgb.astype(np.float32)
    grey = wide.mean(axis=2, keepdims=True)
    pale = np.array([214, 206, 192], np.float32) + rng.normal(0, 6, 3).astype(np.float32)
    bleached = wide * 0.5 + grey * 0.5
    strength = rng.uniform(0.5, 0.64) + 0.09 * patchy(rng, rows, cols, 50)
    strength = np.clip(strength, 0.34, 0.74)[..., None]
    faded = bleached * (1 - strength) + pale * strength
    top, left = (int(at) for at in rng.integers(0, 512, 2))
    flakes = crop(clouds(512, 1.2, 71), top, left, rows, cols)
    bare = np.clip((flakes - rng.uniform(1.25, 1.75)) * 6, 0, 1)[..., None]
    faded = faded * (1 - bare) + np.array([158, 152, 142], np.float32) * bare
    rust = np.zeros((rows, cols), np.float32)
    for _ in range(int(rng.integers(2, 6))):
        x, y = int(rng.integers(20, cols - 20)), int(rng.integers(10, rows // 2))
        length = int(rng.integers(20, 110))
        cv2.line(
            rust, (x, y), (x + int(rng.normal(0, 4)), y + length), 1.0, int(rng.integers(3, 9))
        )
    rust = cv2.GaussianBlur(rust, (0, 0), 3.0)[..., None] * 0.62
    rusty = faded * (1 - rust) + np.array([128, 78, 44], np.float32) * rust
    return np.asarray(np.clip(rusty, 0, 255), np.uint8)


def _graffiti(rgb: Pixels, rng: np.random.Generator, sign: Sign) -> None:
    """One or two tags in spray paint, with mist and drips, and at times a sticker."""
    rows, cols = rgb.shape[:2]
    for turn in range(int(rng.integers(1, 3)) + (sign.kind != "speed_limit")):
        colour = SPRAYS[int(rng.integers(0, len(SPRAYS)))]
        mask = np.zeros((rows, cols), np.uint8)
        thick = int(rng.integers(5, 9))
        y = rng.uniform(0.6, 0.74) if turn % 2 == 0 else rng.uniform(0.24, 0.36)
        path = _tag(rng, cols, rows, y)
        cv2.polylines(mask, [path], False, 255, thick, cv2.LINE_AA, 4)
        for _ in range(int(rng.integers(0, 4))):
            at = path[int(rng.integers(0, len(path)))] // 16
            end = (int(at[0]), int(at[1] + rng.integers(12, 46)))
            cv2.line(mask, (int(at[0]), int(at[1])), end, 235, 3, cv2.LINE_AA)
        mist = cv2.GaussianBlur(mask, (0, 0), 7) // 3
        weight = (np.maximum(mask, mist).astype(np.float32) * (0.94 / 255))[..., None]
        rgb[:] = (rgb * (1 - weight) + np.array(colour, np.float32) * weight).astype(np.uint8)
    if rng.random() < 0.4:
        _sticker(rgb, rng)


def _tag(rng: np.random.Generator, cols: int, rows: int, y: float) -> Pixels:
    """Looping handwriting across the plate, int32 (n, 2) with four bits of fraction."""
    steps = np.linspace(0, 1, 60)
    loops = rng.uniform(3, 6)
    phase, sway = rng.uniform(0, 6.3, 2)
    x = 0.16 + 0.68 * steps + 0.075 * np.cos(2 * np.pi * loops * steps + phase)
    up = rng.uniform(0.07, 0.12) * np.sin(2 * np.pi * loops * steps + phase)
    up += 0.06 * np.sin(5 * steps + sway) + 0.035 * np.sin(2 * np.pi * loops * 2.1 * steps)
    path = np.stack([x * cols, (y + up) * rows], 1)
    return np.round(path * 16).astype(np.int32)


def _sticker(rgb: Pixels, rng: np.random.Generator) -> None:
    rows, cols = rgb.shape[:2]
    middle = (float(rng.uniform(0.3, 0.7) * cols), float(rng.uniform(0.62, 0.8) * rows))
    size = (float(rng.uniform(30, 52)), float(rng.uniform(22, 36)))
    angle = float(rng.uniform(-30, 30))
    ring = cv2.boxPoints((middle, size, angle)).astype(np.int32)
    cv2.fillPoly(rgb, [ring], SPRAYS[int(rng.integers(1, len(SPRAYS)))], cv2.LINE_AA)
    inner = cv2.boxPoints((middle, (size[0] * 0.6, size[1] * 0.3), angle)).astype(np.int32)
    cv2.fillPoly(rgb, [inner], (236, 236, 230), cv2.LINE_AA)
