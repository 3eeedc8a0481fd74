"""The faces of road signs, as new from the works: colour and outline, 256 x 256 pixels."""

from functools import lru_cache

import cv2
import numpy as np

from vistoria.street.canvas import Colour, Pixels
from vistoria.street.lettering import stamp, text_mask
from vistoria.street.pictogram import pictogram
from vistoria.street.scene import Sign, Style
from vistoria.street.truth import SignKind

SIDE = 256
MIDDLE = SIDE / 2
RED: Colour = (188, 22, 32)
WHITE: Colour = (244, 244, 240)
BLACK: Colour = (16, 16, 18)
YELLOWS: tuple[Colour, ...] = ((246, 190, 16), (248, 176, 8), (236, 118, 22), (206, 222, 40))


def new_plate(sign: Sign) -> tuple[Pixels, Pixels]:
    """RGB (256, 256, 3) and outline (256, 256) of a clean plate; fresh arrays."""
    number = sign.speed_limit or 0
    rgb, alpha = _plate(sign.kind, sign.style, number, sign.seed % 997)
    return rgb.copy(), alpha.copy()


@lru_cache(maxsize=64)
def _plate(kind: SignKind, style: Style, number: int, variant: int) -> tuple[Pixels, Pixels]:
    rgb: Pixels = np.full((SIDE, SIDE, 3), 240, np.uint8)
    alpha: Pixels = np.zeros((SIDE, SIDE), np.uint8)
    if kind == "stop":
        _stop(rgb, alpha, variant)
    elif kind == "yield":
        _yield(rgb, alpha, style, variant)
    elif kind == "speed_limit" and style == "american":
        _speed_board(rgb, alpha, number)
    elif kind == "speed_limit":
        _speed_disc(rgb, alpha, number, variant)
    elif style == "american":
        _diamond(rgb, alpha, variant)
    else:
        _triangle(rgb, alpha, variant)
    return rgb, alpha


def polygon(count: int, radius: float, turn: float, *, drop: float = 0.0) -> Pixels:
    """Corners (count, 2) of a regular polygon about the plate's middle, `drop` pixels lower."""
    angle = np.radians(turn) + 2 * np.pi * np.arange(count) / count
    return MIDDLE + np.stack([np.cos(angle), np.sin(angle)], 1) * radius + [0, drop]


def rounded(corners: Pixels, radius: float) -> Pixels:
    """The same polygon, shrunk by `radius`; drawn with `fill`'s rounding it keeps its size."""
    middle = corners.mean(axis=0)
    way = corners - middle
    length = np.linalg.norm(way, axis=1, keepdims=True)
    return np.asarray(middle + way * (1 - radius / length))


def fill(target: Pixels, corners: Pixels, colour: Colour | int, rounding: int = 0) -> None:
    """Fill a polygon; `rounding` pixels are added around it with round corners."""
    path = [np.round(corners * 16).astype(np.int32)]
    shade = (colour,) * 3 if isinstance(colour, int) else colour
    cv2.fillPoly(target, path, shade, cv2.LINE_AA, 4)
    if rounding:
        cv2.polylines(target, path, True, shade, rounding * 2, cv2.LINE_AA, 4)


def _stop(rgb: Pixels, alpha: Pixels, variant: int) -> None:
    fill(alpha, polygon(8, 136, 22.5), 255)
    rgb[:] = WHITE
    fill(rgb, polygon(8, 126, 22.5), RED)
    word = ("STOP", "STOP", "STOP", "STOP", "PARE", "ALTO")[variant % 6]
    stamp(rgb, text_mask(word, 196, 82, 5), (MIDDLE, MIDDLE), WHITE)


def _yield(rgb: Pixels, alpha: Pixels, style: Style, variant: int) -> None:
    shape = polygon(3, 136, 90, drop=-34)
    fill(alpha, shape, 255, 9)
    rgb[:] = WHITE if style == "american" else RED
    fill(rgb, polygon(3, 134, 90, drop=-34), RED, 4)
    inner = polygon(3, 70 if style == "american" else 82, 90, drop=-34)
    ground = (246, 206, 60) if style == "european" and variant % 7 == 0 else WHITE
    fill(rgb, inner, ground, 3)
    if style == "american":
        stamp(rgb, text_mask("YIELD", 74, 24, 6), (MIDDLE, MIDDLE - 52), RED)


def _speed_disc(rgb: Pixels, alpha: Pixels, number: int, variant: int) -> None:
    middle = (int(MIDDLE), int(MIDDLE))
    cv2.circle(alpha, middle, 126, 255, -1, cv2.LINE_AA)
    rgb[:] = WHITE
    cv2.circle(rgb, middle, 122, RED, -1, cv2.LINE_AA)
    ground = (246, 206, 60) if variant % 6 == 0 else WHITE
    cv2.circle(rgb, middle, 93, ground, -1, cv2.LINE_AA)
    text = str(number)
    wide, high = (120, 96) if len(text) == 2 else (148, 84)
    stamp(rgb, text_mask(text, wide, high, 5), (MIDDLE, MIDDLE), BLACK)


def _speed_board(rgb: Pixels, alpha: Pixels, number: int) -> None:
    corners = np.array([[32, 10], [224, 10], [224, 246], [32, 246]], float)
    fill(alpha, corners, 255, 8)
    rgb[:] = WHITE
    inner = np.array([[36, 14], [220, 14], [220, 242], [36, 242]], float)
    path = [np.round(inner * 16).astype(np.int32)]
    cv2.polylines(rgb, path, True, BLACK, 6, cv2.LINE_AA, 4)
    stamp(rgb, text_mask("SPEED", 132, 34, 4), (MIDDLE, 46), BLACK)
    stamp(rgb, text_mask("LIMIT", 118, 34, 4), (MIDDLE, 92), BLACK)
    text = str(number)
    stamp(rgb, text_mask(text, 128 if len(text) == 2 else 152, 104, 6), (MIDDLE, 174), BLACK)


def _diamond(rgb: Pixels, alpha: Pixels, variant: int) -> None:
    fill(alpha, polygon(4, 122, 0), 255, 5)
    colour = YELLOWS[variant % len(YELLOWS)]
    rgb[:] = colour
    path = [np.round(polygon(4, 112, 0) * 16).astype(np.int32)]
    cv2.polylines(rgb, path, True, BLACK, 7, cv2.LINE_AA, 4)
    stamp(rgb, cv2.resize(pictogram(variant // 4), (118, 118)), (MIDDLE, MIDDLE), BLACK)


def _triangle(rgb: Pixels, alpha: Pixels, variant: int) -> None:
    fill(alpha, polygon(3, 136, -90, drop=34), 255, 9)
    rgb[:] = WHITE
    fill(rgb, polygon(3, 134, -90, drop=34), RED, 5)
    ground = (246, 206, 60) if variant % 4 == 0 else WHITE
    fill(rgb, polygon(3, 90, -90, drop=34), ground, 3)
    stamp(rgb, cv2.resize(pictogram(variant // 4), (88, 88)), (MIDDLE, MIDDLE + 42), BLACK)
