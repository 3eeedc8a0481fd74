"""Pictures of many rows as numbers, each computed once and kept beside the ledger."""

import os
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from vistoria.errors import ObservationError, TransientError, Unreachable
from vistoria.pricing import Spend
from vistoria.records import ImageForm, ImageRef, Picture
from vistoria.student.backbones.backbone import Backbone, Embedder, EmbeddingModel, Floats, cores

__all__ = [
    "Embedded",
    "Listen",
    "Load",
    "Seeing",
    "Store",
    "Vision",
    "embed",
    "image_key",
    "loaded",
    "unheard",
]

Load: TypeAlias = Callable[[ImageRef, ImageForm], Picture]
Listen: TypeAlias = Callable[[str, int, int], None]
"""What is being done, how much of it, and of how much."""

_BATCH = 16
_TRIES = 3


def unheard(what: str, done: int, of: int) -> None:
    """For those who do not listen."""
    del what, done, of


@dataclass(frozen=True, slots=True)
class Embedded:
    """`rows`: positions of the images that could be read, `vectors` theirs; `failed`: reason → how
    many could not; `computed`: how many were not known already; `spent`: what a service has billed
    for this set of images, in all sessions."""

    rows: NDArray[np.int64]
    vectors: Floats
    failed: Counter[str]
    computed: int
    spent: Spend = Spend()  # noqa: RUF009 - frozen


class Store:
    """Vectors of one backbone, by image; a file, or in memory only."""

    def __init__(self, folder: Path | None, embedder: Embedder, look: str = "") -> None:
        """`folder`: where to keep it; `look`: what is done to images before (crop, size)."""
        mark = blake2b(
            f"{embedder.name}\0{embedder.version}\0{look}".encode(), digest_size=6
        ).hexdigest()
        self._path = None if folder is None else folder / f"embeddings-{mark}.npz"
        self._known: dict[int, Floats] = {}
        if self._path is not None and self._path.is_file():
            with np.load(self._path) as held:
                self._known = dict(zip(held["keys"].tolist(), held["vectors"], strict=True))

    def __contains__(self, image: ImageRef) -> bool:
        return image_key(image) in self._known

    def __getitem__(self, image: ImageRef) -> Floats:
        return self._known[image_key(image)]

    def __setitem__(self, image: ImageRef, vector: Floats) -> None:
        self._known[image_key(image)] = vector

    def save(self) -> None:
        """Writes the file, whole or not at all."""
        if self._path is None or not self._known:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        keys = np.fromiter(self._known, np.int64, len(self._known))
        with tempfile.NamedTemporaryFile(dir=self._path.parent, delete=False) as file:
            np.savez(file, keys=keys, vectors=np.stack(list(self._known.values())))
        os.replace(file.name, self._path)  # noqa: PTH105 - the pair of NamedTemporaryFile


def image_key(image: ImageRef) -> int:
    """64 bits that name an image and the part of it that is looked at."""
    box = "" if image.box is None else repr(tuple(image.box))
    seen = f"{image.uri}\x1f{image.version}\x1f{box}".encode("utf-8", "surrogatepass")
    return int.from_bytes(blake2b(seen, digest_size=8).digest(), signed=True)


class Seeing(Protocol):
    """How pictures become numbers: by a network in this process (`Vision`), or by a service."""

    @property
    def backbone(self) -> Backbone | EmbeddingModel:
        """What computes them."""

    @property
    def load(self) -> Load:
        """How images are loaded."""

    def embed(
        self, images: Sequence[ImageRef], look: str = "", listen: Listen = unheard
    ) -> Embedded:
        """The vectors of these images; `look`: what is done to them before."""


@dataclass(frozen=True, slots=True)
class Vision:
    """How pictures are seen: the backbone, how images are loaded, and the folder in which vectors
    are kept for the next time (None: in memory)."""

    backbone: Backbone
    load: Load
    folder: Path | None = None

    def embed(
        self, images: Sequence[ImageRef], look: str = "", listen: Listen = unheard
    ) -> Embedded:
        """The vectors of these images; `look`: what is done to them before."""
        store = Store(self.folder, self.backbone, look)
        return embed(images, self.load, self.backbone, store, listen)


def embed(
    images: Sequence[ImageRef],
    load: Load,
    embedder: Embedder,
    store: Store,
    listen: Listen = unheard,
) -> Embedded:
    """The vectors of these images; a row that cannot be read is left out and counted.

    Raises UserError when no call can succeed until a person acts.
    """
    new = [i for i, image in enumerate(images) if image not in store]
    failed: Counter[str] = Counter()
    parts = [new[start : start + _BATCH] for start in range(0, len(new), _BATCH)]

    def work(part: list[int]) -> tuple[list[int], Floats, list[str]]:
        pictures, kept, reasons = [], [], []
        for i in part:
            found = loaded(images[i], load, embedder.form)
            if isinstance(found, ObservationError):
                reasons.append(found.reason)
            else:
                pictures.append(found)
                kept.append(i)
        empty = np.zeros((0, 0), np.float32)
        return kept, embedder.embed(pictures) if pictures else empty, reasons

    done = 0
    with ThreadPoolExecutor(cores()) as threads:
        try:
            for kept, vectors, reasons in threads.map(work, parts):
                for i, vector in zip(kept, vectors, strict=True):
                    store[images[i]] = vector
                failed.update(reasons)
                done += len(kept) + len(reasons)
                listen("embedding", done, len(new))
        finally:
            threads.shutdown(cancel_futures=True)
            store.save()
    return _known(images, store, failed, done - failed.total())


def _known(
    images: Sequence[ImageRef], store: Store, failed: Counter[str], computed: int
) -> Embedded:
    rows = [i for i, image in enumerate(images) if image in store]
    vectors = np.stack([store[images[i]] for i in rows]) if rows else np.zeros((0, 0), np.float32)
    return Embedded(np.array(rows, np.int64), vectors, failed, computed)


def loaded(image: ImageRef, load: Load, form: ImageForm) -> Picture | ObservationError:
    """The picture of an image, tried again where the fault may pass; or why there is none."""
    for _ in range(_TRIES):
        try:
            return load(image, form)
        except ObservationError as error:
            return error
        except TransientError as error:
            last = error
    return Unreachable(str(last))
