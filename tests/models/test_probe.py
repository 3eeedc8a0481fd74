"""`probe`: heads of one's own on the numbers of Gemini's embedding model, at its service."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.contracts.models import ModelContract, jpeg
from tests.models._gemini import PHOTO
from tests.servers.gemini import KEY, GeminiServer
from tests.student.shapes import TASK
from vistoria import errors
from vistoria import opening as by_project
from vistoria.engine.money import Tab
from vistoria.errors import ConfigError, ObservationError, UnknownName, UserError, VistoriaError
from vistoria.models import Vector
from vistoria.models._cascade_rule import Rule
from vistoria.models.cascade import open_model as open_cascade
from vistoria.models.gemini import open_embedding
from vistoria.models.gemini import open_model as open_gemini
from vistoria.models.onnx import open_model as open_onnx
from vistoria.models.probe import open_model
from vistoria.pricing import Ceiling, load_prices
from vistoria.project import load_project
from vistoria.records import Picture, Reply
from vistoria.student.backbones.backbone import EmbeddingModel
from vistoria.student.export import Described, head_document, student_graph, write_student
from vistoria.student.heads import fit_head
from vistoria.student.targets import Target, target_of
from vistoria.task import load_task

pytestmark = pytest.mark.anyio

SIZE = 128
NAME = "gemini:gemini-embedding-2"


def written(path: Path, version: str = "gemini-embedding-2") -> str:
    """A student on noise, of the fields of TASK that heads can answer."""
    dice, rows = np.random.default_rng(2), 90
    vectors = dice.normal(size=(rows, SIZE)).astype(np.float32)
    labels: dict[str, list[Any]] = {
        "colour": dice.choice(["red", "green", "blue"], rows).tolist(),
        "dark": (dice.random(rows) < 0.5).tolist(),
        "marks": [[n for n in ("left", "middle") if dice.random() < 0.5] for _ in range(rows)],
        "level": dice.uniform(0, 100, rows).tolist(),
    }
    heads = {}
    for name, values in labels.items():
        target = target_of(TASK.field(name), values, np.ones(rows, np.bool_))
        assert isinstance(target, Target)
        heads[name] = fit_head(target, vectors, np.ones(rows))
    model = EmbeddingModel(NAME, version, SIZE)
    described = Described(
        name=path.stem, taken=model.taken, about={},
        heads=[head_document(h, trained=True, abstain_below=None) for h in heads.values()],
    )  # fmt: skip
    write_student(student_graph(model, heads), described, path)
    return str(path)


@pytest.fixture
def file(tmp_path: Path) -> str:
    return written(tmp_path / "student.onnx")


@pytest.fixture
def way_in(server: GeminiServer) -> Mapping[str, Any]:
    return {"base_url": server.url, "api_key": KEY}


class TestContract(ModelContract):
    provider = "probe"
    name = "student.onnx"
    task = TASK

    @pytest.fixture(autouse=True)
    def _here(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        written(tmp_path / "student.onnx")
        monkeypatch.chdir(tmp_path)

    @pytest.fixture
    def options(self) -> Iterator[Mapping[str, Any]]:
        with GeminiServer() as server:
            yield {"base_url": server.url, "api_key": KEY}


async def test_a_picture_goes_alone_and_the_heads_answer_here(
    server: GeminiServer, file: str, way_in: Mapping[str, Any]
) -> None:
    model = open_model(file, way_in)
    assert model.unanswerable(TASK) == ("note",)
    task = TASK.only(["colour", "level"])
    (reply,) = await model.ask(task, [PHOTO])
    await model.aclose()
    assert isinstance(reply, Reply)
    assert reply.usage.input_tokens == 258
    assert reply.model_version == model.version
    assert reply.confidence is not None
    assert set(reply.confidence) == {"colour", "level"}
    (sent,) = server.sent
    assert sent.path == "/v1beta/models/gemini-embedding-2:embedContent"
    assert sent.body["outputDimensionality"] == SIZE
    (part,) = sent.body["content"]["parts"]
    assert set(part) == {"inlineData"}, "one picture, and no text"


async def test_vertex_fetches_stored_pictures_by_itself(
    cloud: tuple[GeminiServer, Any], file: str
) -> None:
    server, tokens = cloud
    photo = jpeg(3)
    server.objects = {"gs://photos/3.jpg": photo}.get
    model = open_model(file, {"location": "us-central1"})
    assert model.capabilities.image.by_reference == {"gs"}
    task = TASK.only(["colour"])
    (far,) = await model.ask(task, [Picture(uri="gs://photos/3.jpg")])
    (near,) = await model.ask(task, [Picture(uri="3.jpg", data=photo, mime_type="image/jpeg")])
    (gone,) = await model.ask(task, [Picture(uri="gs://photos/gone.jpg")])
    await model.aclose()
    assert far == near
    assert isinstance(gone, errors.ImageMissing)
    sent = server.sent[0]
    assert sent.path == (
        "/v1/projects/proj-1/locations/us-central1/publishers/google/models/"
        "gemini-embedding-2:embedContent"
    )
    assert sent.headers["Authorization"].removeprefix("Bearer ") in tokens.valid
    assert sent.body["embedContentConfig"] == {"outputDimensionality": SIZE}
    assert sent.body["content"]["parts"] == [
        {"fileData": {"mimeType": "image/jpeg", "fileUri": "gs://photos/3.jpg"}}
    ]


def test_a_call_is_priced_before_it_is_sent(file: str, way_in: Mapping[str, Any]) -> None:
    model = open_model(file, way_in)
    tab = Tab(model.name, model.capabilities, load_prices(), Ceiling())
    most = tab.most(TASK, None, None)
    assert (most.money, most.tokens) == (258 * 450_000, 258), "the picture; no prompt is sent"
    assert tab.expected(TASK, None) == ((0, 0), (258, 258), (0, 0))


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("exhausted", errors.RateLimited),
        ("overloaded", errors.TransientError),
        ("reset", errors.TransientError),
        ("cut", errors.TransientError),
        ("malformed", errors.TransientError),
        ("iam_denied", errors.AccessDenied),
        ("bad_key", errors.AccessDenied),
        ("bad_image", errors.RequestRejected),
        ("short", UserError),
        ("elsewhere", UserError),
    ],
)
async def test_failures_are_told_apart(
    server: GeminiServer, way_in: Mapping[str, Any], fault: str, error: type[Exception]
) -> None:
    server.fault(fault)
    model = open_embedding("gemini-embedding-2", way_in)
    found: object
    try:
        found = await model.embed(PHOTO)
    except VistoriaError as raised:
        found = raised
    await model.aclose()
    assert isinstance(found, error)
    assert isinstance(found, ObservationError) == (fault == "bad_image")
    assert ("such as us-central1" in str(found)) == (fault == "elsewhere")


async def test_an_answer_without_its_bill_is_booked_at_its_most(
    server: GeminiServer, way_in: Mapping[str, Any], file: str
) -> None:
    server.metered = False
    model = open_model(file, way_in)
    (reply,) = await model.ask(TASK.only(["dark"]), [PHOTO])
    await model.aclose()
    assert isinstance(reply, Reply)
    tab = Tab(model.name, model.capabilities, load_prices(), Ceiling())
    assert tab.bill(reply, 0.0) is None, "so that the reservation stays"


async def test_numbers_are_of_the_size_asked_for(
    server: GeminiServer, way_in: Mapping[str, Any]
) -> None:
    sizes = {}
    for dimensions in (None, 128, 3072):
        given = {} if dimensions is None else {"dimensions": dimensions}
        model = open_embedding("gemini-embedding-2", {**way_in, **given})
        found = await model.embed(PHOTO)
        await model.aclose()
        assert isinstance(found, Vector)
        assert np.linalg.norm(found.values) == pytest.approx(1, abs=1e-4)
        sizes[dimensions] = len(found.values)
    assert sizes == {None: 768, 128: 128, 3072: 3072}


def test_wrong_names_and_options_say_what_to_write(
    tmp_path: Path, file: str, way_in: Mapping[str, Any]
) -> None:
    with pytest.raises(UnknownName, match="did you mean 'gemini-embedding-2'"):
        open_embedding("gemini-embeding-2", way_in)
    for dimensions in (127, 3073):
        with pytest.raises(ConfigError, match=r"128 to 3,072 numbers per picture"):
            open_embedding("gemini-embedding-2", {**way_in, "dimensions": dimensions})
    with pytest.raises(UnknownName, match="did you mean 'location'"):
        open_model(file, {**way_in, "locaton": "eu"})
    with pytest.raises(ConfigError, match="was taught on 128 numbers"):
        open_model(file, {**way_in, "dimensions": 256})
    with pytest.raises(ConfigError, match="no student at"):
        open_model("nowhere.onnx", way_in)
    with pytest.raises(ConfigError, match=r"with --model probe:.*student\.onnx"):
        open_onnx(file, {})
    with pytest.raises(ConfigError, match="vistoria train --backbone gemini-embedding-2"):
        open_gemini("gemini-embedding-2", way_in)
    other = written(tmp_path / "old.onnx", version="gemini-embedding-2-preview")
    with pytest.raises(ConfigError, match="train again"):
        open_model(other, way_in)


def test_the_project_says_whose_account_and_where(
    cloud: tuple[GeminiServer, Any], tmp_path: Path, file: str
) -> None:
    path = tmp_path / "vistoria.toml"
    path.write_text(
        f'[model]\nname = "probe:{Path(file).name}"\n'
        '[google]\nproject = "poles-1"\nregion = "us-central1"\n'
    )
    project = load_project(path, {})
    model = by_project.open_model(project)
    assert model.name == f"probe:{file}", "of the project file's own folder"
    assert model.capabilities.service.startswith(NAME)
    assert model.capabilities.service.endswith("poles-1 us-central1")
    for name in (NAME, "gemini-embedding-2"):
        embedding = by_project.open_embedding(project, name, {"dimensions": 256})
        assert embedding is not None
        assert (embedding.name, embedding.settings) == (NAME, {"dimensions": 256})
        assert embedding.capabilities.service == model.capabilities.service
    assert by_project.open_embedding(project, "stret", {}) is None
    assert by_project.open_embedding(project, "onnx:street", {}) is None


def test_before_a_probe_a_cascade_costs_what_the_probe_does(
    file: str, way_in: Mapping[str, Any], tmp_path: Path
) -> None:
    task = load_task("street_asset")
    rule = Rule(
        student=open_onnx("street", {}).version, teacher=f"probe:{file}", versions=(), kept=0.5,
        fields={one.name: one.fingerprint for one in task.fields}, threshold=0.9,
    )  # fmt: skip
    rule.write(tmp_path / "rule.json")
    given = {**way_in, "thresholds": str(tmp_path / "rule.json")}
    model = open_cascade(f"street,probe:{file}", given)
    tab = Tab(model.name, model.capabilities, load_prices(), Ceiling())
    assert tab.most(task, None, None).money == 258 * 450_000


def test_a_student_that_takes_pictures_is_not_a_probe(
    tmp_path: Path, way_in: Mapping[str, Any]
) -> None:
    path = tmp_path / "street.onnx"
    path.write_bytes((files("vistoria.models") / "street" / "street.onnx").read_bytes())
    with pytest.raises(ConfigError, match="takes pictures; run it with --model onnx:"):
        open_model(str(path), way_in)


def test_other_choices_than_it_was_taught_are_refused(file: str, way_in: Mapping[str, Any]) -> None:
    fewer = replace(TASK.field("colour"), choices=("red", "green"))
    other = replace(TASK, fields=(fewer,))
    with pytest.raises(UserError, match="was taught blue"):
        open_model(file, way_in).unanswerable(other)
    assert open_model(file, way_in).unanswerable(load_task("street_asset")) != ()
