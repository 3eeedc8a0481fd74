"""Utility poles: the shaft, what it carries, and what grows on it."""

import numpy as np

from vistoria.street.bar import Finish, paint_bar
from vistoria.street.camera import Floats
from vistoria.street.canvas import Canvas
from vistoria.street.foliage import foliage
from vistoria.street.geometry import axis, foot, strip
from vistoria.street.light import facing
from vistoria.street.linework import arms, guy, transformer, wires
from vistoria.street.scene import Pole, Scene
from vistoria.street.sky import sun_direction


def paint_pole(canvas: Canvas, scene: Scene, pole: Pole) -> None:
    """The whole pole, back to front."""
    rng = np.random.default_rng([pole.seed, 13])
    up, base = axis(pole), foot(pole)
    top = base + up * pole.height
    sunny = sun_side(canvas, scene, base)
    wires(canvas, pole, rng)
    if pole.guy:
        guy(canvas, pole, rng)
    paint_bar(
        canvas, base, top, pole.radius, Finish(pole.material, pole.seed % 4, sunny), "asset",
        thin=pole.radius * (0.62 if pole.material == "concrete" else 0.74),
    )  # fmt: skip
    if pole.material == "metal":
        _flange(canvas, base, up, pole)
    arms(canvas, pole, rng)
    if pole.transformer:
        transformer(canvas, pole, rng, sunny)
    if rng.random() < 0.6:
        _tag(canvas, base, up, pole, scene)
    if pole.vegetation:
        _plants(canvas, pole, rng)


def sun_side(canvas: Canvas, scene: Scene, at: Floats) -> float:
    """From which side the sun lights upright things there: -1 left … 1 right; 0.3 without sun."""
    light = scene.light
    if light.time_of_day in {"night", "overcast"} or light.weather != "clear":
        return 0.3 if light.seed % 2 else -0.3
    view = at - canvas.camera.position
    right = np.array([view[2], 0, -view[0]]) / max(1e-6, float(np.hypot(view[0], view[2])))
    return float(np.clip(right @ sun_direction(light) * 1.4, -1, 1))


def _flange(canvas: Canvas, base: Floats, up: Floats, pole: Pole) -> None:
    """The foot plate on its concrete block."""
    ring = strip(canvas.camera, base, base + up * 0.06, pole.radius * 2.1, pole.radius * 2.1)
    canvas.polygon(ring, (92, 96, 100), mark="fitting")


def _tag(canvas: Canvas, base: Floats, up: Floats, pole: Pole, scene: Scene) -> None:
    """The pole's number on a little plate."""
    at = base + up * 2.1
    half = pole.radius * 0.45
    ring = strip(canvas.camera, at, at + up * 0.26, half, half)
    shade = facing(scene.light, np.array([0.0, 0, -1]))
    pale = 226 * shade
    canvas.polygon(ring, (pale, pale, pale * 0.9), mark="asset_part")


def _plants(canvas: Canvas, pole: Pole, rng: np.random.Generator) -> None:
    """Ivy from the ground up, a bush around the foot, or a bough across the shaft."""
    up, base = axis(pole), foot(pole)
    kind = rng.choice(3)
    variant = int(rng.choice([0, 1, 2, 3, 5]))
    if kind == 0:
        climb = pole.height * float(rng.uniform(0.29, 0.37))
        wide = float(rng.uniform(0.95, 1.3))
        paint_upright(canvas, variant, base, base + up * climb, wide)
        canvas.sprite(foliage("bush", variant), base, wide * 1.5, wide * 0.7)
    elif kind == 1:
        wide = float(rng.uniform(1.7, 2.5))
        side = np.array([rng.uniform(-0.4, 0.4), 0, 0])
        canvas.sprite(foliage("bush", variant), base + side, wide, wide * 0.85)
        climb = pole.height * float(rng.uniform(0.22, 0.3))
        paint_upright(canvas, variant, base, base + up * climb, wide * 0.42)
    else:
        reach = float(rng.uniform(1.5, 2.2))
        middle = base + up * pole.height * float(rng.uniform(0.42, 0.6))
        side = np.array([rng.choice([-0.5, 0.5]) * reach * 0.36, -reach * 0.4, 0])
        canvas.sprite(foliage("bough", variant), middle + side, reach * 1.35, reach * 0.9)
        paint_upright(canvas, variant, base, base + up * pole.height * 0.14, 0.7)


def paint_upright(canvas: Canvas, variant: int, low: Floats, high: Floats, wide: float) -> None:
    """Ivy along a line, facing the camera."""
    ring = strip(canvas.camera, low, high, wide / 2, wide / 2)
    texture = foliage("ivy", variant)
    canvas.quad(texture, np.stack([ring[3], ring[2], ring[0]]))
