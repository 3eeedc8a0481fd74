"""What a student learns from: labels of a run, decisions of people, and who may never be used.

Rows are kept apart by what they show: all photos of one asset, and all copies of one picture, are
on one side. Which side is decided by a hash, so that a row that was left out of training stays
left out however often a student is trained. Reviewed samples for certification and calibration are
locked: neither their rows nor any row of the same asset or picture can be in a `TrainingSet`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from vistoria.errors import UserError
from vistoria.ledger import Ledger, Run, Sample
from vistoria.records import ImageRef, Value
from vistoria.student.reviewed import decided
from vistoria.task import Task

__all__ = ["LOCKED", "PARTS", "Shares", "TrainingSet", "gather", "locked_marks"]

PARTS = ("train", "validation", "test")
LOCKED = ("certification", "calibration")
"""Purposes of reviewed samples that no student may see."""
_CHUNK = 5_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Shares:
    """Which share of the assets is for what; the rest is for training. `seed`: another seed,
    another division. `human`: how much a person's decision weighs, in labels of the teacher."""

    validation: float = 0.15
    test: float = 0.15
    seed: int = 0
    human: float = 5.0

    def part_of(self, mark: int) -> int:
        """0 train, 1 validation, 2 test, by the hash of an asset or picture."""
        text = f"{self.seed}\0{mark}".encode()
        place = int.from_bytes(blake2b(text, digest_size=8).digest()) / 2**64
        if place < self.test:
            return 2
        return 1 if place < self.test + self.validation else 0


@dataclass(frozen=True, kw_only=True)
class TrainingSet:
    """Rows to learn from. Raises UserError when one of them is locked: there is no other way to
    make one, so a student that saw a certification row cannot come to be.

    `group`: a hash of what the row is kept together with: its asset, else its picture, else its
    id. `picture`: a hash of the image's content, or of its address. `labels`: field → value per
    row, of a person where there is one. `weights`: field → 0 without a label, 1 for the teacher's,
    `Shares.human` for a person's. `locked`: the hashes that no row may bear.
    """

    ordinals: NDArray[np.int64]
    images: Sequence[ImageRef]
    group: NDArray[np.int64]
    picture: NDArray[np.int64]
    part: NDArray[np.int8]
    labels: Mapping[str, Sequence[Value]]
    teacher: Mapping[str, Sequence[Value]]
    weights: Mapping[str, NDArray[np.float64]]
    locked: frozenset[int]
    teacher_name: str
    teacher_versions: tuple[str, ...] = ()
    samples: tuple[Sample, ...] = field(default=())

    def __post_init__(self) -> None:
        """Refuse locked rows."""
        touched = self.marks_touched(self.locked)
        if touched.any():
            raise UserError(
                f"{int(touched.sum())} rows to train on are locked for certification (or show the "
                "same asset or picture); gather the rows anew, and never train on that sample"
            )

    def marks_touched(self, marks: frozenset[int]) -> NDArray[np.bool_]:
        """Rows that are among these, or whose asset, picture or address is."""
        if not marks:
            return np.zeros(len(self), np.bool_)
        known = np.fromiter(marks, np.int64, len(marks))
        rows = zip(self.ordinals.tolist(), self.images, strict=True)
        named = [mark(f"row {n}") in marks or mark(f"picture {i.uri}") in marks for n, i in rows]
        return np.isin(self.group, known) | np.isin(self.picture, known) | np.array(named, np.bool_)

    def __len__(self) -> int:
        return len(self.ordinals)

    def people(self, name: str) -> NDArray[np.bool_]:
        """Rows whose label of a field a person gave."""
        return np.asarray(self.weights[name] > 1)

    def only(self, rows: NDArray[np.bool_]) -> "TrainingSet":
        """Some of the rows."""
        index = np.flatnonzero(rows).tolist()
        return TrainingSet(
            ordinals=self.ordinals[index],
            images=[self.images[i] for i in index],
            group=self.group[index],
            picture=self.picture[index],
            part=self.part[index],
            labels={name: [values[i] for i in index] for name, values in self.labels.items()},
            teacher={name: [values[i] for i in index] for name, values in self.teacher.items()},
            weights={name: weight[index] for name, weight in self.weights.items()},
            locked=self.locked,
            teacher_name=self.teacher_name,
            teacher_versions=self.teacher_versions,
            samples=self.samples,
        )


def mark(text: str) -> int:
    """A hash of an asset's, picture's or row's name: 63 bits."""
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest()) >> 1


def gather(ledger: Ledger, run: Run, task: Task, shares: Shares = Shares()) -> TrainingSet:
    """The answered rows of a run, less what is locked; decisions of people take the place of the
    teacher's labels.

    Raises UserError when nothing is left to learn from.
    """
    names = [one.name for one in task.fields]
    ordinals, rows, versions = _answered(ledger, run, names)
    images, group, picture = _identities(ledger, ordinals, rows)
    teacher = {name: [row[name] for row in rows] for name in names}
    labels, weights, used = _with_people(ledger, task, ordinals, teacher, shares.human)
    part = np.array([shares.part_of(one) for one in group.tolist()], np.int8)
    _keep_copies_together(part, picture)
    whole = TrainingSet(
        ordinals=ordinals, images=images, group=group, picture=picture, part=part, labels=labels,
        teacher=teacher, weights=weights, locked=frozenset(), teacher_name=run.model,
        teacher_versions=versions, samples=used,
    )  # fmt: skip
    locked = locked_marks(ledger)
    free = ~whole.marks_touched(locked)
    if not free.any():
        raise UserError(
            f"run {run.run_id} has no answered rows to learn from"
            + (", besides those locked for certification" if len(ordinals) else "")
            + "; label some with `vistoria run` first"
        )
    return replace(whole.only(free), locked=locked)


