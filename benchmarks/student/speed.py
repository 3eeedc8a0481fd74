"""A student through `vistoria run` against the bare loop on one core, same files."""

import json
import sys
import time
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from statistics import median

import numpy as np
import onnxruntime as ort
import simplejpeg

from benchmarks.bars import VISTORIA, Bar, at_least, run
from benchmarks.student.world import world

ROUNDS, BATCH = 3, 8


def speed(folder: Path, quick: bool) -> Iterator[Bar]:
    """In turn, the medians of three rounds; ratio to the bare loop on every core."""
    made = world(folder, 600 if quick else 8_000)
    bare, whole = [], []
    for number in range(ROUNDS):
        loop = [sys.executable, "-m", "benchmarks.student.speed", str(made.file)]
        bare.append(
            float(run([*loop, str(made.scenes.table)], Path(__file__).parent.parent.parent).out)
        )
        command = [VISTORIA, "run", str(made.scenes.table), "--task", "street_asset", "--json"]
        more = ["--model", f"onnx:{made.file}", "--ledger", f"speed-{number}.sqlite"]
        done = run([*command, *more], folder)
        whole.append(json.loads(done.out)["session"]["images_per_second"])
    yield Bar("speed: bare loop on one core, images/s", "reported", f"{median(bare):.0f}", True)
    yield Bar("speed: vistoria run, images/s", "reported", f"{median(whole):.0f}", True)
    ratio = median(w / (2 * b) for w, b in zip(whole, bare, strict=True))
    yield at_least("speed: run over twice the bare loop", ratio, 0.8)


def bare_loop(student: Path, table: Path) -> float:
    """Images/s of read, hash, decode at half scale and infer, in one thread, nothing stored."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = ort.InferenceSession(student.read_bytes(), options, ["CPUExecutionProvider"])
    paths = [line.split(",")[1] for line in table.read_text().splitlines()[1:]]
    started = time.perf_counter()
    for i in range(0, len(paths), BATCH):
        frames = []
        for path in paths[i : i + BATCH]:
            data = Path(path).read_bytes()
            sha256(data).digest()
            frames.append(simplejpeg.decode_jpeg(data, "RGB", min_width=320, min_height=240))
        session.run(None, {"image": np.stack(frames)})
    return len(paths) / (time.perf_counter() - started)


if __name__ == "__main__":
    print(bare_loop(Path(sys.argv[1]), Path(sys.argv[2])))
