"""The black figures of warning signs, as masks of 128 x 128 pixels."""

from collections.abc import Callable
from functools import cache

import cv2
import numpy as np

from vistoria.street.canvas import Pixels

SIDE = 128
Point = tuple[float, float]


def pictogram(index: int) -> Pixels:
    """The mask of one figure, uint8 (128, 128); any integer will do."""
    return _drawn(index % len(FIGURES))


@cache
def _drawn(index: int) -> Pixels:
    mask = np.zeros((SIDE, SIDE), np.uint8)
    FIGURES[index](mask)
    return mask


def _stroke(mask: Pixels, points: list[Point], thick: int) -> None:
    path = np.array(points, float) * SIDE * 16
    cv2.polylines(mask, [np.round(path).astype(np.int32)], False, 255, thick, cv2.LINE_AA, 4)


def _fill(mask: Pixels, points: list[Point], value: int = 255) -> None:
    path = np.array(points, float) * SIDE * 16
    cv2.fillPoly(mask, [np.round(path).astype(np.int32)], value, cv2.LINE_AA, 4)


def _dot(mask: Pixels, x: float, y: float, radius: float, value: int = 255) -> None:
    middle = (round(x * SIDE * 16), round(y * SIDE * 16))
    cv2.circle(mask, middle, round(radius * SIDE * 16), value, -1, cv2.LINE_AA, 4)


def _arrow(mask: Pixels, tip: Point, towards: Point, size: float) -> None:
    way = np.array(towards) / np.hypot(*towards)
    side = np.array([-way[1], way[0]])
    end = np.array(tip)
    ring = [end, end - way * size + side * size * 0.62, end - way * size - side * size * 0.62]
    _fill(mask, [(float(x), float(y)) for x, y in ring])


def _bend_right(mask: Pixels) -> None:
    _stroke(mask, [(0.36, 0.94), (0.36, 0.52), (0.42, 0.4), (0.54, 0.33), (0.66, 0.3)], 17)
    _arrow(mask, (0.92, 0.25), (1, -0.2), 0.32)


def _bend_left(mask: Pixels) -> None:
    _bend_right(mask)
    mask[:] = mask[:, ::-1].copy()


def _winding(mask: Pixels) -> None:
    path = [(0.5, 0.95), (0.5, 0.82), (0.36, 0.7), (0.36, 0.6), (0.62, 0.46), (0.62, 0.36)]
    _stroke(mask, [*path, (0.5, 0.28)], 15)
    _arrow(mask, (0.42, 0.04), (-0.25, -1), 0.3)


def _crossroads(mask: Pixels) -> None:
    _stroke(mask, [(0.5, 0.06), (0.5, 0.94)], 20)
    _stroke(mask, [(0.1, 0.5), (0.9, 0.5)], 20)


def _side_road(mask: Pixels) -> None:
    _stroke(mask, [(0.42, 0.06), (0.42, 0.94)], 20)
    _stroke(mask, [(0.42, 0.5), (0.88, 0.5)], 17)


def _t_junction(mask: Pixels) -> None:
    _stroke(mask, [(0.5, 0.3), (0.5, 0.92)], 20)
    _stroke(mask, [(0.1, 0.28), (0.9, 0.28)], 20)


def _bump(mask: Pixels) -> None:
    turn = np.linspace(np.pi, 2 * np.pi, 20)
    for middle in (0.3, 0.7):
        hill = [(middle + 0.19 * np.cos(a), 0.7 + 0.24 * np.sin(a)) for a in turn]
        _fill(mask, [(float(x), float(y)) for x, y in hill])
    _fill(mask, [(0.05, 0.68), (0.95, 0.68), (0.95, 0.78), (0.05, 0.78)])


