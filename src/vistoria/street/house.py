"""Houses along the street: a front, the end wall that faces the camera, a roof."""

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np

from vistoria.street.camera import Floats
from vistoria.street.canvas import Canvas, Pixels, Texture
from vistoria.street.facade import VARIANTS, facade
from vistoria.street.light import facing
from vistoria.street.noise import crop, grain
from vistoria.street.scene import Light

ROOFS = ((148, 78, 58), (92, 88, 90), (122, 92, 72), (112, 62, 52))


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """A house whose front stands `x` metres from the middle, from `z` on along the street."""

    x: float
    z: float
    depth: float
    district: str
    variant: int
    gabled: bool
    roof: int

    @property
    def width(self) -> float:
        """Metres along the street."""
        return facade(self.district, self.variant % VARIANTS).width

    @property
    def height(self) -> float:
        """Metres to the eaves."""
        return facade(self.district, self.variant % VARIANTS).height


def paint_house(canvas: Canvas, house: House, light: Light) -> None:
    """Roof, end wall, front: what a camera on the street can see."""
    look = facade(house.district, house.variant % VARIANTS)
    away = float(np.sign(house.x))
    end = house.z + look.width
    up = np.array([0.0, look.height, 0.0])
    near, far = np.array([house.x, 0, house.z]), np.array([house.x, 0, end])
    back = np.array([away * house.depth, 0, 0])
    if house.gabled:
        _roof(canvas, house, light, near + up, far + up, back)
    if canvas.camera.z < house.z:
        shade = facing(light, np.array([0, 0, -1.0]))
        corners = np.stack([near + up, near + back + up, near])
        canvas.quad(look.side, corners, shade=shade)
        if house.gabled:
            peak = near + up + back / 2 + [0, house.depth * 0.36, 0]
            colour = np.array(look.wall) * shade
            ring = np.stack([near + up, peak, near + back + up])
            canvas.polygon(ring, (float(colour[0]), float(colour[1]), float(colour[2])))
    shade = facing(light, np.array([-away, 0, 0]))
    by_day = light.time_of_day in {"day", "overcast"}
    texture = look.by_day if by_day else look.front
    first, last = (near, far) if away > 0 else (far, near)
    canvas.quad(texture, np.stack([last + up, first + up, last]), shade=shade)
    if not house.gabled:
        _parapet(canvas, look.wall, shade, near + up, far + up)


def _parapet(
    canvas: Canvas, wall: tuple[float, float, float], shade: float, near: Floats, far: Floats
) -> None:
    rise = np.array([0, 0.45, 0])
    pale = [min(255.0, c * shade * 0.86) for c in wall]
    ring = np.stack([near, far, far + rise, near + rise])
    canvas.polygon(ring, (pale[0], pale[1], pale[2]))


def _roof(
    canvas: Canvas, house: House, light: Light, near: Floats, far: Floats, back: Floats
) -> None:
    """The slope towards the street, with eaves; and a chimney."""
    rise = np.array([0, house.depth * 0.36, 0])
    eaves = back / np.linalg.norm(back) * -0.4 - [0, 0.25, 0]
    verge = np.array([0, 0, 0.35])
    low_near, low_far = near + eaves - verge, far + eaves + verge
    ridge_near, ridge_far = near + back / 2 + rise - verge, far + back / 2 + rise + verge
    away = float(np.sign(house.x))
    shade = facing(light, np.array([-away * 0.58, 0.81, 0]))
    stack = ridge_near * 0.7 + ridge_far * 0.3
    wide, high = np.array([0, 0, 0.7]), np.array([0, 1.3, 0])
    canvas.polygon(
        np.stack(
            [stack - [0, 0.6, 0], stack + wide - [0, 0.6, 0], stack + wide + high, stack + high]
        ),
        (112, 76, 64),
    )
    first, last = (low_near, low_far) if away > 0 else (low_far, low_near)
    start = (ridge_far, ridge_near) if away > 0 else (ridge_near, ridge_far)
    canvas.quad(Texture(rgb=tiles(house.roof % len(ROOFS))), np.stack([*start, last]), shade=shade)
    assert first is not None


@cache
def tiles(index: int) -> Pixels:
    """Rows of roof tiles, (160, 256, 3)."""
    y, x = np.mgrid[0:160, 0:256]
    wave = 0.86 + 0.14 * np.sin(x * 2 * np.pi / 7) - 0.24 * (y % 9 < 2)
    value = wave * (1 + 0.05 * crop(grain(512, 131), index * 40, 0, 160, 256))
    cells = np.random.default_rng(index).normal(1, 0.05, (18, 37))
    value = value * cv2.resize(cells, (256, 160), interpolation=cv2.INTER_NEAREST)
    return np.asarray(np.clip(value[..., None] * np.array(ROOFS[index]), 0, 255), np.uint8)
