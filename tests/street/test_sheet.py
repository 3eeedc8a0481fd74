"""Contact sheets."""

import numpy as np
import pytest

from vistoria.street.render import attributes, sample
from vistoria.street.sheet import caption, contact_sheet
from vistoria.street.truth import Truth


def test_pictures_stand_in_rows() -> None:
    red = np.full((480, 640, 3), (200, 0, 0), np.uint8)
    sheet = contact_sheet([(red, "one"), (red, "two"), (red, "three")], columns=2)
    narrow = contact_sheet([(red, "one")], columns=1)
    assert sheet.width > 1.9 * narrow.width
    assert sheet.height > 1.9 * narrow.height
    assert sheet.getpixel((50, 50)) == (200, 0, 0)


def test_a_long_caption_wraps_and_is_kept_whole() -> None:
    black = np.zeros((48, 64, 3), np.uint8)
    short = contact_sheet([(black, "a")])
    long = contact_sheet([(black, "predicted: metal pole, leaning, with plants\n" + "word " * 30)])
    assert long.height > short.height + 30


def test_nothing_to_show_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        contact_sheet([])


def test_captions_name_what_is_true() -> None:
    scene = sample(1, sign_kind="speed_limit")
    known = attributes(scene)
    truth = Truth(
        asset=scene.asset, time_of_day="dusk", weather="rain", visible_fraction=1.0,
        box=(0, 0, 9, 9), **known,
    )  # fmt: skip
    said = caption(truth)
    assert str(known["speed_limit"]) in said
    assert known["sign_condition"] in said
    assert said.endswith("dusk, rain")
