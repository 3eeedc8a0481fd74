"""`onnx:street` through the whole product against the bare loop on one core, same files."""

import json
import sys
import time
from collections.abc import Iterator
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from statistics import median

import numpy as np
import onnxruntime as ort
import simplejpeg

from benchmarks.bars import VISTORIA, Bar, at_least, run
from vistoria.street.load import write_load

IMAGES, ROUNDS, BATCH = 5_000, 3, 8


def speed_bars(folder: Path) -> Iterator[Bar]:
    """`vistoria run` in turn with the bare loop; the medians of three rounds."""
    write_load(folder / "photos", count=IMAGES, seed=3)
    bare, whole = [], []
    for number in range(ROUNDS):
        loop = [sys.executable, "-m", "benchmarks.street_speed", str(folder / "photos")]
        bare.append(float(run(loop, Path(__file__).parent.parent).out))
        command = [VISTORIA, "run", "photos", "--task", "street_asset", "--model", "onnx:street"]
        done = run([*command, "--ledger", f"{number}.sqlite", "--json"], folder)
        whole.append(json.loads(done.out)["session"]["images_per_second"])
    yield Bar(
        "onnx:street, bare loop on one core: images/s", "reported", f"{median(bare):.0f}", True
    )
    yield Bar("onnx:street, vistoria run: images/s", "reported", f"{median(whole):.0f}", True)
    ratio = median(w / (2 * b) for w, b in zip(whole, bare, strict=True))
    yield at_least("onnx:street, run over twice the bare loop", ratio, 0.95)


def bare_loop(folder: Path) -> float:
    """Images/s of read, hash, decode at half scale and infer, in one thread, nothing stored."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    graph = (files("vistoria.models") / "street" / "street.onnx").read_bytes()
    session = ort.InferenceSession(graph, options, ["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    paths = sorted(folder.rglob("*.jpg"))
    started = time.perf_counter()
    for i in range(0, len(paths), BATCH):
        frames = []
        for path in paths[i : i + BATCH]:
            data = path.read_bytes()
            sha256(data).digest()
            frames.append(simplejpeg.decode_jpeg(data, "RGB", min_width=320, min_height=240))
        session.run(None, {name: np.stack(frames)})
    return len(paths) / (time.perf_counter() - started)


if __name__ == "__main__":
    print(bare_loop(Path(sys.argv[1])))
