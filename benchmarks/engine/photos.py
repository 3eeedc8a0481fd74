"""Photos of about 60 kB, all different, and tables of addresses."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import simplejpeg
from PIL import Image

_SCENES = 16


def write_photos(folder: Path, count: int) -> None:
    """`count` JPEG files below `folder`: a few pictures, each file with a comment of its own."""
    scenes = [_scene(seed) for seed in range(_SCENES)]
    for number in range(count):
        if number % 1000 == 0:
            (folder / f"{number // 1000:04d}").mkdir(parents=True)
        jpeg, comment = scenes[number % _SCENES], f"photo {number}".encode()
        marker = b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment
        path = folder / f"{number // 1000:04d}" / f"{number:07d}.jpg"
        path.write_bytes(jpeg[:2] + marker + jpeg[2:])


def _scene(seed: int) -> bytes:
    """640 × 480 of soft shapes and grain, which together make 60 kB."""
    dice = np.random.default_rng(seed)
    shapes = Image.fromarray(dice.integers(0, 256, (15, 20, 3), dtype=np.uint8))
    soft = np.asarray(shapes.resize((640, 480), Image.Resampling.BICUBIC), dtype=np.float32)
    grainy = soft + dice.normal(0, 8, (480, 640, 1))
    pixels = np.ascontiguousarray(grainy.clip(0, 255).astype(np.uint8))
    jpeg: bytes = simplejpeg.encode_jpeg(pixels, quality=75, colorsubsampling="420")
    return jpeg


def write_rows(path: Path, count: int, bucket: str = "bucket") -> None:
    """A table of `count` addresses in a bucket that only a service can read."""
    ids = [f"o{i:07d}" for i in range(count)]
    pq.write_table(pa.table({"id": ids, "uri": [f"gs://{bucket}/{i}.jpg" for i in ids]}), path)


def address(number: int, bucket: str = "bucket") -> str:
    """Of one row of `write_rows`."""
    return f"gs://{bucket}/o{number:07d}.jpg"
