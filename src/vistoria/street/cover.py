"""Maintenance covers: cast iron in a frame, let into the ground."""

import cv2
import numpy as np

from vistoria.street.canvas import Canvas, Pixels, Texture
from vistoria.street.geometry import lid
from vistoria.street.noise import clouds, crop, grain
from vistoria.street.relief import MIDDLE, SIDE, border_distance, heights, lit
from vistoria.street.scene import Cover

IRON = ((104, 98, 92), (88, 86, 88), (122, 92, 72), (112, 108, 104), (132, 128, 124), (96, 80, 68))


def paint_cover(canvas: Canvas, cover: Cover) -> None:
    """The collar of new asphalt or concrete around it, then the cover."""
    rng = np.random.default_rng([cover.seed, 19])
    _collar(canvas, cover, rng)
    canvas.quad(top(cover), lid(cover), mark="asset")


def _collar(canvas: Canvas, cover: Cover, rng: np.random.Generator) -> None:
    """A patch a little larger than the cover, of its own grey, with a rough edge."""
    is_round = cover.shape == "round"
    side = 160
    grey = float(rng.choice([58, 74, 150, 132]))
    noise = crop(grain(512, 61), 0, 0, side, side) * 7 + grey
    rgb = np.clip(noise[..., None] * np.array([1, 0.99, 0.97]), 0, 255).astype(np.uint8)
    alpha = np.zeros((side, side), np.uint8)
    if is_round:
        cv2.circle(alpha, (80, 80), 72, 225, -1, cv2.LINE_AA)
    else:
        cv2.rectangle(alpha, (9, 9), (151, 151), 225, -1)
    wobble = crop(clouds(512, 1.2, 67), int(rng.integers(500)), 0, side, side)
    edge = cv2.GaussianBlur(alpha, (0, 0), 3.0).astype(np.float32) + wobble * 16
    alpha = np.clip((edge - 90) * 6, 0, 215).astype(np.uint8)
    corners = lid(cover)
    middle = corners[1] / 2 + corners[2] / 2
    grown = middle + (corners - middle) * float(rng.uniform(1.3, 1.62))
    canvas.quad(Texture(rgb=rgb, alpha=alpha), grown)


def top(cover: Cover) -> Texture:
    """The cover's picture from above, (240, 240)."""
    rng = np.random.default_rng([cover.seed, 23])
    inside = border_distance(cover.shape == "round")
    field = heights(cover)
    colour = np.array(IRON[int(rng.integers(0, len(IRON)))], np.float32)
    light = lit(field, float(rng.uniform(0, 2 * np.pi)))
    shift = int(rng.integers(0, 500))
    soft = crop(clouds(512, 1.3, 71), shift, 0, SIDE, SIDE)
    light = light * (1 + 0.07 * soft + 0.05 * crop(grain(512, 73), shift, 0, SIDE, SIDE))
    rgb: Pixels = light[..., None] * colour
    rust = np.clip(crop(clouds(512, 1.4, 79), shift, 9, SIDE, SIDE) - 0.6, 0, 1)[..., None] * 0.5
    rgb = rgb * (1 - rust) + light[..., None] * np.array([138, 84, 50], np.float32) * rust
    gap = ((inside > 3) & (inside <= 7))[..., None]
    rgb = np.where(gap, 22.0, rgb)
    rgb = np.where((inside <= 3)[..., None], np.float32(1.1) * colour + 18, rgb)
    picture: Pixels = np.clip(rgb, 0, 255).astype(np.uint8)
    if cover.cracked:
        _crack(picture, rng)
    alpha = np.where(inside > 0, 255, 0).astype(np.uint8)
    return Texture(rgb=picture, alpha=alpha)


def _crack(rgb: Pixels, rng: np.random.Generator) -> None:
    """A fracture across the cover with branches, bright broken edges and a lost piece."""
    turn = float(rng.uniform(0, np.pi))
    way = np.array([np.cos(turn), np.sin(turn)])
    side = np.array([-way[1], way[0]])
    share = np.linspace(-1, 1, 13)
    wander = np.cumsum(rng.normal(0, 7.5, 13))
    wander -= wander.mean()
    main = MIDDLE + way * share[:, None] * SIDE * 0.47 + side * wander[:, None]
    lines = [main]
    for _ in range(int(rng.integers(1, 4))):
        at = int(rng.integers(3, 10))
        bend = float(rng.uniform(0.6, 1.3)) * float(rng.choice([-1, 1]))
        aside = way * np.cos(bend) + side * np.sin(bend)
        steps = np.linspace(0, rng.uniform(0.2, 0.4), 6)[:, None] * SIDE
        lines.append(main[at] + aside * steps + rng.normal(0, 3, (6, 2)))
    for offset, colour, thick in ((2.5, (168, 160, 150), 8), (0, (6, 6, 7), 6)):
        for index, line in enumerate(lines):
            path = np.round((line + offset) * 16).astype(np.int32)
            width = thick if index == 0 else thick - 2
            cv2.polylines(rgb, [path], False, colour, width, cv2.LINE_AA, 4)
    at = main[int(rng.integers(3, 10))]
    angle = np.sort(rng.uniform(0, 2 * np.pi, 7))
    size = rng.uniform(12, 24, (7, 1))
    hole = at + np.stack([np.cos(angle), np.sin(angle)], 1) * size
    cv2.fillPoly(rgb, [np.round(hole * 16).astype(np.int32)], (4, 4, 5), cv2.LINE_AA, 4)
