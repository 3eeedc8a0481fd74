"""Round bars (poles, posts, trunks): material around them, light across them."""

from dataclasses import dataclass
from functools import cache
from typing import Literal

import cv2
import numpy as np
import numpy.typing as npt

from vistoria.street.camera import NEAR
from vistoria.street.canvas import Canvas, Mark, Pixels, Texture, area, outline
from vistoria.street.geometry import strip
from vistoria.street.noise import clouds, crop, grain

Bark = Literal["wood", "concrete", "metal"]


@dataclass(frozen=True, slots=True)
class Finish:
    """What a bar is made of; `sunny` says from where it is lit, -1 left … 1 right."""

    material: Bark
    variant: int = 0
    sunny: float = 0.4


WIDE, LONG = 48, 1024
"""Pixels across half the girth and along; one along is a centimetre."""
VARIANTS = 4


def paint_bar(
    canvas: Canvas,
    start: npt.ArrayLike,
    end: npt.ArrayLike,
    radius: float,
    finish: Finish,
    mark: Mark = None,
    *,
    thin: float | None = None,
) -> None:
    """A bar from start to end, in metres; `thin` is the radius at the end."""
    first, last = np.asarray(start, float), np.asarray(end, float)
    ring = strip(canvas.camera, first, last, radius, radius if thin is None else thin)
    seen = canvas.camera.to_view(ring)
    if seen[:, 2].min() < NEAR:
        return
    pixels = canvas.camera.to_pixels(seen)
    if mark == "asset":
        canvas.whole_area += area(pixels)
    found = outline(pixels)
    if found is None:
        return
    left, top, alpha = found
    texture = bark_lit(finish, float(np.linalg.norm(last - first)))
    rows, cols = texture.shape[:2]
    width = float(np.linalg.norm(pixels[0] - pixels[1]))
    if width < WIDE / 2:
        cols = max(4, round(width * 1.3))
        rows = max(4, round(rows * max(0.1, width * 1.3 / WIDE)))
        texture = cv2.resize(texture, (cols, rows), interpolation=cv2.INTER_AREA)
    corners = np.array([[0, rows], [cols, rows], [cols, 0], [0, 0]], np.float32)
    bend = cv2.getPerspectiveTransform(corners, pixels.astype(np.float32))
    near = float(1 / seen[:, 2].mean())
    canvas.warp(Texture(rgb=texture), np.asarray(bend), left, top, alpha, near=near, mark=mark)


def bark_lit(finish: Finish, length: float) -> Pixels:
    """The bar's picture (rows, 48, 3), foot at the last row, with light across it."""
    rows = int(np.clip(length * 100, 8, LONG))
    base = bark(finish.material, finish.variant % VARIANTS)[LONG - rows :]
    across = np.linspace(-1, 1, WIDE, dtype=np.float32)
    if finish.material == "metal":
        light = _metal_light(across, finish.sunny)
    else:
        light = 1.02 - 0.5 * np.abs(across) ** 2.6 + 0.24 * finish.sunny * across
    return np.asarray(np.clip(base * light[None, :, None], 0, 255), np.uint8)


def _metal_light(across: Pixels, sunny: float) -> Pixels:
    """Hard, glossy: dark flanks, one bright streak, a faint one on the other side."""
    streak = np.exp(-(((across - 0.42 * sunny - 0.05) / 0.13) ** 2))
    other = np.exp(-(((across + 0.66 * np.sign(sunny + 1e-6)) / 0.09) ** 2))
    return np.asarray(0.62 + 1.0 * streak + 0.3 * other - 0.3 * np.abs(across) ** 3)


@cache
def bark(material: Bark, variant: int) -> Pixels:
    """Unlit material, float32 (1024, 48, 3); the foot of the bar is at the last row."""
    makers = {"wood": _wood, "concrete": _concrete, "metal": _metal}
    made: Pixels = makers[material](variant).astype(np.float32)
    return made