def _answered(
    ledger: Ledger, run: Run, names: Sequence[str]
) -> tuple[NDArray[np.int64], list[dict[str, Value]], tuple[str, ...]]:
    """Ordinals, and of each row its labels, observation_id, asset_id and sha256."""
    every = ledger.scope(run).ordinals
    kept, rows, at, versions = [], [], 0, set()
    for batch in ledger.batches(run):
        known = set(batch.schema.names)
        if missing := [name for name in names if name not in known]:
            raise UserError(f"run {run.run_id} did not ask {missing[0]!r}; name one that did")
        wanted = [*names, "observation_id", "asset_id", "sha256", "status", "model_version"]
        for row in batch.select(wanted).to_pylist():
            if row["status"] == "answered":
                kept.append(int(every[at]))
                rows.append(row)
                versions.add(row["model_version"] or "")
            at += 1
    return np.array(kept, np.int64), rows, tuple(sorted(versions - {""}))


def _identities(
    ledger: Ledger, ordinals: NDArray[np.int64], rows: Sequence[Mapping[str, Value]]
) -> tuple[list[ImageRef], NDArray[np.int64], NDArray[np.int64]]:
    images = images_of(ledger, ordinals)
    group, picture = [], []
    for row, image in zip(rows, images, strict=True):
        seen = f"picture {row['sha256'] or image.uri}"
        picture.append(mark(seen))
        group.append(mark(f"asset {row['asset_id']}") if row["asset_id"] else picture[-1])
    return images, np.array(group, np.int64), np.array(picture, np.int64)


def images_of(ledger: Ledger, ordinals: NDArray[np.int64]) -> list[ImageRef]:
    """Where the images of these rows are."""
    found: list[ImageRef] = []
    for start in range(0, len(ordinals), _CHUNK):
        some = ordinals[start : start + _CHUNK].tolist()
        found += [one.image for one in ledger.observations(some)]
    return found


def _keep_copies_together(part: NDArray[np.int8], picture: NDArray[np.int64]) -> None:
    """A picture that is in several parts belongs to the one that is kept furthest from training."""
    order = np.argsort(picture, kind="stable")
    same = np.split(order, np.flatnonzero(np.diff(picture[order])) + 1)
    for rows in same:
        if len(rows) > 1:
            part[rows] = part[rows].max()


def _with_people(
    ledger: Ledger, task: Task, ordinals: NDArray[np.int64],
    teacher: Mapping[str, list[Value]], weight: float,
) -> tuple[dict[str, list[Value]], dict[str, NDArray[np.float64]], tuple[Sample, ...]]:  # fmt: skip
    """Labels with people's decisions in place, their weights, and the samples that gave some."""
    place = {ordinal: at for at, ordinal in enumerate(ordinals.tolist())}
    labels = {name: list(values) for name, values in teacher.items()}
    weights = {name: np.ones(len(ordinals)) for name in teacher}
    used = []
    for sample in ledger.reviews.samples():
        if sample.purpose in LOCKED:
            continue
        found = decided(ledger, sample, task)
        for (ordinal, name), value in found.items():
            if (at := place.get(ordinal)) is not None and name in labels:
                labels[name][at] = None if value is ... else value
                weights[name][at] = 0.0 if value is ... else weight
        if found:
            used.append(sample)
    return labels, weights, tuple(used)


def locked_marks(ledger: Ledger) -> frozenset[int]:
    """The hashes of every asset and picture in a sample for certification or calibration."""
    found: set[int] = set()
    for sample in ledger.reviews.samples():
        if sample.purpose not in LOCKED:
            continue
        units = ledger.reviews.units(sample)
        ordinals = sorted({one for unit in units for part in unit.ordinals for one in part})
        found.update(_marks_of(ledger, ordinals))
        found.update(_content_marks(ledger, ledger.run(sample.run_id), set(ordinals)))
    return frozenset(found)


def _marks_of(ledger: Ledger, ordinals: Sequence[int]) -> Iterator[int]:
    for start in range(0, len(ordinals), _CHUNK):
        some = ordinals[start : start + _CHUNK]
        for ordinal, one in zip(some, ledger.observations(some), strict=True):
            yield mark(f"row {ordinal}")
            yield mark(f"picture {one.image.uri}")
            if one.asset_id:
                yield mark(f"asset {one.asset_id}")


def _content_marks(ledger: Ledger, run: Run, ordinals: set[int]) -> Iterator[int]:
    """Of the pictures themselves, where the run saw their bytes."""
    every = iter(ledger.scope(run).ordinals.tolist())
    for batch in ledger.batches(run):
        for sha256 in batch["sha256"].to_pylist():
            if next(every) in ordinals and sha256:
                yield mark(f"picture {sha256}")
