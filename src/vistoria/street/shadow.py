"""Shadows on the ground, cast before anything stands on it."""

import cv2
import numpy as np

from vistoria.street.camera import HEIGHT, WIDTH, Floats, clip_near
from vistoria.street.canvas import SUBPIXEL, Canvas, Pixels
from vistoria.street.light import shadow_strength
from vistoria.street.scene import Scene
from vistoria.street.sky import sun_direction

LONGEST = 26.0


class Shadows:
    """Collects the shapes of shadows, then darkens the ground once."""

    def __init__(self, scene: Scene) -> None:
        sun = sun_direction(scene.light)
        slope = -1 / max(0.12, float(sun[1]))
        self.shift = np.array([sun[0] * slope, 0.0, sun[2] * slope])
        self.leaves = shadow_strength(scene.light)
        self.camera = scene.camera
        self.mask: Pixels = np.full((HEIGHT, WIDTH), 255, np.uint8)

    def fall(self, point: Floats) -> Floats:
        """Where the shadow of a point lies."""
        moved = self.shift * point[1]
        length = float(np.hypot(moved[0], moved[2]))
        if length > LONGEST:
            moved = moved * (LONGEST / length)
        return np.array([point[0] + moved[0], 0.0, point[2] + moved[2]])

    def solid(self, points: Floats) -> None:
        """The shadow of a body spanned by points (n, 3)."""
        fallen = np.array([self.fall(point) for point in points])
        hull = cv2.convexHull(fallen[:, [0, 2]].astype(np.float32))[:, 0]
        self.patch(np.stack([hull[:, 0], np.zeros(len(hull)), hull[:, 1]], axis=1), self.leaves)

    def bar(self, start: Floats, end: Floats, radius: float) -> None:
        """The shadow of a pole or trunk."""
        low, high = self.fall(start), self.fall(end)
        way = high - low
        side = np.array([way[2], 0, -way[0]]) / max(0.05, float(np.linalg.norm(way))) * radius
        self.patch(
            np.stack([low - side, low + side, high + side * 0.8, high - side * 0.8]), self.leaves
        )

    def crown(self, middle: Floats, radius: float) -> None:
        """The shadow of leaves around a point."""
        centre = self.fall(middle)
        turn = np.linspace(0, 2 * np.pi, 22, endpoint=False)
        wobble = radius * (1 + 0.16 * np.sin(5 * turn + middle[0]) + 0.1 * np.sin(9 * turn))
        stretch = 1 + min(1.2, float(np.linalg.norm(self.shift)) * 0.25)
        ring = np.stack([np.cos(turn) * wobble, 0 * turn, np.sin(turn) * wobble * stretch], axis=1)
        self.patch(centre + ring, self.leaves)

    def patch(self, ring: Floats, leaves: float) -> None:
        """Darken a shape on the ground to a share of its light."""
        seen = clip_near(self.camera.to_view(ring))
        if len(seen) < 3 or leaves > 0.995:
            return
        pixels = np.clip(self.camera.to_pixels(seen), -20000, 20000)
        path = np.round(pixels * 2**SUBPIXEL).astype(np.int32)
        cv2.fillPoly(self.mask, [path], int(leaves * 255), cv2.LINE_AA, SUBPIXEL)

    def darken(self, canvas: Canvas) -> None:
        """Take the light away; only the ground is there yet."""
        if self.mask.min() == 255:
            return
        soft = cv2.GaussianBlur(self.mask, (0, 0), 1.1)
        soft[canvas.near == 0] = 255
        cv2.multiply(canvas.rgb, cv2.merge([soft, soft, soft]), canvas.rgb, scale=1 / 255)
