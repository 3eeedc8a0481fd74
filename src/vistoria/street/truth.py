"""What is true of one drawn photo."""

from dataclasses import dataclass
from typing import Literal, get_args

Asset = Literal["utility_pole", "road_sign", "maintenance_cover", "none"]
Material = Literal["wood", "concrete", "metal"]
SignKind = Literal["stop", "yield", "speed_limit", "warning"]
SignCondition = Literal["clean", "faded", "graffiti"]
CoverShape = Literal["round", "square"]
TimeOfDay = Literal["day", "overcast", "dusk", "night"]
Weather = Literal["clear", "fog", "rain", "snow"]
Box = tuple[int, int, int, int]

ASSETS: tuple[Asset, ...] = get_args(Asset)
MATERIALS: tuple[Material, ...] = get_args(Material)
SIGN_KINDS: tuple[SignKind, ...] = get_args(SignKind)
SIGN_CONDITIONS: tuple[SignCondition, ...] = get_args(SignCondition)
COVER_SHAPES: tuple[CoverShape, ...] = get_args(CoverShape)
TIMES_OF_DAY: tuple[TimeOfDay, ...] = get_args(TimeOfDay)
WEATHERS: tuple[Weather, ...] = get_args(Weather)
SPEEDS = (20, 30, 40, 50, 60, 70, 80, 90, 100, 110, 120, 130)

UPRIGHT_AT_MOST = 2.0
"""Degrees. A pole tilted by no more than this counts as upright."""
LEANING_AT_LEAST = 6.0
"""Degrees. A pole tilted by at least this counts as leaning; nothing is drawn in between."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """What a photo shows. An attribute is None when it does not belong to the asset.

    `lean_degrees` is signed (right is positive). `visible_fraction` is the visible share of the
    pole's shaft, the sign's plate or the cover. `box` is (left, top, right, bottom) in pixels,
    right and bottom exclusive, around what is visible: the whole pole, the plate, or the cover.
    """

    asset: Asset
    material: Material | None = None
    leaning: bool | None = None
    lean_degrees: float | None = None
    transformer: bool | None = None
    vegetation: bool | None = None
    sign_kind: SignKind | None = None
    speed_limit: int | None = None
    sign_condition: SignCondition | None = None
    cover_shape: CoverShape | None = None
    cover_cracked: bool | None = None
    time_of_day: TimeOfDay
    weather: Weather
    visible_fraction: float
    box: Box | None
