"""Photos of an asset: from where, when, in which weather, and how bad at times."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Literal

import numpy as np

from vistoria.street.chance import (
    Rng,
    bearing,
    clearly_seen,
    draw_camera,
    draw_light,
    draw_sensor,
    pick,
    subseed,
)
from vistoria.street.scene import Cover, Occluder, Pole, Scene, Sign, Street

Thing = Pole | Sign | Cover
Flaw = Literal["far", "dark", "blurred", "fogged", "hidden"]
FLAWS: tuple[Flaw, ...] = ("far", "dark", "blurred", "fogged", "hidden")
HOURS = {"day": (9.0, 16.0), "overcast": (9.0, 16.0), "dusk": (17.5, 18.5), "night": (19.5, 23.5)}
TRIES = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """One photo to be taken, and what is wrong with the view, if anything."""

    scene: Scene
    captured: datetime
    flaw: Flaw | None


def visit(
    rng: Rng, street: Street, thing: Thing, between: tuple[datetime, datetime], *, bad: bool
) -> Visit:
    """A photo of the thing at a random time; a good view unless `bad`."""
    scene = good_view(rng, street, thing)
    flaw = pick(rng, FLAWS) if bad else None
    if flaw is not None:
        scene = spoil(rng, scene, flaw)
    return Visit(scene=scene, captured=_time(rng, scene, between), flaw=flaw)


def good_view(rng: Rng, street: Street, thing: Thing) -> Scene:
    """A photo on which the thing can be recognised."""
    for _ in range(TRIES):
        light = draw_light(rng)
        scene = Scene(
            street=street,
            light=light,
            camera=draw_camera(rng, street, thing),
            sensor=draw_sensor(rng, light),
            thing=thing,
        )
        if clearly_seen(scene):
            break
    return scene


def spoil(rng: Rng, scene: Scene, flaw: Flaw) -> Scene:
    """The same photo from too far, too dark, blurred, in thick fog, or with something before it."""
    scene = replace(scene, bad_view=True)
    if flaw == "far":
        return _from_far(rng, scene)
    if flaw == "dark":
        dark = replace(scene.light, time_of_day="night", weather="clear", fog=0.001)
        dim = replace(scene.sensor, exposure=0.5, contrast=0.62, noise=float(rng.uniform(9, 13)))
        return replace(scene, light=dark, sensor=dim)
    if flaw == "blurred":
        shaken = replace(
            scene.sensor, blur=float(rng.uniform(2.6, 4.2)), motion=float(rng.uniform(9, 15))
        )
        return replace(scene, sensor=shaken)
    if flaw == "fogged":
        thick = float(rng.uniform(1.6, 2.3)) / _distance(scene)
        grey = replace(scene.light, time_of_day="overcast", weather="fog", fog=thick)
        return replace(scene, light=grey)
    return _hidden(rng, scene)


def _distance(scene: Scene) -> float:
    thing = scene.thing
    assert thing is not None
    return float(np.hypot(thing.x - scene.camera.x, thing.z - scene.camera.z))


def _from_far(rng: Rng, scene: Scene) -> Scene:
    """Some three or four times further back along the street, looking the same way."""
    camera, thing = scene.camera, scene.thing
    assert thing is not None
    back = replace(camera, z=thing.z - (thing.z - camera.z) * float(rng.uniform(3.0, 4.5)))
    off = bearing(camera, thing) - camera.heading
    tilt = camera.pitch
    if isinstance(thing, Cover):
        away = replace(scene, camera=back)
        tilt = 3.0 - float(np.degrees(np.arctan2(camera.height, _distance(away))))
    return replace(
        scene, camera=replace(back, heading=bearing(back, thing) - off * 0.5, pitch=tilt)
    )


def _hidden(rng: Rng, scene: Scene) -> Scene:
    """Leaves on the line of sight: about half of a sign or cover, the upper half of a pole."""
    thing, camera = scene.thing, scene.camera
    assert thing is not None
    if isinstance(thing, Cover):
        share, aim = 0.86, 0.0
        size = camera.height * (1 - share) * float(rng.uniform(1.9, 2.6))
    elif isinstance(thing, Sign):
        share, aim = 0.6, thing.plate_height + thing.size * 0.5
        size = share * thing.size * float(rng.uniform(1.0, 1.35))
    else:
        share, aim = 0.5, thing.height * 0.62
        size = share * thing.height * float(rng.uniform(0.55, 0.75))
    sight = camera.height + share * (aim - camera.height)
    before = Occluder(
        kind="bush" if isinstance(thing, Cover) else "branch",
        x=camera.x + share * (thing.x - camera.x) + float(rng.normal(0, 0.03)),
        z=camera.z + share * (thing.z - camera.z),
        size=size,
        height=sight - 0.1 * size,
        seed=subseed(rng),
    )
    return replace(scene, occluder=before)


def _time(rng: Rng, scene: Scene, between: tuple[datetime, datetime]) -> datetime:
    """A day in the span, at an hour that goes with the light, in winter when there is snow."""
    days = (between[1] - between[0]).days
    day = between[0] + timedelta(days=int(rng.integers(0, max(1, days))))
    if scene.light.weather == "snow":
        winters = (day.replace(month=1, day=15), day.replace(month=2, day=10))
        inside = [date for date in winters if between[0] <= date < between[1]]
        day = inside[0] if inside else day
    first, last = HOURS[scene.light.time_of_day]
    seconds = float(rng.uniform(first, last)) * 3600
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return midnight + timedelta(seconds=int(seconds), microseconds=int(rng.integers(0, 10**6)))
