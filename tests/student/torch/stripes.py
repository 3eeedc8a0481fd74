"""Pictures of stripes: which way they run has nothing to do with their colours or place, so that
features of a random network tell it badly, and tuned ones well."""

import csv
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import simplejpeg

from vistoria.records import Value
from vistoria.task import Field, Task

WAYS = ("flat", "upright", "rising", "falling")
TASK = Task(
    "stripes",
    "Say what the picture shows.",
    (Field("way", "choice", "Which way the stripes run.", choices=WAYS), Field("pale", "boolean")),
)
TASK_FILE = """
instructions = "Say what the picture shows."
[[fields]]
name = "way"
kind = "choice"
choices = ["flat", "upright", "rising", "falling"]
help = "Which way the stripes run."
[[fields]]
name = "pale"
kind = "boolean"
"""
_SIDE = 32


def draw_stripes(folder: Path, count: int, seed: int = 3) -> dict[str, Mapping[str, Value]]:
    """Writes `count` JPEGs and `photos.csv`, one photo per asset; returns uri → truth."""
    dice = np.random.default_rng(seed)
    (folder / "photos").mkdir(parents=True)
    truth: dict[str, Mapping[str, Value]] = {}
    with (folder / "photos.csv").open("w", newline="") as file:
        out = csv.writer(file)
        out.writerow(["observation_id", "uri", "asset_id"])
        for number in range(count):
            way, pale = number % 4, bool(dice.random() < 0.5)
            path = folder / "photos" / f"{number:05}.jpg"
            path.write_bytes(simplejpeg.encode_jpeg(_picture(dice, way, pale), 95))
            truth[str(path)] = {"way": WAYS[way], "pale": pale}
            out.writerow([f"p{number:05}", path, f"a{number:05}"])
    return truth


def _picture(
    dice: np.random.Generator, way: int, pale: bool
) -> "np.ndarray[tuple[int, ...], np.dtype[np.uint8]]":
    across, down = np.meshgrid(np.arange(_SIDE), np.arange(_SIDE))
    along = (down, across, (across + down) / 2**0.5, (across - down) / 2**0.5)[way]
    wave = np.sin(2 * np.pi * (along / dice.uniform(5, 7) + dice.random()))[..., None]
    middle, colour = dice.uniform(90, 165, 3), dice.uniform(25, 70, 3) * dice.choice([-1, 1], 3)
    frame = middle + wave * colour + dice.normal(0, 6, (_SIDE, _SIDE, 3))
    frame = frame * 0.4 + 150 if pale else frame
    return np.ascontiguousarray(frame.clip(0, 255).astype(np.uint8))
