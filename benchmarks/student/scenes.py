"""Drawn scenes with known truth, kept in a temporary folder between runs; and a noisy teacher."""

import csv
import json
import random
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from os import sched_getaffinity
from pathlib import Path
from typing import Any

from vistoria.records import Capabilities, ImageForm, Picture, Reply, Value
from vistoria.street.render import render_jpeg, sample
from vistoria.task import Task, load_task
from vistoria.task.answer import applies

__all__ = ["SEED", "TASK", "NoisyTeacher", "Scenes", "drawn"]

TASK = load_task("street_asset")
SEED = 7_000_000  # far from what onnx:street was trained on


@dataclass(frozen=True)
class Scenes:
    """`table` lists the photos; `truth`: address → every field of TASK."""

    table: Path
    truth: Mapping[str, Mapping[str, Value]]


def drawn(folder: Path, count: int) -> Scenes:
    """So many scenes, drawn or found; the table is written into `folder`."""
    kept = Path(tempfile.gettempdir()) / "vistoria-bench-scenes"
    kept.mkdir(exist_ok=True)
    seeds = range(SEED, SEED + count)
    missing = [seed for seed in seeds if not (kept / f"{seed}.json").exists()]
    if missing:
        cores = len(sched_getaffinity(0))
        with ProcessPoolExecutor(cores, mp_context=get_context("spawn")) as pool:
            list(pool.map(_draw, missing, [str(kept)] * len(missing), chunksize=16))
    truth = {}
    with (folder / "scenes.csv").open("w", newline="") as file:
        out = csv.writer(file)
        out.writerow(["observation_id", "uri"])
        for seed in seeds:
            uri = str(kept / f"{seed}.jpg")
            out.writerow([f"s{seed}", uri])
            held = json.loads((kept / f"{seed}.json").read_text())
            truth[uri] = TASK.parse({one.name: held.get(one.name) for one in TASK.fields})
    return Scenes(folder / "scenes.csv", truth)


def _draw(seed: int, folder: str) -> None:
    jpeg, truth = render_jpeg(sample(seed))
    path = Path(folder) / f"{seed}.jpg"
    path.write_bytes(jpeg)
    path.with_suffix(".json").write_text(json.dumps(asdict(truth)))


class NoisyTeacher:
    """Says the truth but for a share of the fields, picked for good by a hash of the address."""

    def __init__(self, truth: Mapping[str, Mapping[str, Value]], wrong: float) -> None:
        """`wrong`: share of answers per field that are something else."""
        self.name = "simulated:teacher"
        self.settings: Mapping[str, Any] = {"wrong": wrong}
        self.capabilities = Capabilities(image=ImageForm(kind="none"), batch_size=64, local=True)
        self.said = {uri: _mistaken(uri, answer, wrong) for uri, answer in truth.items()}

    def unanswerable(self, task: Task) -> tuple[str, ...]:  # noqa: ARG002 - the seam's signature
        """Nothing."""
        return ()

    async def ask(
        self, task: Task, pictures: Sequence[Picture], *, correction: str | None = None
    ) -> Sequence[Reply]:
        """What it always says about these pictures."""
        del correction
        names = [one.name for one in task.fields]
        return [
            Reply(
                answer={name: self.said[one.uri][name] for name in names}, model_version="noisy-1"
            )
            for one in pictures
        ]

    async def aclose(self) -> None:
        """Nothing to close."""


def _mistaken(uri: str, answer: Mapping[str, Value], wrong: float) -> dict[str, Value]:
    dice = random.Random(Path(uri).name)
    found: dict[str, Value] = {}
    for field in TASK.fields:
        if field.only_if and not applies(tuple(field.only_if.items()), found):
            found[field.name] = None
            continue
        every: list[Value] = [*field.choices]
        if field.kind == "boolean":
            every = [True, False]
        elif field.kind == "number":
            every = [float(value) for value in range(20, 140, 10)]
        right = answer[field.name]
        others = [value for value in every if value != right]
        mistaken = right is None or dice.random() < wrong
        found[field.name] = dice.choice(others) if mistaken else right
    return found
