"""Scenes: the same bytes from a seed, and a truth that fits what is drawn."""

import subprocess
import sys
from collections import Counter
from dataclasses import replace
from hashlib import sha256
from io import BytesIO
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from vistoria.street.render import render, render_jpeg, sample
from vistoria.street.truth import (
    ASSETS,
    LEANING_AT_LEAST,
    MATERIALS,
    SIGN_CONDITIONS,
    SIGN_KINDS,
    SPEEDS,
    UPRIGHT_AT_MOST,
    Asset,
    Truth,
)

BELONGS = {
    "utility_pole": ("material", "leaning", "lean_degrees", "transformer", "vegetation"),
    "road_sign": ("sign_kind", "sign_condition"),
    "maintenance_cover": ("cover_shape", "cover_cracked"),
    "none": (),
}
FRESH = """
from hashlib import sha256
from vistoria.street.render import render_jpeg, sample
print([sha256(render_jpeg(sample(seed))[0]).hexdigest() for seed in {seeds}])
"""
Picture = npt.NDArray[np.uint8]


@pytest.fixture(scope="module")
def shots() -> list[tuple[Asset, Picture, Truth]]:
    found = []
    for asset in ASSETS:
        for seed in range(9):
            picture, truth = render(sample(seed, asset=asset))
            found.append((asset, picture, truth))
    return found


def test_a_seed_gives_the_same_bytes_here_and_in_a_fresh_process() -> None:
    seeds = [3, 2**63 - 1, 12]
    here = [sha256(render_jpeg(sample(seed))[0]).hexdigest() for seed in seeds]
    again = subprocess.run(
        [sys.executable, "-c", FRESH.format(seeds=seeds)],
        capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": "17", "PATH": ""},
    )  # fmt: skip
    assert again.stdout.strip() == str(here)
    assert len(set(here)) == len(seeds)


def test_the_jpeg_is_the_picture() -> None:
    scene = sample(4, asset="road_sign")
    content, truth = render_jpeg(scene)
    picture, same = render(scene)
    decoded = np.asarray(Image.open(BytesIO(content)))
    assert decoded.shape == picture.shape == (480, 640, 3)
    assert picture.dtype == np.uint8
    assert float(np.abs(decoded.astype(float) - picture).mean()) < 8
    assert truth == same


def test_attributes_are_given_exactly_when_they_belong_to_the_asset(
    shots: list[tuple[Asset, Picture, Truth]],
) -> None:
    for asset, _, truth in shots:
        assert truth.asset == asset
        for owner, names in BELONGS.items():
            for name in names:
                assert (getattr(truth, name) is not None) == (owner == asset), (asset, name)
        assert (truth.speed_limit is not None) == (truth.sign_kind == "speed_limit")
        assert truth.speed_limit is None or truth.speed_limit in SPEEDS


def test_the_box_lies_in_the_frame_and_the_asset_is_visible_enough(
    shots: list[tuple[Asset, Picture, Truth]],
) -> None:
    for asset, _, truth in shots:
        if asset == "none":
            assert truth.box is None
            assert truth.visible_fraction == 0
            continue
        assert truth.box is not None
        left, top, right, bottom = truth.box
        assert 0 <= left < right <= 640
        assert 0 <= top < bottom <= 480
        assert (right - left) * (bottom - top) >= 250
        assert 0.6 <= truth.visible_fraction <= 1


def test_the_asset_stands_out_in_its_box() -> None:
    scene = sample(21, asset="road_sign", sign_kind="stop")
    with_sign, truth = render(scene)
    without, nothing = render(replace(scene, thing=None, occluder=None))
    assert nothing.asset == "none"
    assert truth.box is not None
    left, top, right, bottom = truth.box
    inside = np.abs(with_sign.astype(int) - without)[top:bottom, left:right].mean()
    assert inside > 20


def test_nothing_leans_a_little() -> None:
    leans = [sample(seed, asset="utility_pole").thing for seed in range(60)]
    degrees = [abs(getattr(thing, "lean_degrees", 99.0)) for thing in leans]
    assert all(lean <= UPRIGHT_AT_MOST or lean >= LEANING_AT_LEAST for lean in degrees)
    assert any(lean <= UPRIGHT_AT_MOST for lean in degrees)
    assert any(lean >= LEANING_AT_LEAST for lean in degrees)


def test_every_class_and_value_is_drawn() -> None:
    scenes = [sample(seed) for seed in range(400)]
    counts = Counter(scene.asset for scene in scenes)
    assert set(counts) == set(ASSETS)
    assert min(counts.values()) > 20
    things = [scene.thing for scene in scenes]
    assert {getattr(thing, "material", None) for thing in things} >= set(MATERIALS)
    assert {getattr(thing, "kind", None) for thing in things} >= set(SIGN_KINDS)
    assert {getattr(thing, "condition", None) for thing in things} >= set(SIGN_CONDITIONS)
    speeds = {getattr(thing, "speed_limit", None) for thing in things}
    assert len(speeds & set(SPEEDS)) > 8
    assert {scene.light.time_of_day for scene in scenes} == {"day", "overcast", "dusk", "night"}
    assert {scene.light.weather for scene in scenes} == {"clear", "fog", "rain", "snow"}


def test_a_seed_stands_alone() -> None:
    first = [sample(seed) for seed in (5, 6, 7)]
    backwards = [sample(seed) for seed in (7, 6, 5)]
    assert first == backwards[::-1]
    assert all(one != two for one, two in pairwise(first))


@pytest.mark.parametrize("kind", SIGN_KINDS)
def test_a_sign_kind_can_be_asked_for(kind: str) -> None:
    scene = sample(8, sign_kind=kind)  # type: ignore[arg-type]
    assert scene.asset == "road_sign"
    assert getattr(scene.thing, "kind", None) == kind


def test_importing_the_package_draws_nothing() -> None:
    code = "import sys, vistoria.street; print('cv2' in sys.modules or 'numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
