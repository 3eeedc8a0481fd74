"""The sky: colours by height, clouds, stars."""

import numpy as np

from vistoria.street.canvas import Canvas
from vistoria.street.scene import Scene

TOP = {
    "day": (92, 144, 208),
    "overcast": (168, 176, 184),
    "dusk": (84, 98, 140),
    "night": (10, 13, 22),
}
LOW = {
    "day": (200, 218, 234),
    "overcast": (206, 210, 213),
    "dusk": (236, 178, 128),
    "night": (30, 32, 40),
}


def paint_sky(canvas: Canvas, scene: Scene) -> None:
    """Fill the picture with sky."""
    rows = np.linspace(0, 1.6, canvas.rgb.shape[0])[:, None, None].clip(0, 1)
    time = scene.light.time_of_day
    canvas.rgb[:] = (np.array(TOP[time]) * (1 - rows) + np.array(LOW[time]) * rows).astype(np.uint8)
    canvas.glow[:] = 255
