"""Where the assets are: corners in metres, and how much of them a camera would see."""

import cv2
import numpy as np

from vistoria.street.camera import HEIGHT, NEAR, WIDTH, Camera, Floats, clip_near, cross
from vistoria.street.canvas import Pixels
from vistoria.street.scene import Cover, Pole, Scene, Sign


def axis(pole: Pole) -> Floats:
    """The unit vector along the pole, from its foot to its top."""
    lean, head = np.radians([pole.lean_degrees, pole.lean_heading])
    return np.array([np.sin(lean) * np.cos(head), np.cos(lean), -np.sin(lean) * np.sin(head)])


def foot(pole: Pole) -> Floats:
    """Where the pole leaves the ground."""
    return np.array([pole.x, 0.0, pole.z])


def rise(metres: float) -> Floats:
    """A step straight up."""
    return np.array([0.0, metres, 0.0])


def strip(camera: Camera, start: Floats, end: Floats, wide: float, thin: float) -> Floats:
    """A round bar from start to end as a flat strip that faces the camera: (4, 3) corners.

    The order is left and right of the start (half width `wide`), right and left of the end
    (half width `thin`).
    """
    side = cross(end - start, (start + end) / 2 - camera.position)
    side = side / max(1e-9, float(np.linalg.norm(side)))
    return np.stack(
        [start - side * wide, start + side * wide, end + side * thin, end - side * thin]
    )


def shaft(camera: Camera, pole: Pole) -> Floats:
    """The pole's shaft as a strip (4, 3) that faces the camera."""
    base = foot(pole)
    top = base + axis(pole) * pole.height
    return strip(camera, base, top, pole.radius, pole.radius * 0.72)


def plate(sign: Sign) -> Floats:
    """The square around the sign's plate: top left, top right, bottom left, (3, 3)."""
    turn = np.radians(sign.facing)
    right = np.array([np.cos(turn), 0.0, np.sin(turn)]) * sign.size
    down = np.array([0.0, -sign.size, 0.0])
    middle = np.array([sign.x, sign.plate_height + sign.size / 2, sign.z - 0.06])
    corner = middle - right / 2 - down / 2
    return np.stack([corner, corner + right, corner + down])


def lid(cover: Cover) -> Floats:
    """The square around the cover: far left, far right, near left, (3, 3)."""
    turn = np.radians(cover.turn)
    right = np.array([np.cos(turn), 0.0, -np.sin(turn)]) * cover.size
    back = np.array([-np.sin(turn), 0.0, -np.cos(turn)]) * cover.size
    corner = np.array([cover.x, 0.0, cover.z]) - right / 2 - back / 2
    return np.stack([corner, corner + right, corner + back])


def whole(corners: Floats) -> Floats:
    """Three corners of a parallelogram → all four, in order around it."""
    origin, right, bottom = corners
    return np.stack([origin, right, right + bottom - origin, bottom])


def ring(scene: Scene) -> Floats:
    """The outline (n, 3) of the part of the asset that must be seen."""
    thing = scene.thing
    if isinstance(thing, Pole):
        return shaft(scene.camera, thing)
    if isinstance(thing, Sign):
        return whole(plate(thing))
    if isinstance(thing, Cover):
        return whole(lid(thing))
    raise ValueError("a scene without an asset has no outline")


def visible_share(scene: Scene) -> float:
    """The share of the asset in the frame and not behind the occluder; 0 if far too small."""
    seen = clip_near(scene.camera.to_view(ring(scene)), NEAR)
    if len(seen) < 3:
        return 0.0
    pixels = scene.camera.to_pixels(seen)
    if np.abs(pixels).max() > 4000:
        return 0.0
    pad = 320
    mask = np.zeros(((HEIGHT + 2 * pad) // 2, (WIDTH + 2 * pad) // 2), np.uint8)
    path = np.round((pixels + pad) / 2 * 16).astype(np.int32)
    cv2.fillPoly(mask, [path], 1, cv2.LINE_8, 4)
    total = int(mask.sum())
    frame = mask[pad // 2 : (pad + HEIGHT) // 2, pad // 2 : (pad + WIDTH) // 2]
    if scene.occluder is not None:
        hide(frame, scene)
    inside = int(frame.sum())
    least = 1500 if isinstance(scene.thing, Cover) else 500
    return inside / total if inside * 4 >= least else 0.0


def hide(frame: Pixels, scene: Scene) -> None:
    """Take the occluder's disc out of a half-size mask."""
    thing = scene.occluder
    assert thing is not None
    point = np.array([[thing.x, occluder_height(scene), thing.z]])
    seen = scene.camera.to_view(point)
    if seen[0, 2] < NEAR:
        return
    middle = scene.camera.to_pixels(seen)[0] / 2
    radius = scene.camera.focal * thing.size * 0.62 / float(seen[0, 2]) / 2
    if np.abs(middle).max() < 3000:
        cv2.circle(frame, (int(middle[0]), int(middle[1])), int(radius), 0, -1)


def occluder_height(scene: Scene) -> float:
    """How high the middle of the occluder hangs, in metres."""
    thing, occluder = scene.thing, scene.occluder
    assert occluder is not None
    if occluder.height is not None:
        return occluder.height
    if occluder.kind == "bush":
        return occluder.size / 2
    if occluder.kind == "leaves":
        return 0.02
    top = thing.plate_height if isinstance(thing, Sign) else 3.5
    return top + 0.3 + occluder.size / 3
