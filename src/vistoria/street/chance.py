"""Draw scenes by chance: each part from its own stream of one seed."""

from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from vistoria.street.camera import Camera
from vistoria.street.geometry import visible_share
from vistoria.street.scene import (
    DISTRICTS,
    STYLES,
    Cover,
    Light,
    Occluder,
    Pole,
    Scene,
    Sensor,
    Sign,
    Street,
)
from vistoria.street.truth import (
    ASSETS,
    COVER_SHAPES,
    MATERIALS,
    SIGN_CONDITIONS,
    SIGN_KINDS,
    SPEEDS,
    TIMES_OF_DAY,
    UPRIGHT_AT_MOST,
    WEATHERS,
    Asset,
    SignKind,
)

Choice = TypeVar("Choice")
Rng = np.random.Generator
TRIES = 60


def pick(rng: Rng, options: tuple[Choice, ...], odds: tuple[float, ...] | None = None) -> Choice:
    """One of the options, by odds that need not sum to one."""
    shares = None if odds is None else np.array(odds) / sum(odds)
    return options[int(rng.choice(len(options), p=shares))]


def subseed(rng: Rng) -> int:
    """A seed for something drawn later."""
    return int(rng.integers(0, 2**31 - 1))


def draw_scene(seed: int, asset: Asset | None, sign_kind: SignKind | None) -> Scene:
    """The scene of a seed: the first of its sub-seeds whose asset can be seen well enough."""
    for attempt in range(TRIES):
        rng = np.random.default_rng([seed, attempt])
        scene = _draw(rng, asset, sign_kind)
        if clearly_seen(scene):
            return scene
    return scene


def clearly_seen(scene: Scene) -> bool:
    """Whether enough of the asset will be seen; plants on a pole will hide some more of it."""
    overgrown = isinstance(scene.thing, Pole) and scene.thing.vegetation
    return scene.thing is None or visible_share(scene) >= (0.93 if overgrown else 0.66)


def _draw(rng: Rng, asset: Asset | None, sign_kind: SignKind | None) -> Scene:
    wanted = asset or ("road_sign" if sign_kind else pick(rng, ASSETS, (3, 3.4, 2.6, 1)))
    street = draw_street(rng)
    light = draw_light(rng)
    thing: Pole | Sign | Cover | None = None
    if wanted == "utility_pole":
        thing = draw_pole(rng, street)
    elif wanted == "road_sign":
        thing = draw_sign(rng, street, sign_kind)
    elif wanted == "maintenance_cover":
        thing = draw_cover(rng, street)
    camera = draw_camera(rng, street, thing)
    if isinstance(thing, Sign):
        thing = replace(thing, facing=float(rng.normal(0, 10)) - 0.65 * bearing(camera, thing))
    if isinstance(thing, Pole):
        thing = replace(thing, lean_heading=bearing(camera, thing))
    return Scene(
        street=street,
        light=light,
        camera=camera,
        sensor=draw_sensor(rng, light),
        thing=thing,
        occluder=draw_occluder(rng, camera, thing),
    )


def bearing(camera: Camera, thing: Pole | Sign | Cover) -> float:
    """The direction from camera to thing, in degrees right of the street's."""
    return float(np.degrees(np.arctan2(thing.x - camera.x, thing.z - camera.z)))


def draw_street(rng: Rng) -> Street:
    """A street with its materials and district."""
    district = pick(rng, DISTRICTS, (4, 3, 2, 2, 1))
    rural = district == "rural"
    return Street(
        road_width=float(rng.uniform(5.5, 9.5)),
        pavement_width=0.0 if rural else float(rng.uniform(1.6, 3.4)),
        road=pick(rng, ("asphalt", "worn_asphalt", "concrete", "cobble"), (6, 4, 1, 0.7)),
        pavement=pick(rng, ("concrete", "paving", "cobble"), (4, 4, 1)),
        verge=pick(rng, ("grass", "dirt", "gravel", "paving"), (5, 2, 1.5, 0 if rural else 1.5)),
        centre_line=pick(rng, ("none", "dashed", "solid", "double"), (1.5, 5, 1, 1.5)),
        yellow_lines=bool(rng.random() < 0.45),
        edge_lines=bool(rng.random() < 0.4),
        crossing_z=float(rng.uniform(7, 40)) if not rural and rng.random() < 0.3 else None,
        setback=float(rng.uniform(0.5, 7.0)),
        district=district,
        seed=subseed(rng),
    )


