"""The ground: the street is laid out from above at several scales, then bent into perspective."""

import cv2
import numpy as np

from vistoria.street.camera import HEIGHT, WIDTH, Camera, clip_near
from vistoria.street.canvas import Canvas, Pixels, Texture, outline, plane_near
from vistoria.street.material import FINE, mean_colour
from vistoria.street.noise import clouds, crop
from vistoria.street.plan import SIDE, Plan
from vistoria.street.roadwork import kerbs, markings, repairs
from vistoria.street.scene import Scene, Street

Place = tuple[float, float, int]
"""A plan to be: x and z of its first corner in metres, and its step."""
Shape = tuple[int, int, Pixels]


def paint_ground(canvas: Canvas, scene: Scene) -> None:
    """Lay the ground to the horizon."""
    camera, street = canvas.camera, scene.street
    steps = (32, 4, 1) if camera.pitch < -13 else (32, 8, 2)
    near = plane_near(
        camera, np.zeros(3), np.array([1.0, 0, 0]), np.array([0, 0, 1.0]), 0, 0, (HEIGHT, WIDTH)
    )
    assert not isinstance(near, float)
    _horizon(canvas, street, near)
    begin = nearest_ground(camera)
    head = np.radians(camera.heading)
    places = []
    for step in steps:
        scale = FINE * step
        reach = begin * 0.9 + SIDE * scale / 2
        middle = np.array([camera.x + np.sin(head) * reach, camera.z + np.cos(head) * reach])
        x0, z0 = np.round((middle - SIDE * scale / 2) / scale) * scale
        places.append((float(x0), float(z0), step))
    shapes = [_outline(camera, place) for place in places]
    for index, (place, shape) in enumerate(zip(places, shapes, strict=True)):
        shown = shape and _above(shape, shapes[index + 1 :])
        if shown:
            _bend(canvas, draw_plan(street, place), near, shown)


def _outline(camera: Camera, place: Place) -> Shape | None:
    """Where a plan lies in the picture: left, top, mask."""
    x0, z0, step = place
    size = SIDE * FINE * step
    ring = np.array([[0, 0, 0], [size, 0, 0], [size, 0, size], [0, 0, size]], float)
    seen = clip_near(camera.to_view(ring + np.array([x0, 0, z0])))
    return outline(camera.to_pixels(seen)) if len(seen) > 2 else None


def _above(shape: Shape, nearer: list[Shape | None]) -> Shape | None:
    """The part of a plan that the nearer plans will not wholly cover; None if nothing is left."""
    left, top, alpha = shape
    end = top + alpha.shape[0]
    for other in nearer:
        if other is not None and other[2].shape[1] == WIDTH:
            open_rows = np.flatnonzero(other[2].min(axis=1) < 255)
            first = other[1] + (int(open_rows[-1]) + 1 if len(open_rows) else 0)
            if other[1] + other[2].shape[0] >= end:
                end = min(end, first)
    return (left, top, alpha[: end - top]) if end > top else None


def draw_plan(street: Street, place: Place) -> Plan:
    """The street from above."""
    x0, z0, step = place
    plan = Plan(x0, z0, step, np.empty((SIDE, SIDE, 3), np.uint8))
    half = street.road_width / 2
    edge = half + street.pavement_width
    plan.band(-1e4, 1e4, street.verge)
    if street.pavement_width:
        plan.band(-edge, edge, street.pavement)
    plan.band(-half, half, street.road)
    _weather_beaten(plan, street)
    if step < 32:
        repairs(plan, street)
    kerbs(plan, street)
    markings(plan, street)
    return plan


def _weather_beaten(plan: Plan, street: Street) -> None:
    """Large soft spots, the same at each scale, and a hue of the place's own."""
    cell = 0.6
    left, top = int(np.floor(plan.x0 / cell)), int(np.floor(plan.z0 / cell))
    count = int(SIDE * plan.scale / cell) + 3
    field = crop(clouds(256, 1.3, 41 + street.seed % 5), top, left, count, count)
    jitter = np.random.default_rng(street.seed).uniform(0.86, 1.1)
    factor = np.clip((jitter + 0.055 * field) * 128, 70, 170).astype(np.uint8)
    side = round(count * cell / plan.scale)
    soft = cv2.resize(factor, (side, side), interpolation=cv2.INTER_LINEAR)
    row, col = (
        round(plan.z0 / plan.scale - top * cell / plan.scale),
        round((plan.x0 - left * cell) / plan.scale),
    )
    window = soft[row : row + SIDE, col : col + SIDE]
    cv2.multiply(plan.rgb, cv2.merge([window] * 3), plan.rgb, scale=1 / 128)


def _horizon(canvas: Canvas, street: Street, near: Pixels) -> None:
    """One colour for what lies beyond the plans."""
    below = (near > 1 / 900).astype(np.uint8)
    flat = np.empty_like(canvas.rgb)
    flat[:] = mean_colour(street.verge)
    cv2.copyTo(flat, below, canvas.rgb)
    cv2.copyTo(near, below, canvas.near)
    cv2.copyTo(np.zeros_like(canvas.glow), below, canvas.glow)


def _bend(canvas: Canvas, plan: Plan, near: Pixels, shape: Shape) -> None:
    left, top, alpha = shape
    depth = near[top : top + alpha.shape[0], left : left + alpha.shape[1]]
    across, along = np.array([plan.scale, 0, 0]), np.array([0, 0, plan.scale])
    bend = canvas.camera.plane([plan.x0, 0, plan.z0], across, along)
    canvas.warp(Texture(rgb=plan.rgb), bend, left, top, alpha, near=depth)


def nearest_ground(camera: Camera) -> float:
    """How far off the ground begins in the picture, in metres."""
    down = np.radians(-camera.pitch) + np.arctan(HEIGHT / 2 / camera.focal)
    return float(camera.height / np.tan(np.clip(down, 0.08, 1.5)))
