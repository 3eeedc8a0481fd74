"""Everything that decides a picture. Two scenes that are equal give the same bytes."""

from dataclasses import dataclass
from typing import Literal, get_args

from vistoria.street.camera import Camera
from vistoria.street.truth import (
    Asset,
    CoverShape,
    Material,
    SignCondition,
    SignKind,
    TimeOfDay,
    Weather,
)

Ground = Literal[
    "asphalt", "worn_asphalt", "concrete", "paving", "cobble", "grass", "dirt", "gravel"
]
Style = Literal["european", "american"]
District = Literal["houses", "blocks", "shops", "rural", "industry"]
STYLES: tuple[Style, ...] = get_args(Style)
DISTRICTS: tuple[District, ...] = get_args(District)


@dataclass(frozen=True, slots=True, kw_only=True)
class Street:
    """The place: widths in metres, what the ground is made of, and the seed of its buildings."""

    road_width: float
    pavement_width: float
    road: Ground
    pavement: Ground
    verge: Ground
    centre_line: Literal["none", "dashed", "solid", "double"]
    yellow_lines: bool
    edge_lines: bool
    crossing_z: float | None
    setback: float
    district: District
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Light:
    """Sun, sky and air. `fog` is the extinction per metre."""

    time_of_day: TimeOfDay
    weather: Weather
    sun_azimuth: float
    sun_elevation: float
    fog: float
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Sensor:
    """What the camera does to the light: lengths in pixels, noise in grey levels."""

    exposure: float
    contrast: float
    warmth: float
    blur: float
    motion: float
    motion_angle: float
    noise: float
    quality: int
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Pole:
    """A utility pole. It leans by `lean_degrees` towards `lean_heading` + 90 (degrees)."""

    x: float
    z: float
    height: float
    radius: float
    material: Material
    lean_degrees: float
    lean_heading: float
    transformer: bool
    vegetation: bool
    arms: int
    guy: bool
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Sign:
    """A road sign on a post; `size` is the plate's width (m), `facing` its turn (degrees)."""

    x: float
    z: float
    plate_height: float
    size: float
    kind: SignKind
    style: Style
    speed_limit: int | None
    condition: SignCondition
    facing: float
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Cover:
    """A maintenance cover let into the ground; `size` in metres, `turn` in degrees."""

    x: float
    z: float
    size: float
    shape: CoverShape
    cracked: bool
    turn: float
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Occluder:
    """Something between camera and asset; `height` is its middle's, where it is not the usual."""

    kind: Literal["bush", "branch", "leaves"]
    x: float
    z: float
    size: float
    seed: int
    height: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """One photo to be. `bad_view` lifts the promise that the asset can be recognised."""

    street: Street
    light: Light
    camera: Camera
    sensor: Sensor
    thing: Pole | Sign | Cover | None = None
    occluder: Occluder | None = None
    bad_view: bool = False

    @property
    def asset(self) -> Asset:
        """The class of the asset, or `none`."""
        if isinstance(self.thing, Pole):
            return "utility_pole"
        if isinstance(self.thing, Sign):
            return "road_sign"
        return "maintenance_cover" if isinstance(self.thing, Cover) else "none"