def draw_light(rng: Rng) -> Light:
    """Time of day, weather, sun and air."""
    time = pick(rng, TIMES_OF_DAY, (4, 2.4, 1.6, 2))
    weather = pick(rng, WEATHERS, (6.5, 1.4, 1.7, 0.5))
    if time == "day" and weather in {"rain", "snow"}:
        time = "overcast"
    low = {"day": 28.0, "overcast": 40.0, "dusk": 4.0, "night": 30.0}[time]
    high = {"day": 62.0, "overcast": 60.0, "dusk": 14.0, "night": 60.0}[time]
    haze = {"clear": 0.0012, "fog": 0.022, "rain": 0.006, "snow": 0.009}[weather]
    return Light(
        time_of_day=time,
        weather=weather,
        sun_azimuth=float(rng.uniform(-180, 180)),
        sun_elevation=float(rng.uniform(low, high)),
        fog=haze * float(rng.uniform(0.6, 1.5)),
        seed=subseed(rng),
    )


def draw_sensor(rng: Rng, light: Light) -> Sensor:
    """Exposure, blur, noise and JPEG quality."""
    night = light.time_of_day == "night"
    return Sensor(
        exposure=float(rng.uniform(0.9, 1.12)),
        contrast=float(rng.uniform(0.88, 1.14)),
        warmth=float(rng.uniform(-0.05, 0.05)),
        blur=float(rng.uniform(0.4, 1.0)) if rng.random() < 0.35 else 0.0,
        motion=float(rng.uniform(2, 4.5)) if rng.random() < 0.12 else 0.0,
        motion_angle=float(rng.uniform(-12, 12)),
        noise=float(rng.uniform(3, 7) if night else rng.uniform(0.8, 4)),
        quality=int(rng.integers(55, 96)),
        seed=subseed(rng),
    )


def draw_pole(rng: Rng, street: Street) -> Pole:
    """A pole beside the road."""
    material = pick(rng, MATERIALS)
    side = pick(rng, (-1.0, 1.0), (1, 2))
    lean = float(rng.uniform(-1, 1)) * UPRIGHT_AT_MOST
    if rng.random() < 0.42:
        lean = float(rng.uniform(7, 20)) * pick(rng, (-1.0, 1.0))
    return Pole(
        x=side * (street.road_width / 2 + float(rng.uniform(0.5, 1.3))),
        z=0.0,
        height=float(rng.uniform(7.0, 11.0)),
        radius=float(rng.uniform(0.13, 0.19)),
        material=material,
        lean_degrees=lean,
        lean_heading=0.0,
        transformer=bool(rng.random() < 0.4),
        vegetation=bool(rng.random() < 0.35),
        arms=pick(rng, (0, 1, 2), (1.5, 5, 3)),
        guy=bool(rng.random() < 0.2),
        seed=subseed(rng),
    )


def draw_sign(rng: Rng, street: Street, kind: SignKind | None) -> Sign:
    """A sign beside the road, of the kind asked for or of any."""
    chosen = pick(rng, SIGN_KINDS, (1, 1, 2, 1.6)) if kind is None else kind
    style = pick(rng, STYLES)
    side = pick(rng, (-1.0, 1.0), (1, 3))
    return Sign(
        x=side * (street.road_width / 2 + float(rng.uniform(0.5, 1.4))),
        z=0.0,
        plate_height=float(rng.uniform(1.7, 2.4)),
        size=float(rng.uniform(0.6, 0.95)),
        kind=chosen,
        style=style,
        speed_limit=pick(rng, SPEEDS) if chosen == "speed_limit" else None,
        condition=pick(rng, SIGN_CONDITIONS, (5, 2.5, 2.5)),
        facing=float(rng.normal(0, 12)),
        seed=subseed(rng),
    )


