"""Between houses and street: fences, hedges, low walls. And the far tree line."""

from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Literal

import cv2
import numpy as np

from vistoria.street.canvas import Canvas, Texture
from vistoria.street.facade import wall
from vistoria.street.foliage import foliage
from vistoria.street.light import facing
from vistoria.street.noise import clouds
from vistoria.street.scene import Light


@dataclass(frozen=True, slots=True, kw_only=True)
class Border:
    """A fence, hedge or wall along the street at `x`, from `z` for `length` metres."""

    kind: Literal["pickets", "hedge", "wall", "rails"]
    x: float
    z: float
    length: float
    height: float
    variant: int


def paint_border(canvas: Canvas, border: Border, light: Light) -> None:
    """The side towards the street, in pieces."""
    away = float(np.sign(border.x))
    shade = facing(light, np.array([-away, 0.2, 0]))
    texture = _texture(border.kind, border.variant % 3)
    piece = 6.0
    count = max(1, round(border.length / piece))
    order = range(count - 1, -1, -1)
    up = np.array([0, border.height, 0])
    for index in order:
        near = np.array([border.x, 0, border.z + index * piece])
        far = near + np.array([0, 0, piece])
        first, last = (near, far) if away > 0 else (far, near)
        canvas.quad(texture, np.stack([last + up, first + up, last]), shade=shade)


@cache
def _texture(kind: str, variant: int) -> Texture:
    if kind == "hedge":
        return foliage("hedge", (0, 1, 5)[variant])
    if kind == "wall":
        colours = ((196, 188, 172), (150, 98, 78), (172, 172, 168))
        return Texture(rgb=wall(48, 200, colours[variant], brick=variant == 1, seed=variant + 40))
    rgb = np.zeros((64, 320, 3), np.uint8)
    rgb[:] = ((228, 226, 218), (122, 92, 64), (72, 76, 80))[variant]
    alpha = np.zeros((64, 320), np.uint8)
    if kind == "pickets":
        for x in range(2, 320, 10):
            points = np.array([[x, 63], [x, 8], [x + 3, 2], [x + 6, 8], [x + 6, 63]], np.int32)
            cv2.fillPoly(alpha, [points], 255)
            cv2.line(rgb, (x + 6, 4), (x + 6, 63), (120, 112, 100), 1)
        bars: tuple[int, ...] = (18, 48)
    else:
        for x in range(4, 320, 64):
            cv2.rectangle(alpha, (x, 0), (x + 6, 63), 255, -1)
        bars = (8, 26, 44)
    for y in bars:
        cv2.rectangle(alpha, (0, y), (319, y + 5), 255, -1)
    return Texture(rgb=rgb, alpha=alpha)


@cache
def tree_line(variant: int) -> Texture:
    """Woods and roofs far away, (96, 768), with alpha."""
    field = clouds(1024, 1.2, 137)[variant * 97]
    fine = clouds(1024, 0.7, 139)[variant * 91]
    rows = np.arange(96)[:, None]
    top = 46 - 15 * field[:768] - 5 * fine[:768]
    alpha = np.clip((rows - top) * 160, 0, 255).astype(np.uint8)
    depth = np.clip((rows - top) / 60, 0, 1)[..., None]
    rgb = (
        np.array([104, 124, 96]) * (1 - 0.4 * depth) + 10 * clouds(1024, 0.5, 149)[:96, :768, None]
    )
    return Texture(rgb=np.clip(rgb, 0, 255).astype(np.uint8), alpha=alpha)


def paint_far(canvas: Canvas, variant: int, height: float) -> None:
    """A ring of far woods around the street."""
    texture = tree_line(variant % 8)
    up, far = np.array([0, height, 0]), 260.0
    corners = [
        np.array([x, -1.0, z]) for x, z in ((-far, -far), (-far, far), (far, far), (far, -far))
    ]
    for start, end in pairwise(corners):
        canvas.quad(texture, np.stack([start + up, end + up, start]))
