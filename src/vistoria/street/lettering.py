"""Text as masks, in Pillow's built-in typeface, stretched into a box as road lettering is."""

from functools import lru_cache

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from vistoria.street.canvas import Pixels

HEIGHT = 120


@lru_cache(maxsize=256)
def text_mask(text: str, width: int, height: int, stroke: int = 4) -> Pixels:
    """The text filling a box of width x height pixels exactly, uint8 0 … 255."""
    font = ImageFont.load_default(HEIGHT)
    page = Image.new("L", (HEIGHT * (len(text) + 1), HEIGHT * 2), 0)
    ImageDraw.Draw(page).text(
        (HEIGHT // 2, HEIGHT // 2), text, fill=255, font=font, stroke_width=stroke
    )
    left, top, right, bottom = page.getbbox() or (0, 0, 1, 1)
    inked = np.asarray(page)[top:bottom, left:right]
    return cv2.resize(inked, (width, height), interpolation=cv2.INTER_AREA)


def stamp(
    rgb: Pixels, mask: Pixels, middle: tuple[float, float], colour: tuple[float, float, float]
) -> None:
    """Print a mask on a picture, centred on `middle` (x, y); what falls outside is cut off."""
    rows, cols = mask.shape
    left, top = round(middle[0] - cols / 2), round(middle[1] - rows / 2)
    start, begin = max(0, -left), max(0, -top)
    part = rgb[max(0, top) : top + rows, max(0, left) : left + cols]
    inside = mask[begin : begin + part.shape[0], start : start + part.shape[1]]
    weight = (inside.astype(np.float32) / 255)[..., None]
    part[:] = (part * (1 - weight) + np.array(colour, np.float32) * weight).astype(np.uint8)
