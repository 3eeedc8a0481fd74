"""The ground: road, pavement, verge."""

import numpy as np

from vistoria.street.canvas import Canvas, Colour
from vistoria.street.scene import Scene

COLOURS: dict[str, Colour] = {
    "asphalt": (84, 84, 88),
    "worn_asphalt": (116, 114, 112),
    "concrete": (164, 160, 152),
    "paving": (150, 132, 118),
    "cobble": (118, 114, 110),
    "grass": (88, 122, 60),
    "dirt": (142, 116, 88),
    "gravel": (140, 134, 126),
}


def paint_ground(canvas: Canvas, scene: Scene) -> None:
    """Lay out the street to the horizon."""
    street, z = scene.street, scene.camera.z
    half = street.road_width / 2
    edge = half + street.pavement_width
    for width, name in ((300.0, street.verge), (edge, street.pavement), (half, street.road)):
        band = [[-width, 0, z - 5], [width, 0, z - 5], [width, 0, z + 600], [-width, 0, z + 600]]
        canvas.polygon(np.array(band, float), COLOURS[name])
