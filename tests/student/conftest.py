"""One small world for all tests of students: 600 photos, labelled once by a noisy teacher."""

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.servers.hub import HubServer
from tests.student.shapes import TASK, Teacher, draw, label, loading
from vistoria.ledger import Ledger, Run
from vistoria.records import Value
from vistoria.student.backbones.embedding import Vision
from vistoria.student.backbones.street import street_backbone
from vistoria.student.student import Settings, Student, train_student


@dataclass(frozen=True)
class World:
    """Photos with known truth, and what the teacher said about them."""

    folder: Path
    truth: Mapping[str, Mapping[str, Value]]
    teacher: Teacher
    run: Run
    vision: Vision

    def ledger(self) -> Ledger:
        return Ledger(self.folder / "ledger.sqlite")


@pytest.fixture(scope="session")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Labelled, nothing trained; do not write into it."""
    folder = tmp_path_factory.mktemp("world")
    truth = draw(folder, 600)
    teacher = Teacher(truth, wrong=0.1)
    run = label(folder, teacher)
    vision = Vision(street_backbone(), loading(), folder / "embeddings")
    return World(folder, truth, teacher, run, vision)


@pytest.fixture
def world(labelled: World, tmp_path: Path) -> World:
    """A copy of the ledger to write into; photos and embeddings are shared."""
    folder = tmp_path / "world"
    folder.mkdir()
    shutil.copy(labelled.folder / "ledger.sqlite", folder)
    return World(folder, labelled.truth, labelled.teacher, labelled.run, labelled.vision)


@pytest.fixture(scope="session")
def student(labelled: World) -> Student:
    """Trained on all that may be trained on."""
    with labelled.ledger() as ledger:
        return train_student(ledger, labelled.run, TASK, labelled.vision, Settings(), name="small")


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[HubServer]:
    """A hub with a cache of its own."""
    from huggingface_hub import constants

    with HubServer() as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_PROGRESS_BARS", True)
        yield server
