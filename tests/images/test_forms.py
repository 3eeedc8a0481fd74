"""What is handed to a model, for each form that a model can declare."""

import hashlib
import io
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from tests.images._pictures import encoded, far, scene, with_orientation
from vistoria.errors import AddressInvalid, BoxInvalid, ImageTooLarge, ImageTruncated, NotAnImage
from vistoria.images import Images
from vistoria.records import Box, ImageForm, ImageRef, ImageSettings, Picture

IMAGES = Images()
ENCODED = ImageForm(kind="encoded")
BY_REFERENCE = ImageForm(kind="encoded", by_reference=frozenset({"gs"}))
CROP = ImageSettings(crop=True, crop_margin=0.0)


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    (tmp_path / "photo.jpg").write_bytes(encoded(scene(400, 300), quality=95))
    return tmp_path / "photo.jpg"


def opened(picture: Picture) -> Image.Image:
    assert picture.data is not None
    image = Image.open(io.BytesIO(picture.data))
    assert image.size == (picture.width, picture.height)
    return image


def test_the_address_is_enough() -> None:
    form = ImageForm(kind="none")
    for uri in ("gs://bucket/none.jpg", "/nowhere/none.jpg"):
        assert IMAGES.load(ImageRef(uri), form) == Picture(uri=uri)
    with pytest.raises(AddressInvalid):
        IMAGES.load(ImageRef("gs://none"), form)


def test_by_reference_reads_nothing() -> None:
    ref = ImageRef("gs://bucket/none.jpg", box=Box(1, 1, 2, 2))
    expected = Picture(uri=ref.uri, mime_type="image/jpeg")
    assert IMAGES.load(ref, BY_REFERENCE) == expected
    assert IMAGES.load(ImageRef(ref.uri), BY_REFERENCE, CROP) == expected
    with pytest.raises(AddressInvalid):
        IMAGES.load(ImageRef("gs://none"), BY_REFERENCE)


@pytest.mark.parametrize("settings", [CROP, ImageSettings(max_side=64)])
def test_by_value_where_the_image_must_change(photo: Path, settings: ImageSettings) -> None:
    form = ImageForm(kind="encoded", by_reference=frozenset({"file"}))
    ref = ImageRef(str(photo), box=Box(0, 0, 100, 50))
    assert IMAGES.load(ref, form).data is None
    assert IMAGES.load(ref, form, settings).data is not None


@pytest.mark.parametrize(("kind", "mime"), [("JPEG", "jpeg"), ("PNG", "png"), ("WEBP", "webp")])
def test_encoded_is_left_as_it_is(tmp_path: Path, kind: str, mime: str) -> None:
    data = encoded(scene(), kind)
    (tmp_path / "wrong.gif").write_bytes(data)
    picture = IMAGES.load(ImageRef(str(tmp_path / "wrong.gif")), ENCODED)
    assert picture == Picture(
        uri=str(tmp_path / "wrong.gif"),
        mime_type=f"image/{mime}",
        data=data,
        width=320,
        height=240,
        sha256=hashlib.sha256(data).digest(),
    )


@pytest.mark.parametrize("kind", ["GIF", "TIFF", "BMP", "AVIF"])
def test_other_kinds_become_jpeg(tmp_path: Path, kind: str) -> None:
    (tmp_path / "a").write_bytes(encoded(scene(), kind))
    picture = IMAGES.load(ImageRef(str(tmp_path / "a")), ENCODED)
    assert picture.mime_type == "image/jpeg"
    assert picture.sha256 == hashlib.sha256((tmp_path / "a").read_bytes()).digest()
    assert far(np.asarray(opened(picture)), np.asarray(scene())) < 12


def test_encoded_is_checked_before_it_is_sent(photo: Path) -> None:
    photo.write_bytes(photo.read_bytes()[:-20])
    with pytest.raises(ImageTruncated):
        IMAGES.load(ImageRef(str(photo)), ENCODED)
    photo.write_text("<html>")
    with pytest.raises(NotAnImage):
        IMAGES.load(ImageRef(str(photo)), ENCODED)


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
@pytest.mark.parametrize(("side", "size"), [(200, (200, 150)), (399, (399, 299)), (64, (64, 48))])
def test_downscaled(tmp_path: Path, kind: str, side: int, size: tuple[int, int]) -> None:
    (tmp_path / "a").write_bytes(encoded(scene(400, 300), kind))
    picture = IMAGES.load(ImageRef(str(tmp_path / "a")), ENCODED, ImageSettings(max_side=side))
    assert opened(picture).size == size
    expected = scene(400, 300).resize(size, Image.Resampling.BOX)
    assert far(np.asarray(opened(picture)), np.asarray(expected)) < 6


def test_never_upscaled(photo: Path) -> None:
    picture = IMAGES.load(ImageRef(str(photo)), ENCODED, ImageSettings(max_side=400))
    assert picture.data == photo.read_bytes()


