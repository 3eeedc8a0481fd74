"""Scene → picture and truth."""

from dataclasses import replace
from io import BytesIO
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from vistoria.street.canvas import MAIN, Canvas
from vistoria.street.chance import draw_scene
from vistoria.street.light import light_up
from vistoria.street.scene import Cover, Pole, Scene, Sign
from vistoria.street.sensor import expose
from vistoria.street.stage import paint_scene
from vistoria.street.truth import LEANING_AT_LEAST, Asset, SignKind, Truth
from vistoria.street.weather import fall

__all__ = ["render", "render_jpeg", "sample"]

ENOUGH = 0.6
Picture = npt.NDArray[np.uint8]


def sample(seed: int, *, asset: Asset | None = None, sign_kind: SignKind | None = None) -> Scene:
    """The scene of `seed` (0 … 2**63), of the asset or sign kind asked for or of any.

    What the scene shows can be recognised: its first sub-seed that is answerable is taken.
    """
    return draw_scene(seed, asset, sign_kind)


def render(scene: Scene) -> tuple[Picture, Truth]:
    """Draw a scene: RGB uint8 (480, 640, 3) and what is true of it.

    When what stands before the asset hides too much of it, it is left out, unless `bad_view`.
    """
    picture, truth = _render(scene)
    if truth.visible_fraction < ENOUGH and scene.occluder is not None and not scene.bad_view:
        return _render(replace(scene, occluder=None))
    return picture, truth


def render_jpeg(scene: Scene) -> tuple[bytes, Truth]:
    """Like `render`, as JPEG of the scene's quality; the same bytes for the same scene."""
    picture, truth = render(scene)
    held = BytesIO()
    Image.fromarray(picture).save(held, "JPEG", quality=scene.sensor.quality)
    return held.getvalue(), truth


def _render(scene: Scene) -> tuple[Picture, Truth]:
    canvas = Canvas(scene.camera)
    paint_scene(canvas, scene)
    light_up(canvas, scene)
    fall(canvas, scene)
    return expose(canvas.rgb, scene.sensor).astype(np.uint8), _truth(scene, canvas)


def _truth(scene: Scene, canvas: Canvas) -> Truth:
    thing = scene.thing
    marks = canvas.marks
    box = None
    if marks.any():
        left, top, wide, high = cv2.boundingRect(
            marks if isinstance(thing, Pole) else (marks == MAIN).astype(np.uint8)
        )
        box = (left, top, left + wide, top + high) if wide and high else None
    seen = float((marks == MAIN).sum()) / canvas.whole_area if canvas.whole_area else 0.0
    shown = Truth(
        asset=scene.asset,
        time_of_day=scene.light.time_of_day,
        weather=scene.light.weather,
        visible_fraction=min(1.0, seen),
        box=box,
    )
    return replace(shown, **attributes(scene))


def attributes(scene: Scene) -> dict[str, Any]:
    """The fields of `Truth` that belong to the scene's asset; they hold however it is seen."""
    thing = scene.thing
    if isinstance(thing, Pole):
        return {
            "material": thing.material,
            "leaning": abs(thing.lean_degrees) >= LEANING_AT_LEAST,
            "lean_degrees": thing.lean_degrees,
            "transformer": thing.transformer,
            "vegetation": thing.vegetation,
        }
    if isinstance(thing, Sign):
        return {
            "sign_kind": thing.kind,
            "speed_limit": thing.speed_limit,
            "sign_condition": thing.condition,
        }
    if isinstance(thing, Cover):
        return {"cover_shape": thing.shape, "cover_cracked": thing.cracked}
    return {}
