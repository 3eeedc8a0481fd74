"""Contact sheets: small pictures with captions, in rows."""

import textwrap
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from vistoria.street.truth import Truth

TILE = (320, 240)
GAP = 6
LINE = 16
FONT = 13
WRAP = 46


def contact_sheet(
    tiles: Sequence[tuple[npt.NDArray[np.uint8], str]], columns: int = 4
) -> Image.Image:
    """Pictures (h, w, 3) with a caption each → one RGB image, `columns` wide; captions wrap."""
    if not tiles:
        raise ValueError("a contact sheet needs at least one picture")
    captions = [_wrap(caption) for _, caption in tiles]
    below = LINE * max(len(lines) for lines in captions) + GAP
    step = (TILE[0] + GAP, TILE[1] + below)
    rows = -(-len(tiles) // columns)
    sheet = Image.new("RGB", (columns * step[0] + GAP, rows * step[1] + GAP), (250, 250, 248))
    pen = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(FONT)
    for index, ((picture, _), lines) in enumerate(zip(tiles, captions, strict=True)):
        left, top = GAP + index % columns * step[0], GAP + index // columns * step[1]
        small = Image.fromarray(picture).resize(TILE, Image.Resampling.LANCZOS)
        sheet.paste(small, (left, top))
        for at, line in enumerate(lines):
            pen.text((left + 1, top + TILE[1] + 1 + at * LINE), line, fill=(20, 20, 24), font=font)
    return sheet


def _wrap(caption: str) -> list[str]:
    return [
        line for part in caption.splitlines() or [""] for line in textwrap.wrap(part, WRAP) or [""]
    ]


def caption(truth: Truth) -> str:
    """What is true of a photo, in a line or two."""
    parts: list[str] = [truth.asset.replace("_", " ")]
    if truth.material is not None:
        parts += [truth.material, f"{truth.lean_degrees:+.1f}°"]
        parts += ["transformer"] * bool(truth.transformer) + ["plants"] * bool(truth.vegetation)
    if truth.sign_kind is not None:
        limit = "" if truth.speed_limit is None else f" {truth.speed_limit}"
        parts = [truth.sign_kind.replace("_", " ") + limit, str(truth.sign_condition)]
    if truth.cover_shape is not None:
        parts = [f"{truth.cover_shape} cover", "cracked" if truth.cover_cracked else "intact"]
    return ", ".join([*parts, truth.time_of_day, truth.weather])
