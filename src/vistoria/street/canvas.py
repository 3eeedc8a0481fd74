"""The picture while it is painted, back to front, with depth, glow and the asset's mark."""

from dataclasses import dataclass
from typing import Any, Literal
from weakref import WeakKeyDictionary

import cv2
import numpy as np
import numpy.typing as npt

from vistoria.street.camera import HEIGHT, NEAR, WIDTH, Camera, Floats, clip_near, cross

Pixels = npt.NDArray[Any]
Mark = Literal["asset", "asset_part", "fitting"] | None
Colour = tuple[float, float, float]

MAIN, FITTING = 2, 1
"""Values in `Canvas.marks`: the part that must be visible, and what hangs on it."""
SUBPIXEL = 4
LARGE = 6_000
"""Pixels from which on a patch is mostly copied rather than mixed."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, weakref_slot=True)
class Texture:
    """A flat picture to be bent into the scene: rgb (h, w, 3), alpha and glow (h, w), uint8."""

    rgb: Pixels
    alpha: Pixels | None = None
    glow: Pixels | None = None


class Canvas:
    """`rgb` (480, 640, 3) uint8; `near` 1/metres (0 = infinitely far); `glow` and `marks` uint8."""

    def __init__(self, camera: Camera) -> None:
        self.camera = camera
        self.rgb: Pixels = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
        self.near: Pixels = np.zeros((HEIGHT, WIDTH), np.float32)
        self.glow: Pixels = np.zeros((HEIGHT, WIDTH), np.uint8)
        self.marks: Pixels = np.zeros((HEIGHT, WIDTH), np.uint8)
        self.marked = False
        self.whole_area = 0.0

    def polygon(
        self, points: npt.ArrayLike, colour: Colour, *, glow: int = 0, mark: Mark = None
    ) -> None:
        """Fill a flat polygon given in metres (n, 3)."""
        seen = clip_near(self.camera.to_view(points))
        if len(seen) < 3:
            return
        pixels = self.camera.to_pixels(seen)
        if mark == "asset":
            self.whole_area += area(pixels)
        found = outline(pixels)
        if found is None:
            return
        left, top, alpha = found
        rgb = flat(alpha.shape, colour)
        self.blend(left, top, rgb, alpha, near=1 / seen[:, 2].mean(), glow=glow, mark=mark)

    def quad(
        self,
        texture: Texture,
        corners: npt.ArrayLike,
        *,
        shade: float = 1.0,
        glow: int = 0,
        mark: Mark = None,
    ) -> None:
        """Bend a texture onto a parallelogram: (3, 3) top left, top right, bottom left."""
        origin, right, bottom = np.asarray(corners, dtype=np.float64)
        across, down = right - origin, bottom - origin
        ring = np.stack([origin, right, right + down, bottom])
        seen = clip_near(self.camera.to_view(ring))
        if len(seen) < 3:
            return
        pixels = self.camera.to_pixels(seen)
        if mark == "asset":
            filled = 1.0 if texture.alpha is None else float((texture.alpha > 127).mean())
            self.whole_area += area(pixels) * filled
        found = outline(pixels)
        if found is None:
            return
        left, top, alpha = found
        rows, cols = texture.rgb.shape[:2]
        smaller = shrink(texture, float(np.sqrt(area(pixels) / (rows * cols))))
        rows, cols = smaller.rgb.shape[:2]
        bend = self.camera.plane(origin, across, down) @ np.diag([1 / cols, 1 / rows, 1.0])
        near = plane_near(self.camera, origin, across, down, left, top, alpha.shape)
        self.warp(smaller, bend, left, top, alpha, near=near, shade=shade, glow=glow, mark=mark)

    def warp(  # noqa: PLR0913 - one call site per kind of surface, all by keyword
        self,
        texture: Texture,
        bend: Floats,
        left: int,
        top: int,
        alpha: Pixels,
        *,
        near: float | Pixels,
        shade: float = 1.0,
        glow: int = 0,
        mark: Mark = None,
    ) -> None:
        """Bring texture pixels through homography `bend` into the window whose mask is `alpha`."""
        size = (alpha.shape[1], alpha.shape[0])
        moved = np.array([[1.0, 0, -left], [0, 1, -top], [0, 0, 1]]) @ bend
        flags = cv2.INTER_LINEAR
        rgb = cv2.warpPerspective(
            texture.rgb, moved, size, flags=flags, borderMode=cv2.BORDER_REPLICATE
        )
        if shade != 1.0:
            rgb = cv2.convertScaleAbs(rgb, alpha=shade)
        if texture.alpha is not None:
            own = cv2.warpPerspective(texture.alpha, moved, size, flags=flags)
            alpha = cv2.multiply(alpha, own, scale=1 / 255)
        lit: int | Pixels = glow
        if texture.glow is not None:
            lit = cv2.warpPerspective(texture.glow, moved, size, flags=flags)
        self.blend(left, top, rgb, alpha, near=near, glow=lit, mark=mark)

    def sprite(
        self,
        texture: Texture,
        foot: npt.ArrayLike,
        width: float,
        height: float,
        *,
        shade: float = 1.0,
        mark: Mark = None,
    ) -> None:
        """Stand an upright picture, `width` x `height` metres, on a point, facing the camera."""
        base = np.asarray(foot, dtype=np.float64)
        side = base - self.camera.position
        right = np.array([side[2], 0.0, -side[0]]) / max(1e-6, float(np.hypot(side[0], side[2])))
        top_left = base - right * width / 2 + np.array([0, height, 0])
        corners = [top_left, top_left + right * width, base - right * width / 2]
        self.quad(texture, corners, shade=shade, mark=mark)

    def line(
        self, points: npt.ArrayLike, width: float, colour: Colour, *, mark: Mark = None
    ) -> None:
        """A thin round thing (wire, strut) through points (n, 3), `width` metres thick."""
        seen = self.camera.to_view(points)
        seen = seen[seen[:, 2] > NEAR]
        if len(seen) < 2:
            return
        pixels = self.camera.to_pixels(seen)
        pixels = np.clip(pixels, -3000, 3000)
        thick = self.camera.focal * width / float(np.median(seen[:, 2]))
        pad = int(thick) + 3
        window = frame_window(pixels, pad)
        if window is None:
            return
        left, top, right, bottom = window
        alpha = np.zeros((bottom - top, right - left), np.uint8)
        path = np.round((pixels - [left, top]) * 2**SUBPIXEL).astype(np.int32)
        strength = 255 if thick >= 1 else int(max(0.42, thick) * 255)
        cv2.polylines(alpha, [path], False, strength, max(1, round(thick)), cv2.LINE_AA, SUBPIXEL)
        rgb = flat(alpha.shape, colour)
        self.blend(left, top, rgb, alpha, near=float(np.median(1 / seen[:, 2])), mark=mark)

    def blend(
        self,
        left: int,
        top: int,
        rgb: Pixels,
        alpha: Pixels,
        *,
        near: float | Pixels,
        glow: int | Pixels = 0,
        mark: Mark = None,
    ) -> None:
        """Lay a patch over the picture; what it covers of the asset no longer counts."""
        rows, cols = alpha.shape
        window = (slice(top, top + rows), slice(left, left + cols))
        self.rgb[window] = laid(rgb, self.rgb[window], alpha)
        solid = alpha > 95
        np.copyto(self.near[window], np.float32(near), where=alpha > 14)
        np.copyto(self.glow[window], np.uint8(glow), where=solid)
        if mark is not None:
            self.marked = True
            self.marks[window][solid] = FITTING if mark == "fitting" else MAIN
        elif self.marked:
            self.marks[window][solid] = 0


def laid(over: Pixels, under: Pixels, alpha: Pixels) -> Pixels:
    """One patch over another. In large ones only the pixels that are half covered are mixed."""
    if alpha.size < LARGE:
        weight = alpha.astype(np.float32) * np.float32(1 / 255)
        return cv2.blendLinear(over, under, weight, 1 - weight)
    whole: Pixels = (alpha == 255).view(np.uint8)
    mixed = under.copy()
    cv2.copyTo(over, whole, mixed)
    part = np.nonzero((alpha > 0) & (whole == 0))
    if len(part[0]):
        weight = alpha[part][None].astype(np.float32) * np.float32(1 / 255)
        mixed[part] = cv2.blendLinear(over[part][None], under[part][None], weight, 1 - weight)[0]
    return mixed


def outline(pixels: Floats) -> tuple[int, int, Pixels] | None:
    """A polygon (n, 2) in pixels → left, top and its smooth mask inside the frame."""
    window = frame_window(pixels, 1)
    if window is None:
        return None
    left, top, right, bottom = window
    alpha = np.zeros((bottom - top, right - left), np.uint8)
    local = np.maximum(np.minimum(pixels - (left, top), 30000), -30000)
    cv2.fillPoly(
        alpha, [np.round(local * 2**SUBPIXEL).astype(np.int32)], 255, cv2.LINE_AA, SUBPIXEL
    )
    return left, top, alpha


def frame_window(pixels: Floats, pad: int) -> tuple[int, int, int, int] | None:
    """The part of the frame that points may touch: left, top, right, bottom; None if none."""
    low, high = pixels.min(axis=0).tolist(), pixels.max(axis=0).tolist()
    left, top = max(0, int(max(low[0], -9e5)) - pad), max(0, int(max(low[1], -9e5)) - pad)
    right, bottom = (
        min(WIDTH, int(min(high[0], 9e5)) + 1 + pad),
        min(HEIGHT, int(min(high[1], 9e5)) + 1 + pad),
    )
    return (left, top, right, bottom) if left < right and top < bottom else None


def flat(shape: tuple[int, ...], colour: Colour) -> Pixels:
    """One colour everywhere, uint8 (rows, cols, 3)."""
    rgb = np.empty((shape[0], shape[1], 3), np.uint8)
    rgb[:] = tuple(int(min(255.0, max(0.0, part))) for part in colour)
    return rgb


def plane_near(
    camera: Camera, origin: Floats, across: Floats, down: Floats, left: int, top: int,
    shape: tuple[int, ...],
) -> float | Pixels:  # fmt: skip
    """1/distance over a window of the plane: it is linear in the picture. One number if small."""
    seen = camera.to_view(np.stack([origin, origin + across, origin + down]))
    normal = cross(seen[1] - seen[0], seen[2] - seen[0])
    offset = float(normal @ seen[0])
    if abs(offset) < 1e-9 or shape[0] * shape[1] < 2500:
        return 1 / max(NEAR, float(seen[:, 2].mean()))
    cols = (np.arange(left, left + shape[1], dtype=np.float32) - WIDTH / 2) / camera.focal
    rows = (np.arange(top, top + shape[0], dtype=np.float32) - HEIGHT / 2) / camera.focal
    scaled = normal / offset
    near = (rows * scaled[1] + scaled[2])[:, None] + (cols * scaled[0])[None, :]
    clipped: Pixels = np.clip(near, 0, 1 / NEAR).astype(np.float32)
    return clipped


def area(pixels: Floats) -> float:
    """The area of a polygon (n, 2), in square pixels, also of what lies outside the frame."""
    points: list[list[float]] = pixels.tolist()
    twice = sum(
        start[0] * end[1] - start[1] * end[0]
        for start, end in zip(points, points[1:] + points[:1], strict=True)
    )
    return abs(twice) / 2


def shrink(texture: Texture, scale: float) -> Texture:
    """Halve a texture while it will be drawn smaller, so that it does not flicker."""
    while scale < 0.6 and min(texture.rgb.shape[:2]) >= 6:
        texture, scale = _halved(texture), scale * 2
    return texture


def _halved(texture: Texture) -> Texture:
    found = _HALVES.get(texture)
    if found is None:
        rows, cols = texture.rgb.shape[:2]
        found = Texture(
            rgb=_smaller(texture.rgb, rows // 2, cols // 2),
            alpha=None if texture.alpha is None else _smaller(texture.alpha, rows // 2, cols // 2),
            glow=None if texture.glow is None else _smaller(texture.glow, rows // 2, cols // 2),
        )
        _HALVES[texture] = found
    return found


def _smaller(plane: Pixels, rows: int, cols: int) -> Pixels:
    return cv2.resize(plane, (cols, rows), interpolation=cv2.INTER_AREA)


_HALVES: WeakKeyDictionary[Texture, Texture] = WeakKeyDictionary()
