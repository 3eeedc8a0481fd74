"""What poles carry: crossarms, insulators, wires, transformers, stays."""

import numpy as np

from vistoria.street.bar import Bark, Finish, paint_bar
from vistoria.street.camera import Floats
from vistoria.street.canvas import Canvas, Colour
from vistoria.street.geometry import axis, foot, rise, strip
from vistoria.street.scene import Pole

SPAN = 42.0
"""Metres to the next pole."""
GLASS: tuple[Colour, ...] = ((108, 62, 42), (198, 200, 200), (92, 128, 116))
WIRE: Colour = (34, 34, 38)


def holders(pole: Pole) -> list[Floats]:
    """Where wires are held: over the arms, or down the front of a pole without arms."""
    up, base = axis(pole), foot(pole)
    if pole.arms == 0:
        return [base + up * (pole.height - 0.25 - 0.42 * k) for k in range(3)]
    points = []
    for arm in range(pole.arms):
        middle = base + up * (pole.height - 0.35 - 0.85 * arm)
        half = reach(pole, arm)
        points += [middle + across(pole) * half * share for share in (-0.92, -0.42, 0.42, 0.92)]
    return points


def across(pole: Pole) -> Floats:
    """Unit vector along the crossarms: square to the pole, over the street."""
    lean = np.radians(pole.lean_degrees * np.cos(np.radians(pole.lean_heading)))
    return np.array([np.cos(lean), -np.sin(lean), 0.0])


def reach(pole: Pole, arm: int) -> float:
    """Half the length of a crossarm, in metres."""
    return (1.25, 0.95)[arm % 2] * (0.9 + 0.25 * (pole.seed % 100) / 100)


def wires(canvas: Canvas, pole: Pole, rng: np.random.Generator) -> None:
    """Sagging wires along the street, and a thick telephone cable lower down."""
    sag = float(rng.uniform(0.5, 1.3))
    thick = float(rng.uniform(0.016, 0.026))
    for point in holders(pole):
        _span(canvas, point + rise(0.16), sag, thick)
    if rng.random() < 0.6:
        low = foot(pole) + axis(pole) * pole.height * 0.66
        _span(canvas, low, sag * 0.8, 0.045)


def _span(canvas: Canvas, start: Floats, sag: float, thick: float) -> None:
    for way in (-1.0, 1.0):
        share = np.linspace(0, 1, 17)
        drop = -4 * sag * share * (1 - share)
        line = start + np.stack([0 * share, drop, way * share * SPAN], axis=1)
        line[:, 0] -= (start[0] - np.sign(start[0]) * abs(start[0])) * share
        for part in (line[:4], line[3:9], line[8:]):
            canvas.line(part, thick, WIRE)


def arms(canvas: Canvas, pole: Pole, rng: np.random.Generator) -> None:
    """Crossarms with braces and insulators; without arms, brackets with insulators."""
    glass = GLASS[int(rng.integers(0, len(GLASS)))]
    up, base = axis(pole), foot(pole)
    material: Bark = "wood" if pole.material == "wood" or rng.random() < 0.25 else "metal"
    for arm in range(pole.arms):
        middle = base + up * (pole.height - 0.35 - 0.85 * arm)
        half = across(pole) * reach(pole, arm)
        thick = 0.075 if material == "wood" else 0.055
        paint_bar(canvas, middle - half, middle + half, thick, Finish(material, 1), "fitting")
        for side in (-0.5, 0.5):
            joint = base + up * (pole.height - 1.0 - 0.85 * arm)
            canvas.line(
                np.stack([middle + half * side, joint]), 0.035, (88, 90, 94), mark="fitting"
            )
    for point in holders(pole):
        _insulator(canvas, point, glass)


def _insulator(canvas: Canvas, at: Floats, colour: Colour) -> None:
    """A pin with three sheds."""
    lift = np.array([0, 0.07, 0])
    for wide, row in ((0.022, 0), (0.085, 1), (0.05, 1.5), (0.075, 2), (0.045, 2.6)):
        low = at + lift * row * 0.85
        ring = strip(canvas.camera, low, low + lift * 0.8, wide, wide * 0.82)
        canvas.polygon(ring, colour, mark="fitting")


def transformer(canvas: Canvas, pole: Pole, rng: np.random.Generator, sunny: float) -> None:
    """One can, or two, hung from the pole: tank, lid, bushings, cooling fins."""
    up, base = axis(pole), foot(pole)
    side = float(rng.choice([-1.0, 1.0]))
    high = float(rng.uniform(0.95, 1.25))
    wide = float(rng.uniform(0.3, 0.38))
    level = pole.height - 0.35 - 0.85 * max(0, pole.arms - 1) - high - float(rng.uniform(0.9, 1.3))
    variant = int(rng.choice([0, 2, 3]))
    offsets = [side] if rng.random() < 0.8 else [-1.0, 1.0]
    for offset in offsets:
        middle = base + up * level + across(pole) * offset * (pole.radius + wide * 0.92)
        bracket = np.stack([base + up * (level + high * 0.8), middle + up * high * 0.8])
        canvas.line(bracket, 0.09, (70, 72, 76), mark="fitting")
        _can(canvas, middle, up * high, wide, (variant, sunny))


def _can(canvas: Canvas, low: Floats, rise: Floats, wide: float, look: tuple[int, float]) -> None:
    variant, sunny = look
    paint_bar(canvas, low, low + rise, wide, Finish("metal", variant, sunny), "fitting")
    side = strip(canvas.camera, low, low + rise, wide, wide)
    for share in np.linspace(0.12, 0.88, 6):
        foot_, head = (
            side[0] * (1 - share) + side[1] * share,
            side[3] * (1 - share) + side[2] * share,
        )
        fin = np.stack([foot_ * 0.85 + head * 0.15, foot_ * 0.25 + head * 0.75])
        canvas.line(fin, 0.022, (66, 70, 74), mark="fitting")
    for at, extra in ((0.0, 1.05), (0.94, 1.12)):
        start = low + rise * at
        band = strip(canvas.camera, start, start + rise * 0.07, wide * extra, wide * extra)
        canvas.polygon(band, (84, 88, 92), mark="fitting")
    for share in (0.2, 0.55, 0.86):
        top = side[3] * (1 - share) + side[2] * share
        pin = strip(canvas.camera, top, top + rise * 0.24, 0.055, 0.03)
        canvas.polygon(pin, (120, 74, 52), mark="fitting")


def guy(canvas: Canvas, pole: Pole, rng: np.random.Generator) -> None:
    """A stay from high on the pole to the ground, with a yellow guard."""
    start = foot(pole) + axis(pole) * pole.height * 0.82
    way = float(np.sign(pole.x)) * float(rng.uniform(2.2, 3.4))
    end = foot(pole) + np.array([way, 0, rng.uniform(-1, 1)])
    canvas.line(np.stack([start, end]), 0.024, (58, 60, 64))
    canvas.line(np.stack([end + (start - end) * 0.26, end]), 0.07, (222, 188, 40))
