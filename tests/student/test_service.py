"""A student on the numbers of an embedding model, against a server that makes them from the
pixels, bills them and refuses as Google does: embed, train, export, run."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import pytest
from click.testing import CliRunner, Result

from tests.servers._model import Behaviour
from tests.servers.gemini import KEY, GeminiServer
from tests.servers.token import TokenServer
from tests.student.conftest import World
from tests.student.shapes import TASK, TASK_FILE, Teacher, draw, label, loading, review
from vistoria.cli import main
from vistoria.engine import Limits
from vistoria.errors import RunStopped
from vistoria.ledger import Ledger
from vistoria.models.gemini import open_embedding
from vistoria.pricing import Ceiling
from vistoria.records import ImageRef, Value
from vistoria.student.backbones.embedding import Vision
from vistoria.student.backbones.service import LEDGER, ServiceVision
from vistoria.student.backbones.street import street_backbone

PHOTOS = 240
PICTURE = 258 * 450_000
"""Picodollars."""
FIELDS = "colour,dark"
TRAIN = (
    "train", "--task", "shapes.toml", "--ledger", ".vistoria/ledger.sqlite", "--fields", FIELDS,
    "--backbone", "gemini-embedding-2", "-b", "dimensions=192", "--progress", "none", "--json",
)  # fmt: skip
EXECUTABLE = str(Path(sys.executable).with_name("vistoria"))


@dataclass
class Place:
    """A folder with labelled photos, and Gemini's embedding model."""

    folder: Path
    server: GeminiServer
    call: Callable[..., Result]

    @property
    def paid(self) -> int:
        """Pictures billed, those twice counted twice."""
        return self.server.billed.total()

    def train(self, *more: str) -> Result:
        return self.call(*TRAIN, *more)

    def vision(self, **how: Any) -> ServiceVision:
        options = {"base_url": self.server.url, "api_key": KEY, "dimensions": 128}
        embedding = open_embedding("gemini-embedding-2", options)
        how = {"load": loading(), "folder": self.folder / "seen", "origin": "test", **how}
        return ServiceVision(embedding=embedding, **how)


@pytest.fixture(scope="session")
def few(tmp_path_factory: pytest.TempPathFactory) -> World:
    """240 photos, labelled; do not write into it."""
    folder = tmp_path_factory.mktemp("few")
    truth = draw(folder, PHOTOS, seed=3)
    teacher = Teacher(truth, wrong=0.05)
    vision = Vision(street_backbone(), loading())
    return World(folder, truth, teacher, label(folder, teacher), vision)


@pytest.fixture
def place(few: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    for name in os.environ:
        if name.startswith(("GOOGLE_", "GEMINI_", "VISTORIA_")):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".vistoria").mkdir()
    ledger = tmp_path / ".vistoria/ledger.sqlite"
    ledger.write_bytes((few.folder / "ledger.sqlite").read_bytes())
    (tmp_path / "shapes.toml").write_text(TASK_FILE)
    with GeminiServer() as server:
        monkeypatch.setenv("GEMINI_API_KEY", KEY)
        monkeypatch.setenv("GOOGLE_GEMINI_BASE_URL", server.url)

        def call(*args: str) -> Result:
            return CliRunner().invoke(main, args, prog_name="vistoria")

        yield Place(tmp_path, server, call)


def photos(few: World, count: int) -> list[ImageRef]:
    return [ImageRef(uri) for uri in list(few.truth)[:count]]


def right(rows: list[dict[str, Any]], truth: Mapping[str, Mapping[str, Value]], name: str) -> float:
    return float(np.mean([row[name] == truth[row["uri"]][name] for row in rows]))


