"""A pin-hole camera in the street's own coordinates (metres: x right, y up, z along the street)."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

WIDTH, HEIGHT = 640, 480
NEAR = 0.35
"""Metres in front of the lens; what is nearer is cut off."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Camera:
    """Where the photo is taken from. Angles in degrees: heading right, pitch up, roll clockwise."""

    x: float
    height: float
    z: float
    heading: float
    pitch: float
    roll: float
    focal: float

    @property
    def position(self) -> Floats:
        """The lens in the street's coordinates, shape (3,)."""
        return np.array([self.x, self.height, self.z])

    def to_view(self, points: npt.ArrayLike) -> Floats:
        """Points (n, 3) in the street's coordinates → (n, 3) as seen (right, down, forward)."""
        seen: Floats = (np.asarray(points, dtype=np.float64) - self.position) @ rotation(self).T
        return seen

    def to_pixels(self, seen: Floats) -> Floats:
        """Points (n, 3) in view coordinates, all in front of the lens → (n, 2) pixels."""
        flat = seen[:, :2] / seen[:, 2:] * self.focal
        return np.asarray(flat + np.array([WIDTH / 2, HEIGHT / 2]))

    def plane(self, origin: npt.ArrayLike, across: npt.ArrayLike, down: npt.ArrayLike) -> Floats:
        """The homography from (s, t) on the plane `origin + s·across + t·down` to pixels."""
        turn = rotation(self)
        start = np.asarray(origin, dtype=np.float64) - self.position
        columns = np.stack(
            [turn @ np.asarray(across, float), turn @ np.asarray(down, float), turn @ start], axis=1
        )
        return np.asarray(lens(self.focal) @ columns)


def lens(focal: float) -> Floats:
    """The 3x3 matrix from view coordinates to homogeneous pixels."""
    return np.array([[focal, 0, WIDTH / 2], [0, focal, HEIGHT / 2], [0, 0, 1.0]])


@lru_cache(maxsize=64)
def rotation(camera: Camera) -> Floats:
    """The 3x3 matrix whose rows are the view's right, down and forward directions."""
    head, tilt, roll = np.radians([camera.heading, camera.pitch, camera.roll])
    forward = np.array([np.sin(head) * np.cos(tilt), np.sin(tilt), np.cos(head) * np.cos(tilt)])
    right = np.array([np.cos(head), 0.0, -np.sin(head)])
    up = np.array([-np.sin(head) * np.sin(tilt), np.cos(tilt), -np.cos(head) * np.sin(tilt)])
    rolled = np.cos(roll) * right - np.sin(roll) * up
    down = -(np.sin(roll) * right + np.cos(roll) * up)
    return np.stack([rolled, down, forward])


def cross(first: Floats, second: Floats) -> Floats:
    """The cross product of two vectors (3,), without NumPy's overhead for so little work."""
    a, b, c = first.tolist()
    d, e, f = second.tolist()
    return np.array([b * f - c * e, c * d - a * f, a * e - b * d])


def clip_near(seen: Floats, nearest: float = NEAR) -> Floats:
    """A polygon (n, 3) in view coordinates, cut at `nearest` metres in front of the lens."""
    if bool((seen[:, 2] >= nearest).all()):
        return seen
    kept = []
    for start, end in zip(seen, np.roll(seen, -1, axis=0), strict=True):
        inside, next_inside = start[2] >= nearest, end[2] >= nearest
        if inside:
            kept.append(start)
        if inside != next_inside:
            share = (nearest - start[2]) / (end[2] - start[2])
            kept.append(start + share * (end - start))
    return np.array(kept).reshape(-1, 3)
