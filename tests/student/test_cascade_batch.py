"""A cascade in batch jobs: its student answers what is easy, only the rest goes into jobs."""

import json
import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from tests.servers._model import image_key
from tests.servers.bucket import BucketServer
from tests.servers.gemini_batch import BatchServer, Script
from tests.servers.token import TokenServer
from tests.student.conftest import World
from tests.student.shapes import TASK_FILE, mistaken
from vistoria.cli import main
from vistoria.ledger import Ledger
from vistoria.models._cascade_rule import Rule
from vistoria.models.cascade import thresholds_of
from vistoria.models.onnx import open_model
from vistoria.student.certify import alarms
from vistoria.student.student import Student
from vistoria.task import load_task

FLASH = "gemini-3.5-flash-lite"
FIELDS = ("colour", "dark")
PHOTOS = 200


@dataclass
class Place:
    """A folder with a student and its thresholds, and Vertex AI with its jobs."""

    folder: Path
    server: BatchServer
    answers: dict[str, Mapping[str, Any]]
    uris: list[str]
    call: Callable[..., Result]

    def certify(self, audit: float = 0.0) -> None:
        """Thresholds by decree."""
        task, file = load_task("shapes.toml").only(FIELDS), Path("student.onnx")
        rule = Rule(
            student=open_model(str(file), {}).version, teacher=f"gemini:{FLASH}",
            versions=(FLASH,), fields={one.name: one.fingerprint for one in task.fields},
            threshold=0.95, kept=0.7, audit=audit, alarms=alarms(0.05, 0.95),
        )  # fmt: skip
        rule.write(thresholds_of(file))

    def run(self, *more: str, code: int = 0) -> dict[str, Any]:
        given = ["run", "photos.csv", "--model", f"cascade:student.onnx,gemini:{FLASH}"]
        given += ["--task", "shapes.toml", "--fields", ",".join(FIELDS), "--batch", "--yes"]
        done = self.call(*given, "--budget", "1 USD", "--json", "--progress", "none", *more)
        assert done.exit_code == code, done.output
        document: dict[str, Any] = json.loads(done.stdout)
        return document

    def rows(self) -> list[dict[str, Any]]:
        with Ledger(self.folder / "ledger.sqlite") as ledger:
            return [row for batch in ledger.batches(ledger.run()) for row in batch.to_pylist()]


@pytest.fixture
def place(
    labelled: World, student: Student, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Place]:
    monkeypatch.chdir(tmp_path)
    lines = (labelled.folder / "photos.csv").read_text().splitlines()
    (tmp_path / "photos.csv").write_text("\n".join(lines[: PHOTOS + 1]))
    (tmp_path / "shapes.toml").write_text(TASK_FILE)
    student.write(tmp_path / "student.onnx")
    uris = list(labelled.truth)[:PHOTOS]
    said = {uri: mistaken(f"{uri} by gemini", labelled.truth[uri], 0.02) for uri in uris}
    answers: dict[str, Mapping[str, Any]] = {
        image_key(Path(uri).read_bytes()): answer for uri, answer in said.items()
    }
    with ExitStack() as stack:
        tokens = stack.enter_context(TokenServer())
        bucket = stack.enter_context(BucketServer(tokens=tokens))
        server = stack.enter_context(BatchServer(bucket, tokens=tokens))
        server.answer = lambda image, schema: {
            name: answers[image][name] for name in schema["properties"]
        }
        key_file = tokens.service_account(tmp_path)
        for name, value in {
            "GOOGLE_APPLICATION_CREDENTIALS": str(key_file),
            "STORAGE_EMULATOR_HOST": bucket.url,
            "VISTORIA_MODEL_VERTEX": "true",
            "VISTORIA_MODEL_BASE_URL": server.url,
            "VISTORIA_MODEL_STAGING": "gs://staging/vistoria",
            "VISTORIA_RUN_LEDGER": str(tmp_path / "ledger.sqlite"),
            "VISTORIA_RUN_POLL": "0.02",
        }.items():
            monkeypatch.setenv(name, value)

        def call(*args: str) -> Result:
            return CliRunner().invoke(main, args, prog_name="vistoria")

        yield Place(tmp_path, server, answers, uris, call)


def of(rows: list[dict[str, Any]], version: str) -> list[dict[str, Any]]:
    return [row for row in rows if (row["model_version"] or "").startswith(version)]


def test_only_the_hard_rows_go_into_jobs(place: Place) -> None:
    place.certify()
    done = place.run()
    rows = place.rows()
    by_student, by_teacher = of(rows, "student-"), of(rows, FLASH)
    assert len(by_student) + len(by_teacher) == len(rows) == done["answered"] == PHOTOS
    assert len(by_student) > PHOTOS / 4
    (job,) = place.server.jobs
    assert job.rows == len(by_teacher) > 0
    keys = {image_key(Path(row["uri"]).read_bytes()) for row in by_teacher}
    assert set(place.server.billed) == keys
    assert all(row["colour_confidence"] is not None for row in by_student)
    with Ledger(place.folder / "ledger.sqlite") as ledger:
        assert ledger.costs(ledger.run()).spent.money == place.server.spent((150_000, 1_250_000))
    assert place.run()["session"]["answered"] == 0
    assert len(place.server.jobs) == 1, "nothing is asked twice"


def test_a_session_leaves_its_jobs_and_another_collects(place: Place) -> None:
    place.certify()
    begins = threading.Event()
    place.server.scripts.append(Script(begins=begins))
    left = place.run("--no-wait", code=1)
    assert left["answered"] == len(of(place.rows(), "student-")) > 0
    assert left["pending"] > 0
    begins.set()
    done = place.run()
    assert (done["answered"], len(place.server.jobs)) == (PHOTOS, 1)
    assert place.server.jobs[0].rows == left["pending"]


def test_under_a_ceiling_the_easy_rows_are_answered_nevertheless(place: Place) -> None:
    place.certify()
    place.run("--budget", "3 requests", code=1)
    rows = place.rows()
    assert len(of(rows, FLASH)) == place.server.billed.total() == 3
    assert len(of(rows, "student-")) > PHOTOS / 4


def test_audits_and_versions_are_heard_when_results_come(
    place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    place.certify(audit=0.3)
    place.server.version = "gemini-3.5-flash-lite-002"
    with caplog.at_level(logging.WARNING, "vistoria.models.cascade"):
        place.run()
    assert "now answers as gemini-3.5-flash-lite-002" in caplog.text


def test_wrong_audits_ring(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    place.certify(audit=0.3)
    other = {"red": "green", "green": "blue", "blue": "red"}
    for key, answer in place.answers.items():
        place.answers[key] = {**answer, "colour": other[answer["colour"]]}
    with caplog.at_level(logging.WARNING, "vistoria.models.cascade"):
        place.run()
    assert "audited answers to 'colour' differ" in caplog.text
