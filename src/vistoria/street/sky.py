"""The sky: colours by height, clouds, the sun's glow, stars."""

import cv2
import numpy as np

from vistoria.street.camera import HEIGHT, WIDTH, Camera, Floats, rotation
from vistoria.street.canvas import Canvas, Pixels
from vistoria.street.noise import clouds
from vistoria.street.scene import Light, Scene

STOPS = np.array([0.0, 0.08, 0.25, 0.6])
"""Sines of the elevation at which the palettes below give a colour."""
Palette = tuple[tuple[int, int, int], ...]
PALETTES: dict[str, tuple[Palette, ...]] = {
    "day": (
        ((214, 226, 236), (188, 212, 234), (132, 176, 222), (72, 126, 196)),
        ((226, 230, 230), (198, 216, 230), (148, 184, 218), (92, 142, 202)),
        ((222, 226, 222), (182, 208, 226), (112, 164, 214), (56, 108, 182)),
    ),
    "overcast": (
        ((214, 216, 217), (206, 209, 212), (190, 195, 200), (168, 174, 182)),
        ((196, 198, 200), (184, 188, 192), (162, 168, 174), (138, 145, 153)),
        ((226, 226, 224), (218, 219, 220), (204, 207, 211), (188, 193, 200)),
    ),
    "dusk": (
        ((244, 186, 122), (228, 168, 132), (150, 138, 162), (84, 98, 142)),
        ((226, 158, 150), (196, 146, 164), (128, 122, 166), (74, 84, 134)),
        ((168, 178, 196), (134, 152, 184), (92, 116, 162), (54, 76, 122)),
        ((248, 214, 150), (222, 198, 164), (156, 168, 184), (98, 126, 164)),
    ),
    "night": (
        ((34, 36, 46), (24, 27, 38), (15, 18, 28), (9, 11, 19)),
        ((58, 46, 38), (40, 34, 34), (22, 22, 26), (12, 13, 18)),
        ((24, 28, 44), (16, 20, 34), (10, 13, 24), (6, 8, 16)),
    ),
}


def palette(light: Light) -> Floats:
    """The four colours of this sky, horizon first, (4, 3)."""
    options = PALETTES[light.time_of_day]
    return np.array(options[light.seed % len(options)], np.float64)


def sun_direction(light: Light) -> Floats:
    """The unit vector towards the sun (or moon)."""
    turn, up = np.radians([light.sun_azimuth, light.sun_elevation])
    return np.array([np.sin(turn) * np.cos(up), np.sin(up), np.cos(turn) * np.cos(up)])


def paint_sky(canvas: Canvas, scene: Scene) -> None:
    """Fill the picture with sky, self-lit."""
    light = scene.light
    rays = _rays(canvas.camera, rows := sky_rows(canvas.camera))
    up = rays[..., 1]
    colours = palette(light)
    steps = np.stack(
        [np.interp(np.linspace(0, 1, 256), STOPS, colours[:, k]) for k in range(3)], axis=1
    ).astype(np.float32)
    sky = steps[np.clip(up * 255, 0, 255).astype(np.uint8)]
    if light.time_of_day in {"day", "dusk"} and light.weather == "clear":
        towards = np.clip(rays @ sun_direction(light).astype(np.float32), 0, 1)
        halo = (towards**24 * 60 + towards**400 * 150)[..., None]
        sky = sky + halo * np.array([1.0, 0.9, 0.7], np.float32)
    if light.weather in {"clear", "rain"} and light.time_of_day != "overcast":
        sky = _clouds(sky, rays, light)
    elif light.weather != "fog":
        sky = sky * _ceiling(rays, light)[..., None]
    small = np.clip(sky, 0, 255).astype(np.uint8)
    canvas.rgb[:rows] = cv2.resize(small, (WIDTH, rows), interpolation=cv2.INTER_LINEAR)
    if light.time_of_day == "night" and light.weather == "clear":
        _stars(canvas, light, rows)
    canvas.glow[:] = 255


def sky_rows(camera: Camera) -> int:
    """How many rows from the top may hold sky; an even number, at least 2."""
    level = HEIGHT / 2 + camera.focal * np.tan(np.radians(camera.pitch))
    tilt = WIDTH / 2 * np.tan(np.radians(abs(camera.roll)))
    return 2 * int(np.clip((level + tilt) / 2 + 4, 1, HEIGHT // 2))


def _rays(camera: Camera, high: int) -> Pixels:
    """Unit directions of the top `high` rows, half size, float32 (high / 2, 320, 3)."""
    cols = (np.arange(WIDTH // 2, dtype=np.float32) * 2 + 1 - WIDTH / 2) / camera.focal
    rows = (np.arange(high // 2, dtype=np.float32) * 2 + 1 - HEIGHT / 2) / camera.focal
    turn = rotation(camera).astype(np.float32)
    rays = rows[:, None, None] * turn[1] + cols[None, :, None] * turn[0] + turn[2]
    length = np.sqrt(1 + rows[:, None] ** 2 + cols[None, :] ** 2)
    return np.asarray(rays / length[..., None], np.float32)


def _ceiling(rays: Pixels, light: Light) -> Pixels:
    """Dapple of a closed cloud deck, around 1."""
    fade = np.clip(rays[..., 1] * 7 - 0.4, 0, 1)
    return 1 + 0.06 * fade * _sample(clouds(512, 1.5, 47), rays, light, 46.0)


def _clouds(sky: Pixels, rays: Pixels, light: Light) -> Pixels:
    density = _sample(clouds(512, 1.35, 43 + light.seed % 3), rays, light, 30.0)
    rng = np.random.default_rng([light.seed, 3])
    cover = rng.uniform(-0.5, 1.7)
    alpha = np.clip((density - cover) * 0.9, 0, 1) * np.clip(rays[..., 1] * 14 - 0.3, 0, 1)
    bright = {"day": (250, 250, 250), "dusk": (232, 186, 172), "night": (30, 32, 40)}
    dark = {"day": (196, 202, 212), "dusk": (112, 104, 128), "night": (16, 18, 24)}
    time = light.time_of_day
    thick = np.clip((density - cover) * 0.55 - 0.35, 0, 1)[..., None]
    top, low = np.array(bright[time], np.float32), np.array(dark[time], np.float32)
    cloud = top * (1 - thick) + low * thick
    weight = (alpha * 0.92)[..., None]
    return np.asarray(sky * (1 - weight) + cloud * weight)


def _sample(tile: Pixels, rays: Pixels, light: Light, scale: float) -> Pixels:
    """Look a noise tile up where each ray meets a level ceiling."""
    up = np.maximum(rays[..., 1], 0.03)
    size = tile.shape[0]
    x = (rays[..., 0] / up * scale + light.seed % 509) % size
    y = (rays[..., 2] / up * scale + light.seed % 499) % size
    return cv2.remap(tile, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)


def _stars(canvas: Canvas, light: Light, high: int) -> None:
    rng = np.random.default_rng([light.seed, 5])
    count = int(rng.integers(0, 90))
    rows, cols = rng.integers(0, high, count), rng.integers(0, WIDTH, count)
    value = rng.integers(40, 150, (count, 1)).astype(np.uint8)
    canvas.rgb[rows, cols] = np.maximum(canvas.rgb[rows, cols], value)
