"""A folder of anything: each file is one row, with an image or with a reason of its own."""

from pathlib import Path

import numpy as np
from PIL import Image

from tests.images._pictures import encoded, scene
from tests.images.test_broken import png_of
from vistoria.errors import ObservationError
from vistoria.images import Images
from vistoria.records import ImageForm, ImageRef
from vistoria.sources import Selection, SourceOptions
from vistoria.sources.folder import open_source

GREY = Image.fromarray(np.arange(256 * 256, dtype=np.uint16).reshape(256, 256))
FILES: dict[str, tuple[bytes, str]] = {
    "text.jpg": (b"dear diary", "not_an_image"),
    "empty.jpg": (b"", "image_empty"),
    "cut.jpg": (encoded(scene())[:2000], "image_truncated"),
    "huge.png": (png_of(30_000, 30_000), "image_too_large"),
    "cmyk.jpg": (encoded(scene().convert("CMYK")), "fine"),
    "deep.png": (encoded(GREY, "PNG"), "fine"),
    "moving.gif": (encoded(scene(), "GIF", save_all=True, append_images=[scene(seed=1)]), "fine"),
    "with space.jpg": (encoded(scene()), "fine"),
    "😀🦄.jpg": (encoded(scene()), "fine"),
    "new\nline.jpg": (encoded(scene()), "fine"),
    "a.png.jpg": (encoded(scene(), "PNG"), "fine"),
}


def test_folder_of_anything(tmp_path: Path) -> None:
    for name, (data, _) in FILES.items():
        (tmp_path / name).write_bytes(data)
    images = Images()
    for form in (ImageForm(kind="pixels", width=160, height=120), ImageForm(kind="encoded")):
        came_of = {}
        for batch in open_source(str(tmp_path), SourceOptions()).batches(Selection()):
            for row in batch.to_pylist():
                try:
                    images.load(ImageRef(row["uri"]), form)
                    came_of[row["observation_id"]] = "fine"
                except ObservationError as error:
                    came_of[row["observation_id"]] = error.reason
        assert came_of == {name: reason for name, (_, reason) in FILES.items()}