def draw_cover(rng: Rng, street: Street) -> Cover:
    """A cover in the road or the pavement."""
    half = street.road_width / 2
    on_pavement = street.pavement_width > 1.5 and rng.random() < 0.3
    x = (
        half + 0.2 + street.pavement_width / 2
        if on_pavement
        else float(rng.uniform(-0.75, 0.75)) * half
    )
    return Cover(
        x=x,
        z=0.0,
        size=float(rng.uniform(0.6, 0.85)),
        shape=pick(rng, COVER_SHAPES),
        cracked=bool(rng.random() < 0.4),
        turn=float(rng.normal(0, 8)) if rng.random() < 0.7 else float(rng.uniform(-45, 45)),
        seed=subseed(rng),
    )


def draw_camera(rng: Rng, street: Street, thing: Pole | Sign | Cover | None) -> Camera:
    """A camera that looks at the thing, or down the street."""
    focal = float(rng.uniform(410, 560))
    roll = float(np.clip(rng.normal(0, 0.8), -1.5, 1.5))
    lane = float(rng.uniform(-0.35, 0.35)) * street.road_width
    if isinstance(thing, Pole):
        far = thing.height * focal / float(rng.uniform(260, 470))
        pose = Pose(lane, 2.5, float(rng.uniform(2, 7)), roll, focal)
        return aim(rng, thing, far, pose)
    if isinstance(thing, Sign):
        far = thing.size * focal / float(np.exp(rng.uniform(np.log(52), np.log(190))))
        pose = Pose(lane, float(rng.uniform(1.5, 2.6)), float(rng.uniform(-5, 4)), roll, focal)
        return aim(rng, thing, far, pose)
    height = float(rng.uniform(1.4, 2.6))
    if isinstance(thing, Cover):
        far = float(rng.uniform(1.7, 4.0))
        down = -float(np.degrees(np.arctan2(height, far))) + float(rng.uniform(-6, 7))
        pose = Pose(thing.x + float(rng.uniform(-2, 2)), height, down, roll, focal)
        return aim(rng, thing, far, pose)
    down = float(rng.uniform(-4, 4)) if rng.random() < 0.75 else float(rng.uniform(-35, -10))
    heading = float(rng.normal(0, 14))
    return Camera(
        x=lane, height=height, z=-12.0, heading=heading, pitch=down, roll=roll, focal=focal
    )


@dataclass(frozen=True, slots=True)
class Pose:
    """What of a camera is settled before it is aimed; `lane` is where it would like to be."""

    lane: float
    height: float
    pitch: float
    roll: float
    focal: float


def aim(rng: Rng, thing: Pole | Sign | Cover, distance: float, pose: Pose) -> Camera:
    """A camera `distance` metres before the thing, which lies somewhere near the middle."""
    across = float(np.clip(thing.x - pose.lane, -0.8 * distance, 0.8 * distance))
    along = float(np.sqrt(distance**2 - across**2))
    towards = float(np.degrees(np.arctan2(across, along)))
    aside = np.clip(rng.normal(0, 95), -190, 190)
    off = float(np.degrees(np.arctan(aside / pose.focal)))
    return Camera(
        x=thing.x - across,
        height=pose.height,
        z=thing.z - along,
        heading=towards - off,
        pitch=pose.pitch,
        roll=pose.roll,
        focal=pose.focal,
    )


def draw_occluder(rng: Rng, camera: Camera, thing: Pole | Sign | Cover | None) -> Occluder | None:
    """Sometimes, something that hides a little of the asset."""
    if thing is None or isinstance(thing, Pole) or rng.random() > 0.25:
        return None
    share = float(rng.uniform(0.35, 0.8))
    return Occluder(
        kind="leaves" if isinstance(thing, Cover) else pick(rng, ("bush", "branch")),
        x=camera.x + share * (thing.x - camera.x) + float(rng.normal(0, 0.4)),
        z=camera.z + share * (thing.z - camera.z),
        size=float(rng.uniform(0.3, 0.9)),
        seed=subseed(rng),
    )
