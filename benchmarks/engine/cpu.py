"""1. No latency: processor time per image, against bare aiohttp and against rivals."""

import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import median

from benchmarks.bars import Bar, at_least, at_most, run
from benchmarks.engine.photos import write_photos
from benchmarks.engine.runs import command, finish, settings
from benchmarks.service import Service
from vistoria.images._decode import open_image
from vistoria.task import load_task

_ROOT = Path(__file__).parents[2]
_RIVALS = _ROOT / "benchmarks" / ".rivals"
_AT_ONCE = 32


def cpu(folder: Path, quick: bool) -> Iterator[Bar]:
    """CPU seconds, user and system, per 1,000 images: the slope between two counts of images."""
    few, many = (200, 1_000) if quick else (1_000, 5_000)
    write_photos(folder / "photos", many)
    python, rounds = _rivals(), 1 if quick else 3
    with Service(trusting=True) as service:
        floor, ours = [], []
        for number in range(rounds):  # in turn, because the machine is not always as fast
            floor.append(_slope(few, many, lambda n: _floor(service, folder, n)))
            ours.append(
                _slope(few, many, lambda n: _ours(service, folder, n, f"{number}-{n}"))  # noqa: B023
            )
        listing = _slope(few, many, lambda n: _listing(service, folder, n))
        genai = _slope(few, many, lambda n: _rival("semaphore", python, service, folder, n))
        lone = _slope(few // 4, few, lambda n: _rival("guide", python, service, folder, n))
    named = {"bare aiohttp": median(floor), "vistoria run": median(ours),
             "vistoria run, of which the check that no photo is broken": _check(folder, few),
             "vistoria run, a folder's first listing": listing,
             "google-genai with a semaphore": genai, "the guide's loop": lone}  # fmt: skip
    for name, seconds in named.items():
        yield Bar(f"{name}: CPU s per 1,000 images", "reported", f"{seconds:.3f}", True)
    ratio = median(o / f for o, f in zip(ours, floor, strict=True))
    yield at_most("CPU: run over bare aiohttp", ratio, 1.5)
    yield at_least("CPU: google-genai over run", genai / median(ours), 3.0, ".2f")


def _slope(few: int, many: int, spent: Callable[[int], float]) -> float:
    return (spent(many) - spent(few)) / (many - few) * 1_000


def _floor(service: Service, folder: Path, count: int) -> float:
    words = [sys.executable, "-m", "benchmarks.engine.floor", service.url, str(folder / "photos")]
    return _spent(lambda: _checked([*words, str(count), str(_AT_ONCE)], _ROOT))


def _ours(service: Service, folder: Path, count: int, name: str) -> float:
    """A run over photos that a look before has listed already."""
    words = command("photos", "--limit", str(count), "--ledger", f"{name}.sqlite")
    env = {**service.env, **settings(concurrency=_AT_ONCE)}
    finish(_plan(words), folder, env)
    return _spent(lambda: finish(words, folder, env))


def _listing(service: Service, folder: Path, count: int) -> float:
    """A first look at the photos: size, time and place of each."""
    words = command("photos", "--limit", str(count), "--ledger", f"list-{count}.sqlite")
    return _spent(lambda: finish(_plan(words), folder, service.env))


def _check(folder: Path, count: int) -> float:
    """What a look at each photo's markers costs; bare aiohttp sends broken ones too."""
    photos = [path.read_bytes() for path in sorted((folder / "photos").rglob("*.jpg"))[:count]]
    started = time.process_time()
    for data in photos:
        open_image(data, 10**9).check(thorough=False)
    return (time.process_time() - started) / count * 1_000


def _plan(words: Sequence[str]) -> list[str]:
    """`vistoria plan` in place of `vistoria run`."""
    return [words[0], "plan", *(word for word in words[2:] if word != "--yes")]


def _rival(kind: str, python: Path, service: Service, folder: Path, count: int) -> float:
    task = load_task("utility_pole")
    script = str(_ROOT / "benchmarks" / "engine" / "rivals.py")
    words = [str(python), script, kind, service.url, str(folder / "photos"), str(count)]
    asked = [str(_AT_ONCE), task.prompt, json.dumps(task.json_schema)]
    return _spent(lambda: _checked([*words, *asked], folder, service.env))


def _spent(work: Callable[[], object]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    work()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _checked(words: Sequence[str], folder: Path, env: dict[str, str] | None = None) -> None:
    done = run(words, folder, env)
    if done.code:
        raise RuntimeError(f"{words[:4]}: {done.err[-2000:]}")


def _rivals() -> Path:
    """A Python with google-genai, made once, at the versions of `benchmarks/rivals.txt`."""
    python = _RIVALS / "bin" / "python"
    pins = _ROOT / "benchmarks" / "rivals.txt"
    made = _RIVALS / ".made"
    if not made.exists() or made.stat().st_mtime < pins.stat().st_mtime:
        subprocess.run([sys.executable, "-m", "venv", str(_RIVALS)], check=True)
        install = [str(python), "-m", "pip", "install", "-q", "-r", str(pins)]
        subprocess.run(install, check=True, stdout=sys.stderr)
        made.touch()
    return python
