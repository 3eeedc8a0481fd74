"""Draws the town of the demo, with a count of the photos done so far."""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread

import click

from vistoria.cli._talk import is_quiet, note
from vistoria.errors import MissingExtra
from vistoria.result import shown


def draw_town(folder: Path, *, assets: int, seed: int) -> None:
    """Draws the town into `folder` unless it is there; raises MissingExtra without OpenCV."""
    if (folder / "town.duckdb").exists():
        note("town", f"drawn already in {shown(folder)}")
        return
    try:
        import cv2  # noqa: F401, PLC0415 - of the extra `demo`
    except ImportError:
        raise MissingExtra("Drawn streets", "demo") from None
    from vistoria.street.town import build_town  # noqa: PLC0415 - imports OpenCV

    started = time.monotonic()
    with _counting(folder / "images"):
        town = build_town(folder, seed=seed, assets=assets, workers=_cores())
    drawn = f"{town.observations:,} photos of {town.assets:,} assets in two snapshots"
    note("town", f"{drawn}, drawn in {time.monotonic() - started:.0f} s")


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def _counting(folder: Path) -> Iterator[None]:
    """Says on a terminal how many photos there are, while they become more."""
    if is_quiet() or not sys.stderr.isatty():
        yield
        return
    over = Event()

    def count() -> None:
        while not over.wait(0.5):
            done = sum(1 for _ in folder.rglob("*.jpg"))
            click.echo(f"\r  drawing a town: {done:,} photos", err=True, nl=False)
        click.echo("\r\x1b[K", err=True, nl=False)

    thread = Thread(target=count, name="counting", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
