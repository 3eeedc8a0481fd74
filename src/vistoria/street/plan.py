"""The street from above: a square of ground to lay materials and paint on."""

from dataclasses import dataclass

import cv2
import numpy as np

from vistoria.street.canvas import Colour, Pixels, flat
from vistoria.street.material import FINE, SIZE, tile
from vistoria.street.scene import Ground

SIDE = 512
"""Pixels of a plan, across and along."""
KERB = 0.16
CONCRETE: Colour = (176, 172, 163)


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """A square of ground from above. Row 0 is `z0`, column 0 is `x0`; `scale` metres a pixel."""

    x0: float
    z0: float
    step: int
    rgb: Pixels

    @property
    def scale(self) -> float:
        """Metres per pixel."""
        return FINE * self.step

    def column(self, x: float) -> int:
        """The column of a place across the street, kept inside the plan."""
        return int(np.clip(round((x - self.x0) / self.scale), 0, SIDE))

    def place(self, points: Pixels) -> Pixels:
        """Points (n, 2) of x, z in metres → int32 pixels with four bits of fraction."""
        local = (points - (self.x0, self.z0)) / self.scale
        placed: Pixels = np.rint(np.maximum(np.minimum(local, 20000), -20000) * 16).astype(np.int32)
        return placed

    def band(self, left: float, right: float, name: Ground) -> None:
        """Cover everything between two lines along the street with a material."""
        start, end = self.column(left), self.column(right)
        if start >= end:
            return
        colours = tile(name, self.step)
        top, first = (
            round(self.z0 / self.scale) % SIZE,
            (round(self.x0 / self.scale) + start) % SIZE,
        )
        for row in (0, SIZE - top):
            rows = min(SIDE - row, SIZE - (top + row) % SIZE)
            if rows <= 0:
                continue
            for col in (0, SIZE - first):
                cols = min(end - start - col, SIZE - (first + col) % SIZE)
                if cols > 0:
                    above, before = (top + row) % SIZE, (first + col) % SIZE
                    part = colours[above : above + rows, before : before + cols]
                    self.rgb[row : row + rows, start + col : start + col + cols] = part

    def fill(self, points: Pixels, colour: Colour, strength: float) -> None:
        """Paint a polygon (n, 2) in metres, partly letting the ground through."""
        path = self.place(points)
        x, y, wide, high = cv2.boundingRect(path)
        left, top = max(0, x // 16 - 1), max(0, y // 16 - 1)
        right, bottom = min(SIDE, (x + wide) // 16 + 2), min(SIDE, (y + high) // 16 + 2)
        if left >= right or top >= bottom or min(wide, high) < 16:
            return
        part = self.rgb[top:bottom, left:right]
        mask = np.zeros(part.shape[:2], np.uint8)
        cv2.fillPoly(mask, [path - (left * 16, top * 16)], 255, cv2.LINE_AA, 4)
        weight = mask.astype(np.float32) * (strength / 255)
        part[:] = cv2.blendLinear(flat(part.shape, colour), part, weight, 1 - weight)

    def shade(self, points: Pixels, factor: float) -> None:
        """Darken a polygon (n, 2) in metres."""
        self.fill(points, (0, 0, 0), 1 - factor)

    def path(self, points: Pixels, width: float, colour: Colour) -> None:
        """A line through points (n, 2) in metres; left out when under a third of a pixel."""
        thick = width / self.scale
        if thick > 0.34:
            cv2.polylines(
                self.rgb, [self.place(points)], False, colour, max(1, round(thick)), cv2.LINE_AA, 4
            )
