"""Road signs: plate, post, and at times a small plate below."""

import cv2
import numpy as np

from vistoria.street.bar import Finish, paint_bar
from vistoria.street.canvas import Canvas, Texture
from vistoria.street.geometry import plate
from vistoria.street.light import facing
from vistoria.street.plate import new_plate
from vistoria.street.scene import Scene, Sign
from vistoria.street.wear import age


def paint_sign(canvas: Canvas, scene: Scene, sign: Sign) -> None:
    """The post, then the plate, which throws headlights back."""
    rng = np.random.default_rng([sign.seed, 11])
    corners = plate(sign)
    low = np.array([sign.x, 0.0, sign.z])
    high = np.array([sign.x, sign.plate_height + sign.size * 0.9, sign.z])
    wood = sign.style == "american" and rng.random() < 0.35
    paint_bar(
        canvas, low, high, 0.05 if wood else 0.034, Finish("wood" if wood else "metal"), "fitting"
    )
    turn = np.radians(sign.facing)
    shade = facing(scene.light, np.array([np.sin(turn), 0.0, -np.cos(turn)]))
    glow = 0
    if scene.light.time_of_day == "night":
        glow = {"clean": 205, "graffiti": 190, "faded": 188}[sign.condition]
    if rng.random() < 0.18:
        _below(canvas, sign, shade, glow)
    rgb, alpha = new_plate(sign)
    canvas.quad(
        Texture(rgb=age(rgb, sign), alpha=alpha), corners, shade=shade, glow=glow, mark="asset"
    )


def _below(canvas: Canvas, sign: Sign, shade: float, glow: int) -> None:
    """A small white plate with a line of something unreadable."""
    rgb = np.full((40, 96, 3), 232, np.uint8)
    cv2.rectangle(rgb, (2, 2), (93, 37), (40, 40, 44), 2)
    cv2.line(rgb, (22, 20), (72, 20), (40, 40, 44), 5)
    cv2.fillPoly(rgb, [np.array([[70, 10], [84, 20], [70, 30]], np.int32)], (40, 40, 44))
    origin, right, bottom = plate(sign)
    across = (right - origin) * 0.62
    corner = bottom + (right - origin) * 0.19 - np.array([0, 0.04, 0])
    drop = np.array([0, -sign.size * 0.26, 0])
    corners = np.stack([corner, corner + across, corner + drop])
    canvas.quad(Texture(rgb=rgb), corners, shade=shade, glow=glow, mark="fitting")
