"""2, in virtual time: hidden limits of every kind, with seeds that nothing was tuned on.

A run of minutes takes seconds, and no other process disturbs it. `python -m
benchmarks.engine.simulated SEED …` shows single runs.
"""

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from benchmarks.bars import Bar, at_least, at_most, exactly
from tests.engine.simulated_service import (
    KINDS,
    Behaviour,
    Hidden,
    InFlight,
    Outage,
    Seen,
    Service,
    Steps,
    TokenBucket,
    work,
)
from vistoria.engine.limits import Bounds, Limit

_WARM = 15.0  # seconds in which a limit is found
_AGAIN = 10.0  # … and after it has changed
_SECONDS = 75.0
_SEEDS = range(1_000, 1_010)
_STEADY: Mapping[str, Steps] = {f"{rate}/s": [(0.0, float(rate))] for rate in (50, 200, 500)}
_MOVING: Mapping[str, Steps] = {
    "200, 100, 400, 150/s": [(0, 200), (30, 100), (60, 400), (90, 150)],
    "50, 200, 25/s": [(0, 50), (40, 200), (80, 25)],
    "100, 500, 60, 110/s": [(0, 100), (30, 500), (50, 60), (80, 110)],
}


def simulated(_: Path, quick: bool) -> Iterator[Bar]:
    """The worst of all seeds and kinds of each limit."""
    seeds = _SEEDS[:1] if quick else _SEEDS
    for name, steps in ({**_STEADY, **_MOVING}).items():
        seen = [_run(KINDS[kind](steps), steps, seed) for kind in KINDS for seed in seeds]
        yield from _bars(f"simulated limit of {name}", seen, [_used(s, steps) for s in seen])
    for how, delay in (("failing", 0.01), ("hanging", 30.0)):
        outages = [_outage(seed, delay) for seed in seeds]
        name = f"simulated outage of 20 min, {how}"
        yield exactly(f"{name}: images failed", sum(seen.failed for seen, _ in outages), 0)
        yield at_least(f"{name}: speed 30 s after it", min(share for _, share in outages), 0.95)
    at_once: Steps = [(0, 20), (60, 60), (120, 30)]
    seen = [_run(InFlight(at_once), at_once, seed, 180.0) for seed in seeds]
    uses = [one.service.worked / 60.0 / (20 + 60 + 30) for one in seen]
    yield from _bars("simulated limit of 20, 60, 30 at once", seen, uses)


def _run(hidden: Hidden, steps: Steps, seed: int, seconds: float | None = None) -> Seen:
    bounds = Bounds(most=400)
    service = Service(hidden, Behaviour(), seed)
    seconds = seconds or (_SECONDS if len(steps) == 1 else 120.0)
    return work(service, seconds, bounds, limit=Limit("simulated", bounds, seed=seed))


def _used(seen: Seen, steps: Steps) -> float:
    return seen.use(steps, _WARM) if len(steps) == 1 else seen.warm_use(steps, _AGAIN)


def _bars(name: str, seen: list[Seen], uses: list[float]) -> Iterator[Bar]:
    yield at_least(f"{name}: used, the least", min(uses), 0.95)
    yield at_most(f"{name}: refused, the most", max(s.refused() for s in seen), 0.02, ".4f")
    yield exactly(f"{name}: images failed", sum(s.failed for s in seen), 0)


def _outage(seed: int, delay: float) -> tuple[Seen, float]:
    """The run, and its speed from 30 to 40 s after the outage, as a share of that before."""
    end = 60.0 + 1_200.0
    behaviour = Behaviour(outages=[Outage(begin=60.0, end=end, delay=delay)])
    service, bounds = Service(TokenBucket([(0.0, 100.0)], 1.0), behaviour, seed), Bounds(most=200)
    seen = work(service, end + 45.0, bounds, limit=Limit("simulated", bounds, seed=seed))
    return seen, seen.taken(end + 30.0, end + 40.0) / seen.taken(40.0, 50.0)


def main() -> None:
    """Each kind of limit with the given seeds."""
    for name, steps in ({**_STEADY, **_MOVING}).items():
        for kind in KINDS:
            for seed in map(int, sys.argv[1:]):
                seen = _run(KINDS[kind](steps), steps, seed)
                used, refused = _used(seen, steps), seen.refused()
                held = "" if used >= 0.95 and refused <= 0.02 and not seen.failed else "MISSED"
                print(f"{name:22} {kind:16} {seed} {used:.4f} {refused:.4f}", held, flush=True)


if __name__ == "__main__":
    main()
