"""Assets of the made-up town: where they stand, what they look like, what became of them."""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from vistoria.street.chance import (
    Rng,
    bearing,
    draw_camera,
    draw_cover,
    draw_pole,
    draw_sign,
    draw_street,
    pick,
    subseed,
)
from vistoria.street.scene import Cover, Pole, Sign, Street
from vistoria.street.truth import LEANING_AT_LEAST, SPEEDS, Asset

Thing = Pole | Sign | Cover
Change = Literal[
    "none", "new", "gone", "leaning", "overgrown", "cut_back", "graffiti", "faded", "replaced",
    "cracked",
]  # fmt: skip
CENTRE = (41.7423, -6.6120)
"""Latitude and longitude of the town hall of Vila Serena, which does not exist."""
TURN = 17.0
"""Degrees by which the street grid is turned from north."""
BLOCK, SLOT = 105.0, 21.0
"""Metres between parallel streets, and between two assets along one."""
METRES_PER_DEGREE = 111_320.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """One asset: `before` and `after` are what it is in the older and the newer snapshot."""

    asset_id: str
    before: Thing | None
    after: Thing | None
    change: Change
    street: Street
    east: float
    north: float
    heading: float

    @property
    def asset(self) -> Asset:
        """The class of the asset."""
        thing = self.before or self.after
        if isinstance(thing, Pole):
            return "utility_pole"
        return "road_sign" if isinstance(thing, Sign) else "maintenance_cover"

    def degrees(self, x: float, z: float) -> tuple[float, float]:
        """Latitude and longitude of a place given in the street's metres around the asset."""
        turn = np.radians(self.heading)
        east = self.east + x * np.cos(turn) + z * np.sin(turn)
        north = self.north - x * np.sin(turn) + z * np.cos(turn)
        latitude = CENTRE[0] + north / METRES_PER_DEGREE
        shrunk = METRES_PER_DEGREE * np.cos(np.radians(CENTRE[0]))
        return round(float(latitude), 7), round(float(CENTRE[1] + east / shrunk), 7)


def hex_id(rng: Rng) -> str:
    """32 hexadecimal digits."""
    return rng.bytes(16).hex()


def settle_town(rng: Rng, count: int) -> list[Site]:
    """`count` assets along a grid of streets, each street with one style."""
    lines = max(6, int(np.ceil(np.sqrt(count / 9))))
    slots = [
        (line, slot) for line in range(2 * lines) for slot in range(int(lines * BLOCK / SLOT) - 1)
    ]
    styles = [draw_street(rng) for _ in range(2 * lines)]
    chosen = sorted(slots[int(at)] for at in rng.permutation(len(slots))[:count])
    return [_settle(rng, styles[line], lines, line, slot) for line, slot in chosen]


def _settle(rng: Rng, style: Street, lines: int, line: int, slot: int) -> Site:
    side = lines * BLOCK
    along = (slot + 0.5) * SLOT + float(rng.uniform(-6, 6)) - side / 2
    offset = (line % lines + 0.5) * BLOCK - side / 2
    turned = line >= lines
    u, v = (along, offset) if turned else (offset, along)
    turn = np.radians(TURN)
    street = replace(style, seed=subseed(rng))
    kind: Asset = pick(rng, ("utility_pole", "road_sign", "maintenance_cover"), (4, 3.8, 2.2))
    first = settled(rng, street, kind)
    before, after, change = became(rng, first)
    return Site(
        asset_id=f"t1:{hex_id(rng)}:ffff005f",
        before=before,
        after=after,
        change=change,
        street=street,
        east=float(u * np.cos(turn) + v * np.sin(turn)),
        north=float(v * np.cos(turn) - u * np.sin(turn)),
        heading=TURN + (90.0 if turned else 0.0),
    )


def settled(rng: Rng, street: Street, kind: Asset) -> Thing:
    """An asset that faces and leans as it does, whoever looks at it."""
    if kind == "maintenance_cover":
        return draw_cover(rng, street)
    if kind == "road_sign":
        sign = draw_sign(rng, street, None)
        turn = 0.65 * bearing(draw_camera(rng, street, sign), sign)
        return replace(sign, facing=float(rng.normal(0, 8)) - turn)
    pole = draw_pole(rng, street)
    return replace(pole, lean_heading=bearing(draw_camera(rng, street, pole), pole) * 0.7)


def became(rng: Rng, thing: Thing) -> tuple[Thing | None, Thing | None, Change]:
    """What the asset was and is: most stay, a sixth change, a few come or go."""
    fate = float(rng.random())
    if fate < 0.04:
        return None, thing, "new"
    if fate < 0.08:
        return thing, None, "gone"
    if fate > 0.28:
        return thing, thing, "none"
    if isinstance(thing, Pole):
        return _pole_changed(rng, thing)
    if isinstance(thing, Sign):
        return _sign_changed(rng, thing)
    whole = replace(thing, cracked=False)
    return whole, replace(thing, cracked=True), "cracked"


def _pole_changed(rng: Rng, pole: Pole) -> tuple[Thing, Thing, Change]:
    if rng.random() < 0.5:
        upright = replace(pole, lean_degrees=float(rng.uniform(-1.5, 1.5)))
        lean = float(rng.uniform(LEANING_AT_LEAST + 3, 18)) * pick(rng, (-1.0, 1.0))
        return upright, replace(pole, lean_degrees=lean), "leaning"
    change: Change = "cut_back" if pole.vegetation else "overgrown"
    return pole, replace(pole, vegetation=not pole.vegetation), change


def _sign_changed(rng: Rng, sign: Sign) -> tuple[Thing, Thing, Change]:
    clean = replace(sign, condition="clean")
    if sign.speed_limit is not None and rng.random() < 0.5:
        others = tuple(speed for speed in SPEEDS if speed != sign.speed_limit)
        return clean, replace(clean, speed_limit=pick(rng, others)), "replaced"
    if rng.random() < 0.5:
        return clean, replace(sign, condition="graffiti"), "graffiti"
    return clean, replace(sign, condition="faded"), "faded"
