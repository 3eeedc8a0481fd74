"""The order of painting: sky, ground, shadows, then things from far to near."""

import numpy as np

from vistoria.street.backdrop import Thing, Tree, cast_all, distance, layout, paint_thing
from vistoria.street.camera import HEIGHT, WIDTH, Floats
from vistoria.street.canvas import Canvas
from vistoria.street.car import WIDTH as CAR_WIDTH
from vistoria.street.car import Car
from vistoria.street.cover import paint_cover
from vistoria.street.geometry import axis, foot, ring, rise
from vistoria.street.ground import paint_ground
from vistoria.street.house import House
from vistoria.street.occluder import paint_occluder
from vistoria.street.pole import paint_pole
from vistoria.street.scene import Cover, Pole, Scene, Sign
from vistoria.street.shadow import Shadows
from vistoria.street.sign import paint_sign
from vistoria.street.sky import paint_sky
from vistoria.street.weather import settle
from vistoria.street.yard import paint_far


def paint_scene(canvas: Canvas, scene: Scene) -> None:
    """Everything but light and air."""
    if sees_sky(scene):
        paint_sky(canvas, scene)
        paint_far(canvas, scene.street.seed, 9.0 + scene.street.seed % 11)
    paint_ground(canvas, scene)
    if isinstance(scene.thing, Cover):
        paint_cover(canvas, scene.thing)
    span = None if scene.thing is None else _bearings(scene, ring(scene))
    things = sorted(
        (thing for thing in layout(scene.street) if fits(scene, thing, span)),
        key=lambda thing: -distance(scene, thing),
    )
    shadows = Shadows(scene)
    cast_all(shadows, tuple(things))
    _cast_asset(shadows, scene)
    shadows.darken(canvas)
    things = [thing for thing in things if in_sight(scene, thing)]
    far_off = _asset_distance(scene)
    for thing in things:
        if distance(scene, thing) >= far_off:
            paint_thing(canvas, thing, scene.light)
    _paint_asset(canvas, scene)
    for thing in things:
        if distance(scene, thing) < far_off:
            paint_thing(canvas, thing, scene.light)
    settle(canvas, scene)
    if scene.occluder is not None:
        paint_occluder(canvas, scene, scene.occluder)


def sees_sky(scene: Scene) -> bool:
    """Whether a corner of the picture reaches over the horizon."""
    camera = scene.camera
    steepest = np.degrees(np.arctan(HEIGHT / 2 / camera.focal)) + abs(camera.roll) + 2
    return bool(camera.pitch + steepest > -1)


def in_sight(scene: Scene, thing: Thing) -> bool:
    """False when a thing lies wholly to one side of the picture or behind."""
    low, high = _bearings(scene, _footprint(thing))
    half = float(np.arctan(WIDTH / 2 / scene.camera.focal)) + 0.12
    return high - low > np.pi / 2 or (low < half and high > -half)


def fits(scene: Scene, thing: Thing, span: tuple[float, float] | None) -> bool:
    """False when a thing would stand on the asset, hide it, or seem to grow on a pole.

    `span` is where the asset lies, as directions from the camera in radians.
    """
    asset = scene.thing
    if asset is None or span is None:
        return distance(scene, thing) > 4.0
    low, high = _bearings(scene, _footprint(thing))
    first, last = span
    overlap = low < last + 0.03 and high > first - 0.03
    near, far = distance(scene, thing), _asset_distance(scene)
    if near < far:
        return not overlap and near > 4.0
    if isinstance(thing, Car) and isinstance(asset, Cover):
        clear = abs(thing.x - asset.x) > 1.8
        return clear or thing.z > asset.z + 1.5 or thing.z + thing.length < asset.z - 1.5
    if isinstance(thing, Tree) and isinstance(asset, Pole):
        return not (overlap and near < far + 16)
    return True


def _footprint(thing: Thing) -> Floats:
    """Points (n, 3) on the ground that bound a thing."""
    if isinstance(thing, Tree):
        half = thing.size / 2
        return np.array([[thing.x - half, 0, thing.z], [thing.x + half, 0, thing.z]])
    if isinstance(thing, House):
        back = float(np.sign(thing.x)) * thing.depth
        xs, end = (thing.x, thing.x + back), thing.z + thing.width
    elif isinstance(thing, Car):
        xs, end = (thing.x - CAR_WIDTH / 2, thing.x + CAR_WIDTH / 2), thing.z + thing.length
    else:
        xs, end = (thing.x, thing.x), thing.z + thing.length
    return np.array([[x, 0, z] for x in xs for z in (thing.z, end)])


def _bearings(scene: Scene, points: Floats) -> tuple[float, float]:
    """The span of directions in which points lie, in radians from the camera's heading."""
    camera = scene.camera
    turn = np.arctan2(points[:, 0] - camera.x, points[:, 2] - camera.z) - np.radians(camera.heading)
    wrapped = (turn + np.pi) % (2 * np.pi) - np.pi
    return float(wrapped.min()), float(wrapped.max())


def _asset_distance(scene: Scene) -> float:
    if scene.thing is None:
        return 0.0
    return float(np.hypot(scene.thing.x - scene.camera.x, scene.thing.z - scene.camera.z))


def _cast_asset(shadows: Shadows, scene: Scene) -> None:
    thing = scene.thing
    if isinstance(thing, Pole):
        top = foot(thing) + axis(thing) * thing.height
        shadows.bar(foot(thing), top, thing.radius)
        half = np.array([1.1, 0, 0])
        for arm in range(thing.arms):
            drop = np.array([0, 0.35 + 0.85 * arm, 0])
            shadows.bar(top - half - drop, top + half - drop, 0.08)
    elif isinstance(thing, Sign):
        low = np.array([thing.x, 0.0, thing.z])
        shadows.bar(low, low + rise(thing.plate_height), 0.04)
        shadows.solid(ring(scene))


def _paint_asset(canvas: Canvas, scene: Scene) -> None:
    thing = scene.thing
    if isinstance(thing, Pole):
        paint_pole(canvas, scene, thing)
    elif isinstance(thing, Sign):
        paint_sign(canvas, scene, thing)
