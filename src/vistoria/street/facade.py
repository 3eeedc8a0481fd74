"""House fronts as pictures: walls, windows with frames and curtains, doors, shops, balconies."""

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np

from vistoria.street.canvas import Colour, Pixels, Texture
from vistoria.street.noise import clouds, crop, grain

SCALE = 24
"""Pixels per metre."""
VARIANTS = 8
PLASTER: tuple[Colour, ...] = (
    (226, 216, 196), (214, 196, 160), (206, 186, 172), (196, 204, 206), (232, 228, 220),
    (212, 176, 132), (188, 160, 140), (176, 190, 176), (222, 204, 140), (200, 168, 160),
)  # fmt: skip
BRICK: tuple[Colour, ...] = ((158, 92, 70), (142, 84, 68), (176, 118, 88), (128, 88, 76))
GLASS: Colour = (58, 70, 84)
LAMP: Colour = (255, 214, 140)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Facade:
    """A front `width` x `height` metres with its wall colour; `side` is the windowless wall."""

    front: Texture
    by_day: Texture
    side: Texture
    width: float
    height: float
    wall: Colour


@cache
def facade(district: str, variant: int) -> Facade:
    """One of eight fronts of a district."""
    rng = np.random.default_rng([variant, sum(map(ord, district)), 109])
    tall = {
        "houses": (1, 3),
        "rural": (1, 2),
        "blocks": (4, 8),
        "shops": (2, 4),
        "industry": (2, 3),
    }
    storeys = int(rng.integers(*tall[district]))
    floor = 3.0 if district != "industry" else 3.8
    bay = float(rng.uniform(2.3, 3.2))
    bays = int(rng.integers(3, 6)) if district in {"houses", "rural"} else int(rng.integers(4, 8))
    width, height = bays * bay, storeys * floor + 0.4
    rows, cols = round(height * SCALE), round(width * SCALE)
    bricks = rng.random() < 0.35
    options = BRICK if bricks else PLASTER
    colour = options[int(rng.integers(0, len(options)))]
    rgb = wall(rows, cols, colour, brick=bricks, seed=variant)
    side = wall(rows, round(9 * SCALE), colour, brick=bricks, seed=variant + 9)
    glow = np.zeros((rows, cols), np.uint8)
    gable = _Front(side, np.zeros(side.shape[:2], np.uint8), rng, bay * SCALE, floor * SCALE)
    for storey in range(storeys):
        gable.small_window(side.shape[1] * float(rng.uniform(0.25, 0.75)), storey)
    front = _Front(rgb, glow, rng, bay * SCALE, floor * SCALE)
    for storey in range(storeys):
        front.storey(storey, bays, shop=district == "shops" and storey == 0)
    front.trim(colour, rows, cols)
    return Facade(
        front=Texture(rgb=rgb, glow=glow),
        by_day=Texture(rgb=_unlit(rgb, glow)),
        side=Texture(rgb=side),
        width=width,
        height=height,
        wall=colour,
    )


def _unlit(rgb: Pixels, glow: Pixels) -> Pixels:
    """The front with its lamps off: dark glass with the sky in it."""
    slope = np.linspace(1.5, 0.8, 40, dtype=np.float32)[np.arange(rgb.shape[0]) % 40]
    glass = np.clip(slope[:, None, None] * np.array(GLASS, np.float32), 0, 255).astype(np.uint8)
    lamp = np.abs(rgb.astype(np.int16) - np.array(LAMP, np.int16)).max(axis=2) < 3
    return np.where(((glow > 0) & lamp)[..., None], glass, rgb)


def wall(rows: int, cols: int, colour: Colour, *, brick: bool, seed: int) -> Pixels:
    """A plain wall of plaster or brick, with stains and a darker base."""
    value = 1 + 0.03 * crop(grain(1024, 113), seed * 31, 0, rows, cols)
    value += 0.035 * crop(clouds(512, 1.4, 127), seed * 57, seed * 13, rows, cols)
    if brick:
        y, x = np.mgrid[0:rows, 0:cols]
        course = y // 3
        joint = (y % 3 == 0) | ((x + (course % 2) * 4) % 8 == 0)
        value = value * np.where(joint, 0.84, 1.04)
    base = np.clip((np.arange(rows) - (rows - 12)) / 4, 0, 1)[:, None] * 0.24
    eaves = np.clip((10 - np.arange(rows)) / 10, 0, 1)[:, None] * 0.22
    shaded = (value * (1 - base - eaves))[..., None] * np.array(colour)
    made: Pixels = np.clip(shaded, 0, 255).astype(np.uint8)
    return made


