"""Rain and snow: what lies on the ground, and what falls."""

import cv2
import numpy as np

from vistoria.street.camera import HEIGHT, WIDTH
from vistoria.street.canvas import Canvas, Pixels, plane_near
from vistoria.street.noise import clouds
from vistoria.street.scene import Light, Scene
from vistoria.street.sky import palette

HALF = (WIDTH // 2, HEIGHT // 2)


def settle(canvas: Canvas, scene: Scene) -> None:
    """Wet the ground with puddles that mirror what stands behind them, or lay snow on it."""
    if scene.light.weather not in {"rain", "snow"}:
        return
    bare, noise = _bare_ground(canvas, scene)
    if scene.light.weather == "snow":
        white = np.clip((noise + 0.75) * 1.1, 0, 0.85) * bare
        _lay(canvas, np.full_like(canvas.rgb, 232), white)
        return
    rng = np.random.default_rng([scene.light.seed, 31])
    wet = cv2.resize(1 - 0.24 * bare, (WIDTH, HEIGHT), interpolation=cv2.INTER_LINEAR)
    cv2.multiply(canvas.rgb, cv2.merge([wet] * 3), canvas.rgb, dtype=cv2.CV_8U)
    pools = np.clip((noise - rng.uniform(0.35, 1.1)) * 4, 0, 1) * 0.6 + 0.07
    _lay(canvas, _mirrored(canvas, scene.light), pools.astype(np.float32) * bare)


def fall(canvas: Canvas, scene: Scene) -> None:
    """Streaks of rain or flakes of snow before everything."""
    light = scene.light
    if light.weather not in {"rain", "snow"}:
        return
    rng = np.random.default_rng([light.seed, 37])
    mask: Pixels = np.zeros((HEIGHT, WIDTH), np.uint8)
    if light.weather == "rain":
        _streaks(mask, rng)
        mask = cv2.GaussianBlur(mask, (0, 0), 0.7)
    else:
        _flakes(mask, rng)
    pale = (196, 200, 206) if light.time_of_day != "night" else (150, 152, 156)
    flat = np.empty_like(canvas.rgb)
    flat[:] = pale
    weight = mask.astype(np.float32) / 255
    canvas.rgb = cv2.blendLinear(flat, canvas.rgb, weight, 1 - weight)


def _streaks(mask: Pixels, rng: np.random.Generator) -> None:
    lean = float(rng.normal(0, 0.13))
    count = int(rng.integers(120, 420))
    starts = rng.uniform(0, [WIDTH, HEIGHT], (count, 2))
    lengths = rng.gamma(3.0, 5.0, count)
    for (x, y), length in zip(starts, lengths, strict=True):
        end = (int(x + lean * length), int(y + length))
        cv2.line(mask, (int(x), int(y)), end, int(60 + 2.2 * length), 1, cv2.LINE_AA)


def _flakes(mask: Pixels, rng: np.random.Generator) -> None:
    count = int(rng.integers(150, 450))
    places = rng.uniform(0, [WIDTH, HEIGHT], (count, 2)) * 16
    for (x, y), size in zip(places, rng.gamma(2.0, 0.8, count), strict=True):
        radius = int(min(size, 4.5) * 16)
        cv2.circle(mask, (int(x), int(y)), radius, 205, -1, cv2.LINE_AA, 4)


def _bare_ground(canvas: Canvas, scene: Scene) -> tuple[Pixels, Pixels]:
    """Where the ground itself is seen, 0 … 1, and noise lying on it; half size float32."""
    camera = scene.camera
    flat = plane_near(
        camera, np.zeros(3), np.array([1.0, 0, 0]), np.array([0, 0, 1.0]), 0, 0, (HEIGHT, WIDTH)
    )
    assert not isinstance(flat, float)
    free = (np.abs(canvas.near - flat) < 1e-6 + flat * 0.004) & (flat > 0.004) & (canvas.marks == 0)
    bare = cv2.resize(free.astype(np.float32), HALF, interpolation=cv2.INTER_AREA)
    cols = (np.arange(HALF[0], dtype=np.float32) * 2 + 1 - WIDTH / 2) / camera.focal
    away = 1 / np.maximum(flat[1::2, 1::2], 1e-3)
    turn = np.radians(camera.heading)
    right = cols[None, :] * away
    x = camera.x + right * np.cos(turn) + away * np.sin(turn)
    z = camera.z - right * np.sin(turn) + away * np.cos(turn)
    tile = clouds(512, 1.3, 151)
    scale = np.float32(14.0)
    u, v = (x * scale % 512).astype(np.float32), (z * scale % 512).astype(np.float32)
    noise = cv2.remap(tile, u, v, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
    street = scene.street
    hard = np.abs(x) < street.road_width / 2 + street.pavement_width
    if scene.light.weather == "rain":
        bare = bare * np.where(hard, np.float32(1), np.float32(0.35))
    else:
        noise = noise - np.where(hard, np.float32(0.9), np.float32(0))
    return bare.astype(np.float32), noise


def _mirrored(canvas: Canvas, light: Light) -> Pixels:
    """The picture upside down about the horizon, smeared downwards as wet asphalt does."""
    camera = canvas.camera
    horizon = HEIGHT / 2 + camera.focal * np.tan(np.radians(camera.pitch))
    flip = np.array([[1, 0, 0], [0, -1, 2 * horizon]], np.float64)
    above = palette(light)[1].tolist()
    flipped = cv2.warpAffine(
        canvas.rgb,
        flip,
        (WIDTH, HEIGHT),
        flags=cv2.INTER_NEAREST,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=above,
    )
    return cv2.blur(flipped, (3, 15))


def _lay(canvas: Canvas, over: Pixels, small: Pixels) -> None:
    weight = cv2.resize(small.astype(np.float32), (WIDTH, HEIGHT), interpolation=cv2.INTER_LINEAR)
    canvas.rgb = cv2.blendLinear(over, canvas.rgb, weight, 1 - weight)
