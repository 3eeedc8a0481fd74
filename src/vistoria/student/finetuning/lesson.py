"""What a network is to learn, and how: pictures, aims, and the options of its tuning."""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from vistoria.options import Options, read_options
from vistoria.student.finetuning.aims import Aim, Scale
from vistoria.student.finetuning.sides import Sides

__all__ = ["FineTuning", "Lesson", "fine_tuning_options"]

_Share = Annotated[float, Field(ge=0, le=0.5)]
_Rate = Annotated[float, Field(gt=0, lt=1)]


class FineTuning(Options):
    """How to tune. `epochs`: at most; `patience`: without gain on watched rows, then it ends.
    `rate`, `head_rate`: the highest step sizes, of the network and of its heads; `decay`: of
    weights; `warm_up`: share of all steps. `shift`, `light`: how much pictures are changed, as
    shares; `flip`: mirror half of them. `device`: "auto", "cpu", "cuda", "cuda:1", "mps"."""

    epochs: Annotated[int, Field(ge=1)] = 15
    patience: Annotated[int, Field(ge=1)] = 4
    batch: Annotated[int, Field(ge=2)] = 32
    rate: _Rate = 5e-5
    head_rate: _Rate = 1e-3
    decay: Annotated[float, Field(ge=0, lt=1)] = 0.05
    warm_up: _Share = 0.1
    shift: _Share = 0.05
    light: _Share = 0.2
    flip: bool = False
    device: str = "auto"
    seed: int = 0


def fine_tuning_options(given: Mapping[str, Any]) -> FineTuning:
    """Options as they were given; raises UnknownName or ConfigError."""
    return read_options(FineTuning, given, "fine-tuning")


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    """What is learned. `frames`: uint8 (N, height, width, 3), in the order of the aims' rows;
    `keys`: a hash of each image."""

    frames: NDArray[np.uint8]
    keys: NDArray[np.int64]
    aims: tuple[Aim, ...]
    scale: Scale
    sides: Sides

    def mark(self, options: FineTuning, weights: str) -> str:
        """12 hex digits of all that the outcome depends on, and of nothing that is computed in a
        way that may differ in its last digits from one process or device to another."""
        sum_ = blake2b(digest_size=6)
        sum_.update(f"{weights}\0{options.model_dump_json(exclude={'device'})}".encode())
        for array in (self.keys, self.sides.taught, self.sides.watched):
            sum_.update(np.ascontiguousarray(array).tobytes())
        sum_.update(self.frames[:: max(1, len(self.frames) // 16)].tobytes())  # crop and size
        for aim in self.aims:
            sum_.update(f"\0{aim.name}\0{aim.form}\0".encode())
            sum_.update(aim.wanted.tobytes() + aim.weights.tobytes())
        return sum_.hexdigest()
