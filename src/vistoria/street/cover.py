"""Maintenance covers."""

import cv2
import numpy as np

from vistoria.street.canvas import Canvas, Pixels, Texture
from vistoria.street.geometry import lid
from vistoria.street.scene import Cover, Scene

SIZE = 192


def paint_cover(canvas: Canvas, scene: Scene, cover: Cover) -> None:
    """The cover in the ground."""
    canvas.quad(top(cover), lid(cover), mark="asset")


def top(cover: Cover) -> Texture:
    """The cover's picture from above."""
    rng = np.random.default_rng(cover.seed)
    rgb: Pixels = np.full((SIZE, SIZE, 3), 104, np.uint8)
    alpha = np.full((SIZE, SIZE), 255, np.uint8)
    for at in range(8, SIZE, 20):
        cv2.line(rgb, (at, 0), (at, SIZE), (70, 68, 66), 5)
        cv2.line(rgb, (0, at), (SIZE, at), (70, 68, 66), 5)
    if cover.shape == "round":
        alpha[:] = 0
        cv2.circle(alpha, (96, 96), 95, 255, -1)
        cv2.circle(rgb, (96, 96), 90, (60, 58, 56), 6)
    else:
        cv2.rectangle(rgb, (4, 4), (187, 187), (60, 58, 56), 6)
    if cover.cracked:
        path = np.stack([np.linspace(5, 187, 9), 96 + rng.normal(0, 22, 9)], 1).astype(np.int32)
        cv2.polylines(rgb, [path], False, (8, 8, 8), 7, cv2.LINE_AA)
    return Texture(rgb=rgb, alpha=alpha)
