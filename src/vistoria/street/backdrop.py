"""Everything around the asset: houses, trees, borders, cars; laid out once per street."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from vistoria.street.bar import Finish, paint_bar
from vistoria.street.canvas import Canvas
from vistoria.street.car import WIDTH as CAR_WIDTH
from vistoria.street.car import Car, paint_car
from vistoria.street.foliage import foliage
from vistoria.street.geometry import rise
from vistoria.street.house import House, paint_house
from vistoria.street.scene import Light, Scene, Street
from vistoria.street.shadow import Shadows
from vistoria.street.yard import Border, paint_border

BEGIN, END = -34.0, 84.0
BARK = Finish("wood", 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """A tree or conifer; `size` is the crown's width in metres."""

    x: float
    z: float
    size: float
    trunk: float
    conifer: bool
    variant: int


Thing = House | Tree | Border | Car


@lru_cache(maxsize=8)
def layout(street: Street) -> tuple[Thing, ...]:
    """All that stands along a street; the same for each photo of it."""
    rng = np.random.default_rng([street.seed, 29])
    edge = street.road_width / 2 + street.pavement_width
    things: list[Thing] = []
    for side in (-1.0, 1.0):
        things += _row(rng, street, side, edge)
        things += _trees(rng, street, side, edge)
        things += _cars(rng, street, side)
    return tuple(things)


def _row(rng: np.random.Generator, street: Street, side: float, edge: float) -> list[Thing]:
    """Houses with their borders, along one side."""
    found: list[Thing] = []
    rural = street.district == "rural"
    z = BEGIN + float(rng.uniform(0, 14))
    front = edge + street.setback + (6.0 if rural else 0.0)
    gap = {"houses": 5.0, "blocks": 4.0, "shops": 0.4, "rural": 26.0, "industry": 8.0}
    variants = rng.integers(0, 8, 3)
    while z < END:
        if rng.random() < (0.45 if rural else 0.12):
            z += float(rng.uniform(8, 24))
            continue
        house = House(
            x=side * (front + float(rng.uniform(0, 0.6))),
            z=z,
            depth=float(rng.uniform(8, 11)),
            district=street.district,
            variant=int(variants[int(rng.integers(0, 3))]),
            gabled=street.district in {"houses", "rural"} or rng.random() < 0.12,
            roof=int(rng.integers(0, 4)),
        )
        found.append(house)
        if street.setback > 2.2 and rng.random() < 0.75:
            kind = ("pickets", "hedge", "wall", "rails")[int(rng.integers(0, 4))]
            found.append(
                Border(
                    kind=kind,  # type: ignore[arg-type]
                    x=side * (edge + 1.5),
                    z=z - 1,
                    length=house.width + 2,
                    height=float(rng.uniform(0.8, 1.2)),
                    variant=int(rng.integers(0, 3)),
                )
            )
        z += house.width + float(rng.exponential(gap[street.district])) + 0.2
    return found


def _trees(rng: np.random.Generator, street: Street, side: float, edge: float) -> list[Thing]:
    dense = {"houses": 16.0, "blocks": 13.0, "shops": 30.0, "rural": 9.0, "industry": 34.0}
    found: list[Thing] = []
    z = BEGIN + float(rng.uniform(0, 12))
    while z < END:
        space = street.setback if street.district != "rural" else 14.0
        offset = float(rng.uniform(0.9, 1.0 + space))
        size = float(rng.uniform(3.0, 5.8))
        if abs(z) > 4.5:
            found.append(
                Tree(
                    x=side * (edge + offset),
                    z=z,
                    size=size,
                    trunk=float(rng.uniform(1.4, 2.6)),
                    conifer=bool(rng.random() < 0.22),
                    variant=int(rng.integers(0, 6)),
                )
            )
        z += float(rng.exponential(dense[street.district])) + 3.5
    return found


def _cars(rng: np.random.Generator, street: Street, side: float) -> list[Thing]:
    found: list[Thing] = []
    chance = {"houses": 0.3, "blocks": 0.5, "shops": 0.5, "rural": 0.06, "industry": 0.25}
    z = BEGIN
    while z < 70:
        shape = int(rng.integers(0, 3))
        if rng.random() < chance[street.district] * 0.6 and (z > 5 or z < -7):
            found.append(
                Car(
                    x=side * (street.road_width / 2 - 1.05),
                    z=z,
                    paint=int(rng.integers(0, 9)),
                    shape=shape,
                    away=side > 0,
                )
            )
        z += float(rng.uniform(6, 9))
    return found


def cast_all(shadows: Shadows, things: tuple[Thing, ...]) -> None:
    """The shadows of all that stands along the street."""
    for thing in things:
        if isinstance(thing, House):
            back = np.sign(thing.x) * thing.depth
            corners = [
                [x, y, z]
                for x in (thing.x, thing.x + back)
                for y in (0.0, thing.height)
                for z in (thing.z, thing.z + thing.width)
            ]
            shadows.solid(np.array(corners))
        elif isinstance(thing, Tree):
            top = thing.trunk + thing.size * 0.5
            low = np.array([thing.x, 0, thing.z])
            shadows.bar(low, low + rise(top), 0.16)
            shadows.crown(low + rise(top), thing.size * 0.4)
        elif isinstance(thing, Car):
            half, end = CAR_WIDTH / 2, thing.z + thing.length
            floor = [[thing.x - half, 0, thing.z], [thing.x + half, 0, thing.z],
                     [thing.x + half, 0, end], [thing.x - half, 0, end]]  # fmt: skip
            shadows.patch(np.array(floor, float), min(0.45, shadows.leaves))
            roof = np.array(floor, float) + rise(1.3)
            shadows.solid(np.vstack([floor, roof]))


def paint_thing(canvas: Canvas, thing: Thing, light: Light) -> None:
    """Paint one thing."""
    if isinstance(thing, House):
        paint_house(canvas, thing, light)
    elif isinstance(thing, Border):
        paint_border(canvas, thing, light)
    elif isinstance(thing, Car):
        paint_car(canvas, thing, light)
    else:
        _tree(canvas, thing)


def _tree(canvas: Canvas, tree: Tree) -> None:
    base = np.array([tree.x, 0.0, tree.z])
    if tree.conifer:
        paint_bar(canvas, base, base + rise(1.2), 0.14, BARK)
        texture = foliage("conifer", tree.variant)
        canvas.sprite(texture, base + rise(0.4), tree.size * 0.7, tree.size * 1.45)
        return
    top = base + rise(tree.trunk + tree.size * 0.45)
    paint_bar(canvas, base, top, 0.17, BARK, thin=0.1)
    near = abs(tree.z - canvas.camera.z) < 26
    for side in (-0.22, 0.2) if near else ():
        fork = base + rise(tree.trunk * 0.9)
        paint_bar(canvas, fork, top + np.array([side * tree.size, 0, 0]), 0.08, BARK, thin=0.04)
    crown = base + rise(tree.trunk)
    canvas.sprite(foliage("crown", tree.variant), crown, tree.size, tree.size * 0.92)


def distance(scene: Scene, thing: Thing) -> float:
    """How far the nearest part of a thing is along the view, in metres."""
    reach = 0.0
    if isinstance(thing, House):
        reach = thing.width
    elif isinstance(thing, Car | Border):
        reach = thing.length
    z = float(np.clip(scene.camera.z, thing.z, thing.z + reach))
    return float(np.hypot(thing.x - scene.camera.x, z - scene.camera.z))