class _Front:
    """Draws the openings of one front; all the same style."""

    def __init__(
        self, rgb: Pixels, glow: Pixels, rng: np.random.Generator, bay: float, floor: float
    ) -> None:
        self.rgb, self.glow, self.rng = rgb, glow, rng
        self.bay, self.floor = bay, floor
        self.wide, self.high = bay * rng.uniform(0.34, 0.5), floor * rng.uniform(0.42, 0.56)
        frames: tuple[Colour, ...] = ((240, 240, 236), (90, 66, 50), (60, 62, 66), (228, 224, 210))
        self.frame = frames[int(rng.integers(0, 4))]
        shutters: tuple[Colour, ...] = ((70, 96, 74), (88, 60, 48), (66, 84, 110))
        self.shutter = shutters[int(rng.integers(0, 3))] if rng.random() < 0.35 else None
        self.balcony = bool(rng.random() < 0.35)
        self.door_at = int(rng.integers(0, 3))

    def storey(self, storey: int, bays: int, *, shop: bool) -> None:
        bottom = self.rgb.shape[0] - storey * self.floor
        if shop:
            self._shop(bottom, bays)
            return
        for bay in range(bays):
            middle = (bay + 0.5) * self.bay
            if storey == 0 and bay == self.door_at:
                self._door(middle, bottom)
            else:
                self._window(middle, bottom - self.floor * 0.3, railing=self.balcony and storey > 0)

    def small_window(self, middle: float, storey: int) -> None:
        """A narrow window somewhere in a wall, dark."""
        self.wide = self.bay * 0.26
        left, sill = middle - self.wide / 2, self.rgb.shape[0] - (storey + 0.34) * self.floor
        self._box(left - 3, sill - self.high - 3, left + self.wide + 3, sill + 3, self.frame)
        self._box(left, sill - self.high, left + self.wide, sill, GLASS)
        self._box(left - 4, sill + 3, left + self.wide + 4, sill + 6, (168, 164, 156))

    def trim(self, colour: Colour, rows: int, cols: int) -> None:
        """A string course and a downpipe."""
        pale = tuple(min(255.0, c * 1.1) for c in colour)
        cv2.rectangle(self.rgb, (0, 0), (cols, 5), pale, -1)
        pipe = int(self.rng.integers(2, 6))
        cv2.line(self.rgb, (cols - pipe, 4), (cols - pipe, rows), (92, 92, 94), 3)

    def _box(self, left: float, top: float, right: float, bottom: float, colour: Colour) -> None:
        cv2.rectangle(
            self.rgb, (round(left), round(top)), (round(right), round(bottom)), colour, -1
        )

    def _window(self, middle: float, sill: float, *, railing: bool) -> None:
        left, right = middle - self.wide / 2, middle + self.wide / 2
        top = sill - self.high
        self._box(left - 3, top - 3, right + 3, sill + 3, self.frame)
        lit = bool(self.rng.random() < 0.28)
        self._pane(left, top, right, sill, lit)
        self._box(middle - 1, top, middle + 1, sill, self.frame)
        self._box(left, top + self.high * 0.36, right, top + self.high * 0.36 + 2, self.frame)
        self._box(left - 5, sill + 3, right + 5, sill + 6, (168, 164, 156))
        self._box(left - 3, sill + 7, right + 3, sill + 8, (96, 90, 84))
        if self.shutter is not None:
            for x in (left - 3 - self.wide * 0.42, right + 3):
                self._box(x, top - 2, x + self.wide * 0.42, sill + 2, self.shutter)
        if railing:
            self._box(left - 10, sill + 6, right + 10, sill + 10, (140, 136, 130))
            for x in np.arange(left - 10, right + 10, 4):
                self._box(x, sill - 12, x + 1, sill + 6, (52, 54, 58))
            self._box(left - 10, sill - 14, right + 10, sill - 12, (52, 54, 58))

    def _pane(self, left: float, top: float, right: float, bottom: float, lit: bool) -> None:
        shade = float(self.rng.uniform(0.7, 1.5))
        colour = LAMP if lit else tuple(c * shade for c in GLASS)
        self._box(left, top, right, bottom, (colour[0], colour[1], colour[2]))
        if lit:
            self.glow[round(top) : round(bottom), round(left) : round(right)] = 235
            return
        corner = np.array([[left, top], [left + (right - left) * 0.55, top], [left, bottom]])
        sheen = tuple(min(255.0, c * shade + 34) for c in GLASS)
        cv2.fillPoly(self.rgb, [corner.astype(np.int32)], sheen)
        if self.rng.random() < 0.5:
            self._box(left, top, left + (right - left) * 0.26, bottom, (206, 202, 192))

    def _door(self, middle: float, bottom: float) -> None:
        half, top = self.wide * 0.42, bottom - self.floor * 0.72
        doors: tuple[Colour, ...] = ((98, 58, 40), (52, 66, 84), (66, 84, 62), (120, 36, 34))
        self._box(middle - half - 4, top - 4, middle + half + 4, bottom, self.frame)
        self._box(middle - half, top, middle + half, bottom, doors[int(self.rng.integers(0, 4))])
        self._box(middle - half + 4, top + 4, middle + half - 4, top + 16, GLASS)
        self._box(middle - half - 8, bottom - 3, middle + half + 8, bottom, (150, 146, 140))

    def _shop(self, bottom: float, bays: int) -> None:
        """Shop windows under awnings and a board without words."""
        awnings: tuple[Colour, ...] = ((168, 58, 50), (54, 96, 74), (60, 84, 128), (196, 150, 60))
        top = bottom - self.floor
        for bay in range(bays):
            left, right = bay * self.bay + 6, (bay + 1) * self.bay - 6
            self._box(left, top + 26, right, bottom - 8, (46, 46, 50))
            self._pane(left + 3, top + 29, right - 3, bottom - 12, bool(self.rng.random() < 0.6))
            colour = awnings[(bay // 2 + self.door_at) % 4]
            if (bay // 2) % 2 == 0:
                for k, x in enumerate(np.arange(left - 4, right + 4, 9)):
                    stripe: Colour = colour if k % 2 == 0 else (236, 232, 224)
                    self._box(x, top + 20, x + 8, top + 38, stripe)
            else:
                self._box(left - 2, top + 6, right + 2, top + 22, colour)
                for x in np.arange(left + 10, right - 14, 13):
                    self._box(x, top + 10, x + 7, top + 18, (238, 236, 228))