def test_embed_train_export_and_run(place: Place) -> None:
    place.server.fault("exhausted", times=3, retry_after="0.05")
    place.server.fault("overloaded", times=2)
    done = place.train("--budget", "1 USD", "--yes")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert told["backbone"]["embedding"] == {
        "model": "gemini:gemini-embedding-2", "version": "gemini-embedding-2", "dimensions": 192,
    }  # fmt: skip
    assert told["cost"]["embedding"] == "$0.028", "240 pictures at 258 tokens"
    assert place.paid == len(place.server.billed) == PHOTOS, "refusals and faults cost nothing"
    assert told["fields"]["colour"]["test"]["agreement"]["estimate"] > 0.7
    assert "photos to send to gemini:gemini-embedding-2: about $0.028" in done.stderr
    assert "one ONNX file of heads" in Path("student.md").read_text()

    again = place.call(*TRAIN[:-1], "--out", "other.onnx")
    assert again.exit_code == 0, again.output
    assert "vistoria run --model probe:other.onnx" in again.stderr
    assert place.paid == PHOTOS, "numbers are kept"

    truth = draw(place.folder / "new", 40, seed=11)
    given = ["new/photos.csv", "--model", "probe:student.onnx", "--task", "shapes.toml"]
    given += ["--fields", FIELDS, "--budget", "1 USD"]
    planned = json.loads(place.call("plan", *given, "--json").stdout)
    assert planned["usd"]["expected"] == pytest.approx(40 * PICTURE / 10**12)
    assert planned["tokens_per_picture"] == 258
    ran = place.call("run", *given, "--yes", "--json")
    assert ran.exit_code == 0, ran.output
    with Ledger(place.folder / ".vistoria/ledger.sqlite") as ledger:
        run = ledger.run()
        rows = [row for batch in ledger.batches(run) for row in batch.to_pylist()]
        assert ledger.costs(run).spent.money == 40 * PICTURE
    assert min(right(rows, truth, name) for name in ("colour", "dark")) > 0.85
    assert {row["model_version"] for row in rows} == {f"student-{told['version']}"}


def test_the_doctor_asks_what_it_can_answer(place: Place, few: World) -> None:
    assert place.train().exit_code == 0
    before = place.paid
    photos = str(few.folder / "photos.csv")
    given = ["doctor", photos, "--task", "shapes.toml", "--model", "probe:student.onnx"]
    done = place.call(*given, "--json")
    said = {one["check"]: one["said"] for one in json.loads(done.stdout)["findings"]}
    assert said["answer"].startswith("student-")
    assert said["answer"].endswith("answers")
    assert "cannot answer" in said["task"]
    assert place.paid == before + 1


def test_the_file_answers_in_plain_onnxruntime(place: Place, few: World) -> None:
    assert place.train("--backbone", "gemini:gemini-embedding-2").exit_code == 0
    session = ort.InferenceSession("student.onnx", providers=["CPUExecutionProvider"])
    about = json.loads(session.get_modelmeta().custom_metadata_map["vistoria"])
    (taken,) = session.get_inputs()
    assert (taken.name, taken.shape) == ("embedding", ["batch", 192])
    assert about["input"]["embedding"]["dimensions"] == 192
    assert Path("student.onnx").stat().st_size < 20_000, "heads only"
    with Ledger(place.folder / ".vistoria" / LEDGER) as ledger:
        assert ledger.run().model == "gemini:gemini-embedding-2"
    told = place.call("cascade", "student.onnx", "--teacher", "echo:", "--task", "shapes.toml")
    assert told.exit_code == 2
    assert "A cascade needs a student that computes here" in " ".join(told.stderr.split())


def test_it_is_judged_as_any_model(place: Place, few: World) -> None:
    ledger_file = place.folder / ".vistoria/ledger.sqlite"
    with Ledger(ledger_file) as ledger:
        ordinals = ledger.scope(few.run).ordinals[:50].tolist()
        uris = list(few.truth)
        truth = {ordinal: few.truth[uris[ordinal - 1]] for ordinal in ordinals}
        review(ledger, few.run, TASK, ordinals, truth)
    assert place.train().exit_code == 0
    assert place.paid < PHOTOS, "what is locked is not sent"
    before = place.paid
    given = ["evaluate", "probe:student.onnx", "--task", "shapes.toml", "--fields", FIELDS]
    done = place.call(*given, "--json", "--yes", "--progress", "none")
    assert done.exit_code == 0, done.output
    (told,) = json.loads(done.stdout)
    assert (told["units"], told["left_out"]) == (50, 0)
    assert place.paid == before + 50
    assert told["cost_per_1000_usd"] == pytest.approx(1000 * PICTURE / 10**12)
    assert told["fields"]["colour"]["accuracy"]["estimate"] > 0.8


def test_the_ceiling_holds_and_nothing_is_paid_twice(place: Place) -> None:
    done = place.train("--budget", "0.01 USD")
    assert done.exit_code == 1, done.output
    assert "ceiling of $0.010 is reached" in " ".join(done.stderr.split())
    assert "86 of 240 pictures have their numbers" in " ".join(done.stderr.split())
    assert place.paid == 86 == int(0.01 / (PICTURE / 10**12))
    assert not Path("student.onnx").exists()
    done = place.train("--budget", "0.08 USD")
    assert done.exit_code == 0, done.output
    assert place.paid == len(place.server.billed) == PHOTOS
    low = place.call(*TRAIN, "-b", "dimensions=128", "--budget", "0.0001 USD")
    assert low.exit_code == 2
    assert "is too low: one call" in " ".join(low.stderr.split())


