"""Utility poles."""

import numpy as np

from vistoria.street.canvas import Canvas, Colour
from vistoria.street.geometry import axis, foot, shaft, strip
from vistoria.street.scene import Pole, Scene

COLOURS: dict[str, Colour] = {
    "wood": (112, 80, 54),
    "concrete": (176, 172, 162),
    "metal": (110, 118, 128),
}


def paint_pole(canvas: Canvas, scene: Scene, pole: Pole) -> None:
    """The shaft, its crossarms, wires, transformer and plants."""
    canvas.polygon(shaft(canvas.camera, pole), COLOURS[pole.material], mark="asset")
    up, base = axis(pole), foot(pole)
    for arm in range(pole.arms):
        middle = base + up * (pole.height - 0.4 - 0.8 * arm)
        half = np.array([1.1, 0, 0])
        bar = strip(canvas.camera, middle - half, middle + half, 0.06, 0.06)
        canvas.polygon(bar, (96, 76, 58), mark="fitting")
    if pole.transformer:
        low = base + up * (pole.height * 0.68) + np.array([pole.radius + 0.3, 0, 0])
        can = strip(canvas.camera, low, low + np.array([0, 1.0, 0]), 0.3, 0.3)
        canvas.polygon(can, (150, 154, 156), mark="fitting")
    if pole.vegetation:
        rng = np.random.default_rng(pole.seed)
        for _ in range(60):
            spot = (
                base + up * rng.uniform(0, 0.3) * pole.height + rng.normal(0, 0.25, 3) * [1, 0, 1]
            )
            leaf = spot + rng.normal(0, 0.16, (4, 3))
            canvas.polygon(leaf, (60, 110 + 20 * rng.normal(), 40))
