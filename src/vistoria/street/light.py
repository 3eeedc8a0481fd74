"""How light falls: on faces while painting, and on the whole picture at the end."""

import cv2
import numpy as np

from vistoria.street.camera import HEIGHT, WIDTH, Camera, Floats
from vistoria.street.canvas import Canvas, Pixels
from vistoria.street.scene import Light, Scene
from vistoria.street.sky import palette, sun_direction

HALF = (WIDTH // 2, HEIGHT // 2)
SUN = {"day": 0.52, "overcast": 0.08, "dusk": 0.3, "night": 0.0}
SHARP = {"day": 0.52, "overcast": 0.86, "dusk": 0.8, "night": 1.0}
"""What a cast shadow leaves of the light."""
TINTS: dict[str, tuple[tuple[float, float, float], ...]] = {
    "day": ((1.04, 1.01, 0.96), (1.0, 1.0, 1.0), (1.06, 1.01, 0.92)),
    "overcast": ((0.86, 0.88, 0.91), (0.9, 0.9, 0.9), (0.8, 0.83, 0.87)),
    "dusk": ((0.92, 0.78, 0.66), (0.84, 0.74, 0.77), (0.64, 0.69, 0.82), (0.9, 0.79, 0.62)),
    "night": ((0.15, 0.16, 0.21), (0.3, 0.24, 0.17), (0.13, 0.15, 0.21), (0.24, 0.24, 0.25)),
}


def facing(light: Light, normal: Floats) -> float:
    """Brightness of a face by its unit normal: about 0.6 turned away, 1.1 turned to the sun."""
    sun = SUN[light.time_of_day] if light.weather in {"clear", "snow"} else 0.08
    direct = max(0.0, float(normal @ sun_direction(light)))
    return 1.02 - 0.62 * sun + sun * direct + 0.06 * float(normal[1])


def shadow_strength(light: Light) -> float:
    """What a cast shadow leaves of the light: 1 means that there is none."""
    return SHARP[light.time_of_day] if light.weather == "clear" else 0.93


def light_up(canvas: Canvas, scene: Scene) -> None:
    """Colour everything by the time of day, then put air between camera and things."""
    light = scene.light
    tints = TINTS[light.time_of_day]
    tint = np.array(tints[light.seed % len(tints)], np.float32)
    distance = 1 / np.maximum(cv2.resize(canvas.near, HALF, interpolation=cv2.INTER_NEAREST), 1e-4)
    if light.time_of_day == "night":
        _night(canvas, tint, distance)
    else:
        _daylight(canvas, tint)
    if light.fog > 0:
        _air(canvas, light, distance)


def _daylight(canvas: Canvas, tint: Pixels) -> None:
    """Multiply by the tint, but not the sky and what shines itself."""
    curve = np.clip(np.arange(256)[:, None] * tint, 0, 255).astype(np.uint8)[:, None, :]
    lit = cv2.LUT(canvas.rgb, np.ascontiguousarray(curve))
    cv2.copyTo(lit, (canvas.glow < 128).astype(np.uint8), canvas.rgb)


def _night(canvas: Canvas, tint: Pixels, distance: Pixels) -> None:
    """Little light from above, and the car's own headlights."""
    beam = headlights(canvas.camera, distance)
    warm = np.array([1.0, 0.97, 0.88], np.float32)
    lit = beam[..., None] * warm + tint
    full = cv2.resize(lit, (WIDTH, HEIGHT), interpolation=cv2.INTER_LINEAR)
    own = canvas.glow.astype(np.float32) * np.float32(1 / 255)
    full = np.maximum(full, own[..., None])
    cv2.multiply(canvas.rgb, full, canvas.rgb, dtype=cv2.CV_8U)


def headlights(camera: Camera, distance: Pixels) -> Pixels:
    """What two headlights add, half size float32: a soft cone that fades with distance."""
    cols = (np.arange(HALF[0], dtype=np.float32) * 2 + 1 - WIDTH / 2) / camera.focal
    rows = (np.arange(HALF[1], dtype=np.float32) * 2 + 1 - HEIGHT / 2) / camera.focal
    ahead = np.tan(np.radians(camera.pitch))
    wide = np.exp(-((cols / 0.56) ** 2))
    high = np.where(rows < ahead, np.exp(-(((rows - ahead) / 0.8) ** 2)), 1.0)
    fall = 1 / (1 + (distance / 24.0) ** 2)
    return np.asarray(1.15 * wide[None, :] * high[:, None] * fall, np.float32)


def _air(canvas: Canvas, light: Light, distance: Pixels) -> None:
    """Blend towards the colour of the horizon with distance; the clear sky stays itself."""
    clear = np.exp(-light.fog * np.minimum(distance, 700.0)).astype(np.float32)
    if light.weather != "fog":
        clear = np.where(distance > 5000, np.float32(1), np.maximum(clear, 0.25))
    colour = palette(light)[0] * (0.98 if light.time_of_day != "night" else 1.15)
    flat = np.empty_like(canvas.rgb)
    flat[:] = np.clip(colour, 0, 255)
    weight = cv2.resize(clear.astype(np.float32), (WIDTH, HEIGHT), interpolation=cv2.INTER_LINEAR)
    canvas.rgb = cv2.blendLinear(canvas.rgb, flat, weight, 1 - weight)