def test_much_is_not_sent_unasked(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VISTORIA_RUN_CONFIRM_COST", "0.02 USD")
    done = place.train()
    assert done.exit_code == 2
    assert "no terminal to ask on" in " ".join(done.stderr.split())
    assert place.paid == 0


def test_a_killed_training_loses_what_was_in_flight(place: Place) -> None:
    place.server.behaviour = Behaviour(latency=0.1)
    env = {**os.environ, "VISTORIA_RUN_CONCURRENCY": "8"}
    with subprocess.Popen([EXECUTABLE, *TRAIN], env=env, stdout=subprocess.DEVNULL) as child:
        deadline = time.monotonic() + 30
        while place.paid < 110 and time.monotonic() < deadline:
            time.sleep(0.02)
        child.send_signal(signal.SIGKILL)
    before = place.paid
    assert 110 <= before < PHOTOS
    place.server.behaviour = Behaviour()
    assert place.train().exit_code == 0
    assert len(place.server.billed) == PHOTOS
    assert max(place.server.billed.values()) <= 2
    # Answers are written every half second, so 40 of them may be lost besides the 8 in flight.
    assert place.paid - PHOTOS <= 48 < before


def test_bad_rows_are_left_out_with_a_reason(place: Place, few: World) -> None:
    good = photos(few, 3)
    Path("text.jpg").write_text("no picture")
    bad = [ImageRef("photo.jpg"), ImageRef("text.jpg"), ImageRef("ftp://host/a.jpg"), good[0]]
    place.server.fault("bad_image", Path(good[1].uri).read_bytes())
    found = place.vision().embed([*good, *bad])
    assert found.rows.tolist() == [0, 2, 6], "the last one is the first one again"
    assert (found.vectors[0] == found.vectors[2]).all()
    assert sum(found.failed.values()) == 4
    assert set(found.failed) == {
        "image_missing", "not_an_image", "address_invalid", "request_rejected",
    }  # fmt: skip
    assert (place.paid, found.computed) == (2, 2)
    assert found.spent.money == 2 * PICTURE


def test_stored_pictures_go_by_reference_and_boxes_by_value(
    place: Place, few: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uris = {f"gs://photos/{n}.jpg": Path(ref.uri) for n, ref in enumerate(photos(few, 6))}
    with TokenServer() as tokens, GeminiServer(tokens=tokens) as server:
        key_file = tokens.service_account(tmp_path)
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(key_file))
        monkeypatch.delenv("GEMINI_API_KEY")
        monkeypatch.setenv("GOOGLE_VERTEX_BASE_URL", server.url)
        server.objects = lambda uri: uris[uri].read_bytes() if uri in uris else None
        embedding = open_embedding("gemini-embedding-2", {"location": "eu", "dimensions": 128})
        vision = ServiceVision(
            embedding=embedding, load=loading(), folder=tmp_path / "far", origin="test"
        )
        images = [ImageRef(uri) for uri in (*uris, "gs://photos/gone.jpg")]
        found = vision.embed(images)
        sent = [one.body["content"]["parts"] for one in server.sent]
    assert found.rows.tolist() == list(range(6))
    assert found.failed == {"image_missing": 1}
    assert all(len(parts) == 1 and "fileData" in parts[0] for parts in sent)
    near = place.vision().embed(photos(few, 6))
    assert np.abs(near.vectors - found.vectors).max() < 1e-6, "the same numbers either way"


def test_a_ceiling_stops_it_in_a_script_too(place: Place, few: World) -> None:
    heard: list[tuple[str, int, int]] = []
    limits = Limits(ceiling=Ceiling(requests=5))
    with pytest.raises(RunStopped, match="5 of 9 pictures have their numbers"):
        place.vision(limits=limits).embed(photos(few, 9))
    found = place.vision().embed(
        photos(few, 9), "{}", lambda what, done, of: heard.append((what, done, of))
    )
    assert len(found.rows) == place.paid == 9
    assert heard[-1] == ("embedding", 4, 4)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--backbone", "gemini-embeding-2"], "did you mean 'gemini-embedding-2'"),
        (["--backbone", "gemini:gemini-embedding-3"], "did you mean 'gemini-embedding-2'"),
        (["-b", "dimensions=64"], "128 to 3,072 numbers per picture, not 64"),
        (["-b", "dimension=256"], "did you mean 'dimensions'"),
        (["--int8"], "nothing is here to put into 8 bits"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_sent(
    place: Place, more: list[str], said: str
) -> None:
    done = place.train(*more)
    assert done.exit_code == 2
    assert said in " ".join(done.stderr.split())
    assert not place.server.sent
