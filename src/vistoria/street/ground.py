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
    for step in steps:
        size = SIDE * FINE * step
        reach = begin * 0.9 + size / 2
        middle = np.array([camera.x + np.sin(head) * reach, camera.z + np.cos(head) * reach])
        plan = draw_plan(street, middle, step)
        _bend(canvas, plan, near)


def draw_plan(street: Street, middle: Pixels, step: int) -> Plan:
    """The street around `middle` (x, z) from above."""
    scale = FINE * step
    x0, z0 = np.round((middle - SIDE * scale / 2) / scale) * scale
    plan = Plan(float(x0), float(z0), step, np.empty((SIDE, SIDE, 3), np.uint8))
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


def _bend(canvas: Canvas, plan: Plan, near: Pixels) -> None:
    size = SIDE * plan.scale
    ring = np.array([[0, 0, 0], [size, 0, 0], [size, 0, size], [0, 0, size]], float)
    seen = clip_near(canvas.camera.to_view(ring + np.array([plan.x0, 0, plan.z0])))
    if len(seen) < 3:
        return
    found = outline(canvas.camera.to_pixels(seen))
    if found is None:
        return
    left, top, alpha = found
    depth = near[top : top + alpha.shape[0], left : left + alpha.shape[1]]
    across, along = np.array([plan.scale, 0, 0]), np.array([0, 0, plan.scale])
    bend = canvas.camera.plane([plan.x0, 0, plan.z0], across, along)
    canvas.warp(Texture(rgb=plan.rgb), bend, left, top, alpha, near=depth)


def nearest_ground(camera: Camera) -> float:
    """How far off the ground begins in the picture, in metres."""
    down = np.radians(-camera.pitch) + np.arctan(HEIGHT / 2 / camera.focal)
    return float(camera.height / np.tan(np.clip(down, 0.08, 1.5)))
