"""Develop many scenes into JPEG bytes or files, in several processes."""

import multiprocessing
import signal
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import cv2

from vistoria.street.render import render_jpeg
from vistoria.street.scene import Scene
from vistoria.street.truth import Truth

Job = tuple[Scene, Path]


def develop(jobs: Sequence[Job], workers: int) -> list[Truth]:
    """Render each scene into its file (folders must exist); what is true of each, in order."""
    with _pool(workers, len(jobs)) as pool:
        return list(map(_to_file, jobs) if pool is None else pool.map(_to_file, jobs, chunksize=6))


def develop_bytes(scenes: Sequence[Scene], workers: int) -> list[bytes]:
    """Render each scene as JPEG, in order."""
    with _pool(workers, len(scenes)) as pool:
        return list(map(_to_bytes, scenes) if pool is None else pool.map(_to_bytes, scenes))


@contextmanager
def _pool(workers: int, work: int) -> Iterator[ProcessPoolExecutor | None]:
    """Fresh processes (spawn, so that no lock of this one is copied); none for little work."""
    if workers < 2 or work < 24:
        yield None
        return
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=spawn, initializer=_begin) as pool:
        yield pool


def _begin() -> None:
    cv2.setNumThreads(1)
    # Ctrl-C reaches every process of the terminal; the one that waits for these ends them.
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _to_file(job: Job) -> Truth:
    scene, path = job
    content, truth = render_jpeg(scene)
    path.write_bytes(content)
    return truth


def _to_bytes(scene: Scene) -> bytes:
    return render_jpeg(scene)[0]
