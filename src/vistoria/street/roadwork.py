"""What was done to the road: repairs, kerbs, paint."""

import numpy as np

from vistoria.street.canvas import Colour, Pixels
from vistoria.street.plan import CONCRETE, KERB, SIDE, Plan
from vistoria.street.scene import Street

BEGIN, END = -45.0, 90.0
"""Metres along the street between which there is detail; the asset is at 0."""
TAR: Colour = (46, 46, 50)


def box(left: float, right: float, start: float, end: float) -> Pixels:
    """A rectangle (4, 2) along the street."""
    return np.array([[left, start], [right, start], [right, end], [left, end]])


def repairs(plan: Plan, street: Street) -> None:
    """Asphalt patches, tarred cracks, wheel tracks, oil."""
    rng = np.random.default_rng([street.seed, 1])
    half = street.road_width / 2
    for track in (-0.72, -0.3, 0.3, 0.72):
        plan.shade(box(track * half - 0.25, track * half + 0.25, BEGIN, END * 3), 0.95)
    if street.road in {"cobble", "concrete"}:
        return
    for _ in range(int(rng.integers(2, 9))):
        x, z = rng.uniform(-half, half * 0.7), rng.uniform(BEGIN, END * 0.6)
        wide, long = rng.uniform(0.5, 1.8), rng.uniform(0.8, 6)
        patch = box(x, min(half, x + wide), z, z + long)
        plan.fill(patch, (62, 62, 66) if rng.random() < 0.6 else (120, 119, 118), 0.55)
        plan.path(np.vstack([patch, patch[:1]]), 0.03, TAR)
    for _ in range(int(rng.integers(2, 12))):
        start = np.array([rng.uniform(-half, half), rng.uniform(BEGIN, END * 0.6)])
        steps = rng.normal(0, 0.28, (14, 2)) + rng.choice([[0.0, 0.35], [0.3, 0.05]])
        walk = start + np.cumsum(steps, axis=0)
        walk[:, 0] = np.clip(walk[:, 0], -half, half)
        plan.path(walk, 0.025, TAR)
    for _ in range(int(rng.integers(0, 5))):
        turn = np.linspace(0, 2 * np.pi, 14)
        blob = np.stack([np.cos(turn), np.sin(turn)], 1) * rng.uniform(0.1, 0.35)
        plan.shade(blob + np.array([rng.uniform(-half, half), rng.uniform(BEGIN, END / 2)]), 0.8)


def kerbs(plan: Plan, street: Street) -> None:
    """Kerb stones with joints, their shaded face and the gutter; nothing in the country."""
    if not street.pavement_width:
        return
    half = street.road_width / 2
    for side in (-1, 1):
        stone = sorted((side * half, side * (half + KERB)))
        plan.fill(box(stone[0], stone[1], BEGIN * 4, END * 9), CONCRETE, 0.9)
        gutter = sorted((side * half, side * (half - 0.1)))
        plan.shade(box(gutter[0], gutter[1], BEGIN * 4, END * 9), 0.62)
        back = side * (half + KERB)
        plan.path(np.array([[back, BEGIN], [back, END]]), 0.015, (96, 94, 90))
        if plan.step <= 8:
            for z in np.arange(np.floor(plan.z0), plan.z0 + SIDE * plan.scale, 1.0):
                plan.path(np.array([[stone[0], z], [stone[1], z]]), 0.014, (104, 102, 98))


def markings(plan: Plan, street: Street) -> None:
    """Centre line, edge lines and a crossing, worn by traffic."""
    strength = float(np.random.default_rng([street.seed, 2]).uniform(0.45, 0.9))
    white: Colour = (226, 226, 220)
    line: Colour = (222, 172, 48) if street.yellow_lines else white
    half = street.road_width / 2
    offsets = {"none": (), "dashed": (0.0,), "solid": (0.0,), "double": (-0.12, 0.12)}
    for x in offsets[street.centre_line]:
        if street.centre_line == "dashed":
            for z in np.arange(BEGIN * 2, END * 2, 9.0):
                plan.fill(box(x - 0.07, x + 0.07, z, z + 3.2), line, strength)
        else:
            plan.fill(box(x - 0.06, x + 0.06, BEGIN * 3, END * 9), line, strength)
    if street.edge_lines:
        for x in (-half + 0.35, half - 0.35):
            plan.fill(box(x - 0.06, x + 0.06, BEGIN * 3, END * 9), white, strength)
    if street.crossing_z is not None:
        for x in np.arange(-half + 0.5, half - 0.5, 1.0):
            plan.fill(box(x, x + 0.5, street.crossing_z, street.crossing_z + 3.2), white, strength)
