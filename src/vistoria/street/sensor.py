"""What the camera does to the light: exposure, colour, blur, noise."""

from functools import cache

import cv2
import numpy as np

from vistoria.street.camera import HEIGHT, WIDTH
from vistoria.street.canvas import Pixels
from vistoria.street.noise import crop, grain
from vistoria.street.scene import Sensor


def expose(rgb: Pixels, sensor: Sensor) -> Pixels:
    """The finished light (480, 640, 3) → what is stored, uint8 of the same shape."""
    if sensor.motion > 1:
        rgb = cv2.filter2D(rgb, -1, _streak(sensor.motion, sensor.motion_angle))
    if sensor.blur > 0:
        rgb = cv2.GaussianBlur(rgb, (0, 0), sensor.blur)
    rgb = _curve(rgb, sensor)
    if sensor.noise > 0.3:
        rgb = _noisy(rgb, sensor)
    return rgb


def _streak(length: float, angle: float) -> Pixels:
    size = 2 * int(np.ceil(length)) + 1
    kernel = np.zeros((size, size), np.float32)
    middle = size // 2
    reach = np.array([np.cos(np.radians(angle)), np.sin(np.radians(angle))]) * length / 2
    start, end = np.round((middle - reach) * 16), np.round((middle + reach) * 16)
    cv2.line(
        kernel,
        (int(start[0]), int(start[1])),
        (int(end[0]), int(end[1])),
        1.0,
        1,
        cv2.LINE_8,
        4,
    )
    return np.asarray(kernel / kernel.sum())


def _curve(rgb: Pixels, sensor: Sensor) -> Pixels:
    value = np.arange(256, dtype=np.float32)
    bent = (value - 118) * sensor.contrast + 118 * sensor.exposure
    gains = np.array([1 + sensor.warmth, 1.0, 1 - sensor.warmth], np.float32)
    table = np.clip(bent[:, None] * gains, 0, 255).astype(np.uint8)[:, None, :]
    return cv2.LUT(rgb, np.ascontiguousarray(table))


def _noisy(rgb: Pixels, sensor: Sensor) -> Pixels:
    """Grey and a little colour noise, cut from a big tile at a random place."""
    rng = np.random.default_rng(sensor.seed)
    noise = _grain_tile()
    top, left = (int(at) for at in rng.integers(0, 383, 2))
    window = crop(noise, top, left, HEIGHT, WIDTH)
    gain = sensor.noise / 40
    return cv2.addWeighted(rgb, 1.0, window, gain, -128 * gain)


@cache
def _grain_tile() -> Pixels:
    grey = grain(1024, 53)[..., None] * 0.85 + 0.5 * np.stack(
        [grain(1024, seed) for seed in (59, 61, 67)], axis=2
    )
    return np.clip(128 + 40 * grey, 0, 255).astype(np.uint8)