def _person(mask: Pixels, x: float, y: float, size: float, way: float) -> None:
    def at(dx: float, dy: float) -> Point:
        return (x + dx * size * way, y + dy * size)

    _dot(mask, *at(0.02, -0.42), 0.1 * size)
    thick = max(5, round(13 * size))
    _stroke(mask, [at(0, -0.28), at(-0.02, 0.05)], round(thick * 1.5))
    _stroke(mask, [at(-0.02, 0.05), at(0.14, 0.26), at(0.16, 0.48)], thick)
    _stroke(mask, [at(-0.02, 0.05), at(-0.12, 0.28), at(-0.24, 0.46)], thick)
    _stroke(mask, [at(0, -0.24), at(0.17, -0.08), at(0.24, 0.02)], round(thick * 0.8))
    _stroke(mask, [at(0, -0.24), at(-0.16, -0.08), at(-0.2, 0.08)], round(thick * 0.8))


def _pedestrian(mask: Pixels) -> None:
    _person(mask, 0.5, 0.5, 0.94, 1)


def _children(mask: Pixels) -> None:
    _person(mask, 0.33, 0.48, 0.82, 1)
    _person(mask, 0.7, 0.56, 0.66, 1)


def _exclamation(mask: Pixels) -> None:
    _fill(mask, [(0.4, 0.08), (0.6, 0.08), (0.55, 0.66), (0.45, 0.66)])
    _dot(mask, 0.5, 0.83, 0.09)


def _deer(mask: Pixels) -> None:
    _fill(
        mask,
        [
            (0.16, 0.5),
            (0.3, 0.4),
            (0.62, 0.44),
            (0.78, 0.2),
            (0.9, 0.28),
            (0.76, 0.58),
            (0.3, 0.62),
        ],
    )
    for start, end in (
        ((0.22, 0.56), (0.06, 0.9)),
        ((0.34, 0.58), (0.3, 0.92)),
        ((0.62, 0.56), (0.74, 0.88)),
        ((0.7, 0.5), (0.94, 0.74)),
    ):
        _stroke(mask, [start, end], 8)
    _stroke(mask, [(0.8, 0.22), (0.72, 0.04)], 6)
    _stroke(mask, [(0.83, 0.22), (0.9, 0.04)], 6)


def _signals(mask: Pixels) -> None:
    _fill(mask, [(0.33, 0.06), (0.67, 0.06), (0.67, 0.94), (0.33, 0.94)])
    for y in (0.23, 0.5, 0.77):
        _dot(mask, 0.5, y, 0.105, 90)


def _slippery(mask: Pixels) -> None:
    _fill(mask, [(0.26, 0.42), (0.34, 0.2), (0.66, 0.2), (0.74, 0.42), (0.78, 0.6), (0.22, 0.6)])
    for side in (0.36, 0.64):
        wave = [(side + 0.09 * np.sin(7 * t), 0.66 + 0.3 * t) for t in np.linspace(0, 1, 12)]
        _stroke(mask, [(float(x), float(y)) for x, y in wave], 7)


def _narrows(mask: Pixels) -> None:
    _stroke(mask, [(0.26, 0.94), (0.26, 0.62), (0.4, 0.4), (0.4, 0.06)], 12)
    _stroke(mask, [(0.74, 0.94), (0.74, 0.62), (0.6, 0.4), (0.6, 0.06)], 12)


def _bicycle(mask: Pixels) -> None:
    for x in (0.24, 0.76):
        cv2.circle(mask, (round(x * SIDE), round(0.64 * SIDE)), 23, 255, 6, cv2.LINE_AA)
    _stroke(mask, [(0.24, 0.64), (0.42, 0.36), (0.68, 0.36), (0.5, 0.64), (0.24, 0.64)], 6)
    _stroke(mask, [(0.5, 0.64), (0.4, 0.28), (0.32, 0.28)], 6)
    _stroke(mask, [(0.76, 0.64), (0.66, 0.24), (0.76, 0.22)], 6)


FIGURES: tuple[Callable[[Pixels], None], ...] = (
    _bend_right, _bend_left, _winding, _crossroads, _side_road, _t_junction, _bump, _pedestrian,
    _children, _exclamation, _deer, _signals, _slippery, _narrows, _bicycle,
)  # fmt: skip
