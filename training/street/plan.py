"""What to train on and for how long."""

from dataclasses import dataclass

from training.street.data import Order
from training.street.fit import Course
from training.street.nets import Shape

__all__ = ["FULL", "TINY", "Plan"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """`learn`: photos that both stages fit to; `read`: further ones for stage 2; `tune`: photos for
    temperatures and int8 ranges; `natural` and `speeds`: how many held-out ones measure the
    result."""

    learn: tuple[Order, ...]
    read: tuple[Order, ...]
    tune: tuple[Order, ...]
    glance: Course
    closer: Course
    glance_shape: Shape = (32, 48, 96, 144)
    closer_shape: Shape = (32, 64, 96, 160)
    natural: int = 3000
    speeds: int = 1000


FULL = Plan(
    learn=(
        Order(start=0, count=4000),
        Order(start=1_000_000, count=1000, sign_kind="speed_limit"),
    ),
    read=(
        Order(start=4000, count=5000),
        Order(start=1_001_000, count=3500, sign_kind="speed_limit"),
    ),
    tune=(
        Order(start=2_000_000, count=1000),
        Order(start=3_000_000, count=500, sign_kind="speed_limit"),
    ),
    glance=Course(epochs=14),
    closer=Course(epochs=16),
)
"""What ships. Speeds take many speed-limit signs: with 500 fewer than one in three is read."""

TINY = Plan(
    learn=(Order(start=0, count=160),),
    read=(Order(start=1_000_000, count=40, sign_kind="speed_limit"),),
    tune=(Order(start=2_000_000, count=64),),
    glance=Course(epochs=1),
    closer=Course(epochs=1),
    glance_shape=(8, 8, 16, 16),
    closer_shape=(8, 8, 16, 16),
    natural=40,
    speeds=10,
)
"""Shows that everything runs; learns nothing."""
