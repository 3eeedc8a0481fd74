"""What hangs or lies between camera and asset."""

import numpy as np

from vistoria.street.canvas import Canvas
from vistoria.street.foliage import foliage
from vistoria.street.geometry import occluder_height, rise
from vistoria.street.scene import Occluder, Scene


def paint_occluder(canvas: Canvas, scene: Scene, thing: Occluder) -> None:
    """A bush, a bough from above, or fallen leaves on the ground."""
    rng = np.random.default_rng([thing.seed, 41])
    variant = int(rng.integers(0, 6))
    middle = np.array([thing.x, 0.0, thing.z])
    if thing.kind == "leaves":
        _leaves(canvas, thing, rng)
    elif thing.kind == "bush":
        canvas.sprite(foliage("bush", variant), middle, thing.size * 1.5, thing.size)
    else:
        low = middle + rise(occluder_height(scene) - thing.size * 0.4)
        canvas.sprite(foliage("bough", variant), low, thing.size * 1.5, thing.size)
        end = low + np.array([thing.size * 1.2, thing.size * 1.1, 0])
        canvas.line(np.stack([low + rise(thing.size * 0.5), end]), 0.03, (74, 58, 44))


def _leaves(canvas: Canvas, thing: Occluder, rng: np.random.Generator) -> None:
    for _ in range(int(rng.integers(14, 40))):
        spot = np.array([thing.x, 0.004, thing.z]) + rng.normal(0, 0.3, 3) * [1, 0, 1]
        turn, size = rng.uniform(0, 6.3), float(rng.uniform(0.03, 0.06))
        along = np.array([np.cos(turn), 0, np.sin(turn)]) * size
        side = np.array([-along[2], 0, along[0]]) * 0.5
        tone = rng.uniform(0.6, 1.1)
        colour = (168 * tone, (96 + 40 * rng.random()) * tone, 42 * tone)
        canvas.polygon(np.stack([spot - along, spot + side, spot + along, spot - side]), colour)
