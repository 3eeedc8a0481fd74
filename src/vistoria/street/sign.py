"""Road signs."""

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from vistoria.street.canvas import Canvas, Pixels, Texture
from vistoria.street.geometry import plate, strip
from vistoria.street.scene import Scene, Sign

SIZE = 192


def paint_sign(canvas: Canvas, scene: Scene, sign: Sign) -> None:
    """The post and the plate."""
    low, high = np.array([sign.x, 0, sign.z]), np.array([sign.x, sign.plate_height + 0.4, sign.z])
    canvas.polygon(strip(canvas.camera, low, high, 0.035, 0.035), (130, 134, 138), mark="fitting")
    glow = 150 if scene.light.time_of_day == "night" else 0
    canvas.quad(face(sign), plate(sign), glow=glow, mark="asset")


def face(sign: Sign) -> Texture:
    """The plate's picture."""
    alpha = np.zeros((SIZE, SIZE), np.uint8)
    rgb: Pixels = np.full((SIZE, SIZE, 3), 240, np.uint8)
    middle, text = (SIZE // 2, SIZE // 2), ""
    if sign.kind == "stop":
        turn = np.radians(22.5 + 45 * np.arange(8))
        ring = (96 + 98 * np.stack([np.cos(turn), np.sin(turn)], 1)).astype(np.int32)
        cv2.fillPoly(alpha, [ring], 255)
        rgb[:] = (190, 25, 35)
        text = "STOP"
    elif sign.kind == "yield":
        cv2.fillPoly(alpha, [np.array([[2, 14], [190, 14], [96, 184]], np.int32)], 255)
        rgb[:] = (190, 25, 35)
        cv2.fillPoly(rgb, [np.array([[36, 34], [156, 34], [96, 142]], np.int32)], (240, 240, 240))
    elif sign.kind == "speed_limit":
        cv2.circle(alpha, middle, 94, 255, -1)
        cv2.circle(rgb, middle, 84, (190, 25, 35), 20)
        text = str(sign.speed_limit)
    else:
        cv2.fillPoly(alpha, [np.array([[96, 2], [190, 96], [96, 190], [2, 96]], np.int32)], 255)
        rgb[:] = (240, 190, 30)
        text = "!"
    picture = Image.fromarray(rgb)
    font = ImageFont.load_default(96 if len(text) < 3 else 62)
    colour = (250, 250, 250) if sign.kind == "stop" else (10, 10, 10)
    ImageDraw.Draw(picture).text(middle, text, fill=colour, anchor="mm", font=font, stroke_width=2)
    rgb = np.asarray(picture).copy()
    if sign.condition == "faded":
        rgb = (rgb * 0.4 + 0.6 * 215).astype(np.uint8)
    if sign.condition == "graffiti":
        rng = np.random.default_rng(sign.seed)
        for _ in range(3):
            path = rng.integers(20, 170, (6, 2)).astype(np.int32)
            cv2.polylines(rgb, [path], False, rng.integers(0, 255, 3).tolist(), 9, cv2.LINE_AA)
    return Texture(rgb=rgb, alpha=alpha)
