"""Parked cars: a side view drawn out to a body, seen in true perspective."""

from dataclasses import dataclass

import numpy as np

from vistoria.street.camera import Floats
from vistoria.street.canvas import Canvas, Colour
from vistoria.street.light import facing
from vistoria.street.scene import Light

WIDTH = 1.72
PAINTS: tuple[Colour, ...] = (
    (196, 198, 202), (228, 228, 226), (44, 46, 52), (120, 26, 30), (40, 66, 110), (96, 102, 108),
    (148, 138, 118), (60, 84, 72), (176, 58, 40),
)  # fmt: skip
GLASS: Colour = (46, 56, 66)
# From the rear bumper over the roof to the front bumper: metres along, metres up.
SHAPES = (
    ((0, 0.34), (0, 0.72), (0.08, 0.98), (0.72, 1.02), (1.28, 1.42), (2.45, 1.45), (3.18, 1.0),
     (4.2, 0.84), (4.32, 0.6), (4.32, 0.34)),
    ((0, 0.34), (0, 0.8), (0.06, 1.0), (0.3, 1.06), (0.62, 1.46), (2.2, 1.5), (2.85, 1.04),
     (3.7, 0.86), (3.84, 0.6), (3.84, 0.34)),
    ((0, 0.4), (0, 0.9), (0.04, 1.1), (0.1, 1.2), (0.26, 1.92), (3.2, 1.94), (3.86, 1.2),
     (4.6, 1.02), (4.74, 0.7), (4.74, 0.4)),
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Car:
    """A car whose middle is `x` metres from the road's, its rear bumper at `z`."""

    x: float
    z: float
    paint: int
    shape: int
    away: bool

    @property
    def length(self) -> float:
        """Metres from bumper to bumper."""
        return SHAPES[self.shape][-1][0]


def paint_car(canvas: Canvas, car: Car, light: Light) -> None:
    """The ends, glass and roof first, then the side that faces the camera, then its wheels."""
    points = np.array(SHAPES[car.shape], float)
    if not car.away:
        points[:, 0] = car.length - points[:, 0]
        points = points[::-1]
    colour = PAINTS[car.paint % len(PAINTS)]
    left, right = car.x - WIDTH / 2, car.x + WIDTH / 2
    eye = canvas.camera.position
    glassy = (3, 5)
    for index in range(len(points) - 1):
        start, end = points[index], points[index + 1]
        normal = np.array([0, end[0] - start[0], -(end[1] - start[1])])
        normal = normal / max(1e-9, float(np.linalg.norm(normal)))
        middle = np.array([car.x, (start[1] + end[1]) / 2, car.z + (start[0] + end[0]) / 2])
        if normal @ (eye - middle) <= 0:
            continue
        base = GLASS if index in glassy else colour
        _strip(
            canvas, (left, right), car.z, np.stack([start, end]), dim(base, facing(light, normal))
        )
    if car.z > eye[2]:
        _lamps(canvas, car, points, left, right)
    side = left if eye[0] < left else right if eye[0] > right else None
    if side is not None:
        _side(canvas, car, points, side, light, colour)


def dim(colour: Colour, shade: float) -> Colour:
    """A colour under a light."""
    return (colour[0] * shade, colour[1] * shade, colour[2] * shade)


def _strip(
    canvas: Canvas, sides: tuple[float, float], z: float, edge: Floats, colour: Colour
) -> None:
    (z0, y0), (z1, y1) = edge
    left, right = sides
    ring = [[left, y0, z + z0], [right, y0, z + z0], [right, y1, z + z1], [left, y1, z + z1]]
    canvas.polygon(np.array(ring), colour)


def _lamps(canvas: Canvas, car: Car, points: Floats, left: float, right: float) -> None:
    """Rear (or front) lamps, the number plate and the bumper."""
    lamp: Colour = (168, 24, 22) if car.away else (236, 236, 224)
    z = car.z - 0.02
    high = float(points[1][1])
    for start, end in ((left + 0.06, left + 0.34), (right - 0.34, right - 0.06)):
        ring = np.array(
            [[start, high - 0.16, z], [end, high - 0.16, z], [end, high, z], [start, high, z]]
        )
        canvas.polygon(ring, lamp, glow=90)
    low = np.array([[left, 0.36, z], [right, 0.36, z], [right, 0.5, z], [left, 0.5, z]])
    canvas.polygon(low, (52, 54, 58))
    plate = np.array([[-0.26, 0.52, z], [0.26, 0.52, z], [0.26, 0.64, z], [-0.26, 0.64, z]])
    canvas.polygon(plate + np.array([car.x, 0, 0]), (226, 226, 220))


def _side(canvas: Canvas, car: Car, points: Floats, x: float, light: Light, colour: Colour) -> None:
    def at(ring: Floats) -> Floats:
        return np.stack([np.full(len(ring), x), ring[:, 1], ring[:, 0] + car.z], axis=1)

    normal = np.array([np.sign(x - car.x), 0, 0])
    shade = facing(light, normal)
    canvas.polygon(at(points), dim(colour, shade * 0.94))
    inner = points[3:7] if points[3, 1] > 0.95 else points[2:6]
    middle = inner.mean(axis=0)
    window = middle + (inner - middle) * [0.86, 0.76]
    canvas.polygon(at(window), dim(GLASS, shade))
    post = np.array(
        [
            [middle[0], window[:, 1].min()],
            [middle[0] + 0.09, window[:, 1].min()],
            [middle[0] + 0.09, window[:, 1].max()],
            [middle[0], window[:, 1].max()],
        ]
    )
    canvas.polygon(at(post), dim(colour, shade * 0.9))
    sill = np.array([[0.1, 0.34], [car.length - 0.1, 0.34], [car.length - 0.1, 0.46], [0.1, 0.46]])
    canvas.polygon(at(sill), dim(colour, shade * 0.5))
    turn = np.linspace(0, 2 * np.pi, 20, endpoint=False)
    wheel = np.stack([np.cos(turn), np.sin(turn)], axis=1)
    for middle_z in (0.82, car.length - 0.84):
        hub = np.array([middle_z, 0.33])
        canvas.polygon(at(hub + wheel * 0.37), (22, 22, 24))
        canvas.polygon(at(hub + wheel * 0.2), (142, 144, 148))
        canvas.polygon(at(hub + wheel * 0.07), (60, 60, 64))