def _wood(variant: int) -> Pixels:
    rng = np.random.default_rng([variant, 71])
    colour = ((138, 98, 64), (96, 68, 48), (140, 122, 100), (118, 78, 48))[variant]
    noise = crop(grain(1024, 73 + variant), 0, 0, LONG, WIDE)
    grained = cv2.GaussianBlur(noise, (0, 0), sigmaX=0.7, sigmaY=34) * 9.0
    fine = cv2.GaussianBlur(noise, (0, 0), sigmaX=0.5, sigmaY=5) * 2.0
    value = 1 + 0.12 * grained + 0.08 * fine
    checks = np.zeros((LONG, WIDE), np.float32)
    for _ in range(26):
        x, y = int(rng.integers(2, WIDE - 2)), int(rng.integers(0, LONG))
        end = (x + int(rng.integers(-1, 2)), y + int(rng.integers(40, 240)))
        cv2.line(checks, (x, y), end, 1.0, 1)
    for _ in range(12):
        at = (int(rng.integers(5, WIDE - 5)), int(rng.integers(0, LONG)))
        cv2.ellipse(checks, at, (3, 6), 0, 0, 360, 0.7, -1)
    value *= 1 - 0.55 * checks
    damp = np.clip((np.arange(LONG) - (LONG - 110)) / 110, 0, 1)[:, None]
    return np.asarray((value * (1 - 0.4 * damp))[..., None] * np.array(colour, np.float32))


def _concrete(variant: int) -> Pixels:
    rng = np.random.default_rng([variant, 79])
    base = (198, 190, 208, 184)[variant]
    value = base + 6 * crop(grain(1024, 83), 0, variant * 50, LONG, WIDE)
    value += 9 * crop(clouds(1024, 1.2, 89), 0, variant * 60, LONG, WIDE)
    streaks = cv2.GaussianBlur(
        crop(grain(1024, 97), 0, 0, LONG, WIDE), (0, 0), sigmaX=1.2, sigmaY=60
    )
    value -= np.clip(streaks * 90, 0, 22)
    value[::256] *= 0.72
    pits = rng.integers(0, [LONG, WIDE], (240, 2))
    value[pits[:, 0], pits[:, 1]] *= 0.7
    if variant % 2 == 0:
        for at in range(40, LONG, 62):
            cv2.ellipse(value, (WIDE // 2, at), (5, 7), 0, 0, 360, 62.0, -1, cv2.LINE_AA)
            cv2.line(value, (WIDE // 2, at + 7), (WIDE // 2, at + 30), float(base - 34), 3)
    else:
        for at in range(0, LONG, 128):
            cv2.rectangle(value, (15, at + 16), (WIDE - 16, at + 104), float(base - 54), -1)
            cv2.rectangle(value, (15, at + 16), (19, at + 104), float(base - 92), -1)
    damp = np.clip((np.arange(LONG) - (LONG - 70)) / 70, 0, 1)[:, None]
    return np.asarray(
        (value * (1 - 0.22 * damp))[..., None] * np.array([1, 0.99, 0.96], np.float32)
    )


def _metal(variant: int) -> Pixels:
    colour = ((132, 146, 164), (50, 88, 74), (72, 80, 94), (108, 124, 148))[variant]
    value = 1 + 0.035 * crop(clouds(1024, 0.8, 101), 0, variant * 50, LONG, WIDE)
    value = value.astype(np.float32)
    for at in (LONG - 330, LONG - 640):
        value[at - 3 : at + 3] *= 0.58
        value[at - 7 : at - 3] *= 1.3
    door = (slice(LONG - 118, LONG - 66), slice(16, 33))
    value[door] *= 0.8
    cv2.rectangle(value, (16, LONG - 118), (32, LONG - 66), 0.45, 1)
    value[LONG - 9 :] *= 0.62
    tinted = value[..., None] * np.array(colour, np.float32)
    rust = np.clip(crop(clouds(1024, 1.3, 103), 0, variant * 40, LONG, WIDE) - 1.9, 0, 1)[..., None]
    return np.asarray(tinted * (1 - 0.6 * rust) + np.array([120, 74, 44], np.float32) * 0.6 * rust)