@pytest.mark.parametrize("limit", [20_000, 6_000, 1_500])
def test_shrunk_to_the_bytes_that_the_service_takes(tmp_path: Path, limit: int) -> None:
    dice = np.random.default_rng(0)
    noise = Image.fromarray(dice.integers(0, 256, (300, 400, 3), np.uint8))
    (tmp_path / "a").write_bytes(encoded(noise, quality=95))
    form = ImageForm(kind="encoded", max_bytes=limit)
    picture = IMAGES.load(ImageRef(str(tmp_path / "a")), form)
    assert picture.data is not None
    assert limit / 3 < len(picture.data) <= limit
    width, height = opened(picture).size
    assert width / height == pytest.approx(4 / 3, rel=0.1)


def test_too_few_bytes_for_any_image(photo: Path) -> None:
    with pytest.raises(ImageTooLarge, match="fits into 100 bytes"):
        IMAGES.load(ImageRef(str(photo)), ImageForm(kind="encoded", max_bytes=100))


def test_pixels_of_the_box(photo: Path) -> None:
    form = ImageForm(kind="pixels", width=50, height=40)
    ref = ImageRef(str(photo), box=Box(100, 60, 200, 140))
    found = IMAGES.load(ref, form, CROP)
    expected = scene(400, 300).crop((100, 60, 200, 140)).resize((50, 40), Image.Resampling.BOX)
    assert found.pixels is not None
    assert far(found.pixels, np.asarray(expected)) < 4
    assert (found.width, found.height, found.data) == (50, 40, None)
    assert found.sha256 == hashlib.sha256(photo.read_bytes()).digest()


def test_box_in_the_upright_image(tmp_path: Path) -> None:
    upright = scene(300, 400)
    stored = upright.transpose(Image.Transpose.ROTATE_90)
    (tmp_path / "a").write_bytes(encoded(stored, exif=with_orientation(6), quality=95))
    ref = ImageRef(str(tmp_path / "a"), box=Box(20, 300, 120, 380))
    found = opened(IMAGES.load(ref, ENCODED, CROP))
    assert far(np.asarray(found), np.asarray(upright.crop((20, 300, 120, 380)))) < 4


@pytest.mark.parametrize(
    ("box", "margin", "size"),
    [
        (Box(100, 100, 200, 150), 0.0, (100, 50)),
        (Box(100, 100, 200, 150), 0.2, (140, 70)),
        (Box(100.5, 100.5, 199.5, 149.5), 0.0, (100, 50)),
        (Box(-50, -50, 60, 40), 0.0, (60, 40)),
        (Box(350, 250, 900, 900), 0.5, (325, 300)),
        (Box(0, 0, 400, 300), 1.0, (400, 300)),
        (Box(10, 10, 11, 11), 0.0, (1, 1)),
        (Box(399.2, 299.2, 450, 350), 0.0, (1, 1)),
    ],
)
def test_crops(photo: Path, box: Box, margin: float, size: tuple[int, int]) -> None:
    settings = ImageSettings(crop=True, crop_margin=margin)
    picture = IMAGES.load(ImageRef(str(photo), box=box), ENCODED, settings)
    if box == Box(350, 250, 900, 900):  # the margin counts from the box, not from what is visible
        assert picture.width is not None
        assert picture.width > 300
    else:
        assert opened(picture).size == size


@pytest.mark.parametrize(
    "box",
    [
        Box(400, 0, 500, 100),
        Box(0, -80, 100, 0),
        Box(200, 100, 100, 150),
        Box(100, 100, 100, 150),
        Box(math.nan, 0, 10, 10),
        Box(0, 0, math.inf, 10),
    ],
)
def test_boxes_that_mark_nothing(photo: Path, box: Box) -> None:
    with pytest.raises(BoxInvalid, match="400 × 300") as caught:
        IMAGES.load(ImageRef(str(photo), box=box), ENCODED, CROP)
    assert caught.value.reason == "box_invalid"
    assert IMAGES.load(ImageRef(str(photo), box=box), ENCODED).data is not None


@given(
    left=st.floats(-500, 900), top=st.floats(-500, 900), wide=st.floats(0.01, 900),
    high=st.floats(0.01, 900), margin=st.floats(0, 3), side=st.integers(1, 500),
)  # fmt: skip
def test_any_box_gives_pixels_or_a_reason(
    tmp_path_factory: pytest.TempPathFactory,
    left: float, top: float, wide: float, high: float, margin: float, side: int,
) -> None:  # fmt: skip
    path = tmp_path_factory.getbasetemp() / "boxes.jpg"
    if not path.exists():
        path.write_bytes(encoded(scene(400, 300)))
    ref = ImageRef(str(path), box=Box(left, top, left + wide, top + high))
    settings = ImageSettings(crop=True, crop_margin=margin, max_side=side)
    try:
        pixels = IMAGES.load(ref, ImageForm(kind="pixels", width=9, height=7), settings).pixels
        sent = IMAGES.load(ref, ENCODED, settings)
    except BoxInvalid:
        assert left + wide <= 0 or top + high <= 0 or left >= 400 or top >= 300
    else:
        assert pixels is not None
        assert pixels.shape == (7, 9, 3)
        assert max(opened(sent).size) <= side
