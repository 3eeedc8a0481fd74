"""Fine-tuning Gemini: lines within Google's limits, one job however it is begun, its model."""

import json
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from tests.servers.bucket import BucketServer
from tests.servers.token import TokenServer
from tests.servers.tuning import TuningServer
from tests.student.conftest import World
from tests.student.shapes import TASK, TASK_FILE, review
from vistoria.cli import main
from vistoria.errors import ConfigError, UnknownName, UserError
from vistoria.ledger import Ledger
from vistoria.models._gemini_tuned import Tuned, register_tuned, tuned_model
from vistoria.models.gemini import open_model
from vistoria.records import ImageRef
from vistoria.student.dataset import TrainingSet, gather
from vistoria.student.gemini.lines import LIMITS, Prepared, check_job, prepare

FOUR = TASK.only(["colour", "dark", "marks", "level"])


@pytest.fixture
def rows(labelled: World) -> TrainingSet:
    """What may be learned from, with the pictures in Cloud Storage."""
    with labelled.ledger() as ledger:
        found = gather(ledger, labelled.run, TASK)
    images = [ImageRef(f"gs://photos/{Path(one.uri).name}") for one in found.images]
    return replace(found, images=images)


def made(rows: TrainingSet, **changes: Any) -> Prepared:
    return prepare(rows, FOUR, **{"image_tokens": 1120, **changes})


def test_lines_are_in_googles_form_and_leave_out_what_is_for_testing(
    rows: TrainingSet, tmp_path: Path
) -> None:
    prepared = made(rows)
    training, validation = prepared.write(tmp_path)
    lines = [json.loads(line) for line in training.read_text().splitlines()]
    assert len(lines) == (rows.part == 0).sum()
    assert len(validation.read_text().splitlines()) == (rows.part == 1).sum()
    user, model = lines[0]["contents"]
    assert user["parts"][0]["text"] == FOUR.prompt
    image = user["parts"][1]["fileData"]
    assert image["mimeType"] == "image/jpeg"
    answer = json.loads(model["parts"][0]["text"])
    at = [one.uri for one in rows.images].index(image["fileUri"])
    assert answer == {name: rows.labels[name][at] for name in answer}
    tested = {rows.images[i].uri for i in np.flatnonzero(rows.part == 2).tolist()}
    sent = {line["contents"][0]["parts"][1]["fileData"]["fileUri"] for line in lines}
    assert not sent & tested


def test_fewer_examples_keep_the_rare_answers_in(rows: TrainingSet) -> None:
    every, some = made(rows), made(rows, examples=90)
    assert len(some.training) == 90
    share = {key: count / 90 for key, count in some.classes["colour"].items()}
    before = every.classes["colour"]
    assert share["blue"] > before["blue"] / len(every.training)
    assert some.tokens[0] < every.tokens[0] * 0.4


def refusals() -> Sequence[tuple[str, dict[str, Any], str]]:
    return (
        ("tokens", {"limits": replace(LIMITS, tokens=1500)}, "Google takes 1,500"),
        ("fewest", {"limits": replace(LIMITS, fewest=10_000)}, "no fewer than 10,000"),
    )


@pytest.mark.parametrize(("what", "changes", "said"), refusals())
def test_limits_of_the_lines(
    rows: TrainingSet, what: str, changes: dict[str, Any], said: str
) -> None:
    with pytest.raises(UserError, match=said):
        made(rows, **changes)


def test_limits_that_cut(rows: TrainingSet) -> None:
    assert len(made(rows, limits=replace(LIMITS, examples=50)).training) == 50
    assert len(made(rows, limits=replace(LIMITS, validation=7)).validation) == 7
    few = made(rows, limits=replace(LIMITS, validation_free=100, validation_share=0.05))
    assert len(few.validation) == int(0.05 * len(few.training))


def test_a_file_may_not_be_too_large(rows: TrainingSet, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"training\.jsonl has [\d,]+ bytes"):
        made(rows).write(tmp_path, replace(LIMITS, file_bytes=10_000))


def test_pictures_must_be_there_small_and_of_a_known_kind(rows: TrainingSet) -> None:
    names = [one.uri for one in rows.images]
    first = [names[i] for i in np.flatnonzero(rows.part == 0).tolist()]
    sizes = dict.fromkeys(names, 5_000)
    sizes[first[0]] = LIMITS.image_bytes + 1
    del sizes[first[1]]
    prepared = made(rows, sizes=lambda asked: {k: v for k, v in sizes.items() if k in asked})
    assert prepared.skipped == {"too large": 1, "missing": 1}
    images = list(rows.images)
    train = np.flatnonzero(rows.part == 0).tolist()
    images[train[0]] = ImageRef("gs://photos/a.gif")
    images[train[1]] = ImageRef("/home/me/a.jpg")
    odd = made(replace(rows, images=images))
    assert odd.skipped == {"of type image/gif": 1, "not in Cloud Storage": 1}
    only_local = [ImageRef("/photos/1.jpg")] * len(rows)
    with pytest.raises(UserError, match="not in Cloud Storage"):
        made(replace(rows, images=only_local))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"base": "gemini-3.8-flash"}, "cannot be tuned"),
        ({"region": "global"}, "tuning runs in us-central1 or europe-west4"),
        ({"adapter": 3}, "one of 1, 2, 4, 8, 16"),
        ({"epochs": 0}, "give 1 to 100"),
        ({"name": "n" * 129}, "1 to 128 characters, not 129"),
    ],
)
def test_limits_of_the_job(changes: dict[str, Any], said: str) -> None:
    good: dict[str, Any] = {
        "base": "gemini-3.5-flash-lite", "region": "us-central1", "adapter": 4, "epochs": 3,
        "name": "vistoria-1",
    }  # fmt: skip
    check_job(**good)
    with pytest.raises(UserError, match=said):
        check_job(**{**good, **changes})


@dataclass
class Cloud:
    """A ledger with pictures in a bucket, and Google."""

    folder: Path
    server: TuningServer
    bucket: BucketServer
    call: Callable[..., Result]

    def tune(self, *more: str) -> Result:
        given = ["shapes", "--staging", "gs://staging/tuning", "--task", "shapes.toml", "--yes"]
        chosen = ["--fields", "colour,dark", "--poll", "0.01", "--json"]
        return self.call("tune", *given, *chosen, *more)


@pytest.fixture
def cloud(labelled: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".vistoria").mkdir()
    path = tmp_path / ".vistoria/ledger.sqlite"
    path.write_bytes((labelled.folder / "ledger.sqlite").read_bytes())
    with sqlite3.connect(path) as db:
        db.execute("UPDATE observations SET uri = 'gs://photos/' || substr(uri, -9)")
    db.close()
    (tmp_path / "shapes.toml").write_text(TASK_FILE)
    with ExitStack() as stack:
        tokens = stack.enter_context(TokenServer())
        bucket = stack.enter_context(BucketServer(tokens=tokens))
        server = stack.enter_context(TuningServer(bucket, tokens))
        for uri in labelled.truth:
            bucket.path(f"gs://photos/{Path(uri).name}").write_bytes(b"\xff\xd8\xff")
        env = {
            "GOOGLE_APPLICATION_CREDENTIALS": str(tokens.service_account(tmp_path)),
            "STORAGE_EMULATOR_HOST": bucket.url, "GOOGLE_VERTEX_BASE_URL": server.url,
        }  # fmt: skip
        for name, value in env.items():
            monkeypatch.setenv(name, value)

        def call(*args: str) -> Result:
            return CliRunner().invoke(main, args, prog_name="vistoria")

        yield Cloud(tmp_path, server, bucket, call)


def test_one_job_is_begun_watched_and_registered(cloud: Cloud) -> None:
    done = cloud.tune("--adapter", "4", "--epochs", "3", "--price", "5")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    (job,) = cloud.server.jobs
    assert job["baseModel"] == "gemini-3.5-flash-lite"
    assert job["tunedModelDisplayName"] == told["job_name"]
    spec = job["supervisedTuningSpec"]
    assert spec["hyperParameters"] == {"epochCount": "3", "adapterSize": "ADAPTER_SIZE_FOUR"}
    assert (
        len(cloud.bucket.path(spec["trainingDatasetUri"]).read_text().splitlines())
        == (told["training_lines"])
    )
    assert told["cost_usd"] == pytest.approx(told["tokens_per_pass"] * 3 * 5 / 1e6, abs=0.01)
    assert told["model"] == "gemini:tuned-shapes"
    model = open_model("tuned-shapes", {})
    assert model.capabilities.billed_as == "gemini:gemini-3.5-flash-lite"

    again = cloud.tune("--adapter", "4", "--epochs", "3")
    assert again.exit_code == 0
    assert len(cloud.server.jobs) == 1, "the same command finds its job"
    cloud.tune("--adapter", "8", "--epochs", "3")
    assert len(cloud.server.jobs) == 2, "another job is another one"


def test_a_crash_after_the_job_was_taken_makes_no_second_one(cloud: Cloud) -> None:
    cloud.server.drop = 1
    done = cloud.tune()
    assert done.exit_code == 0, done.output
    assert len(cloud.server.jobs) == 1
    posts = [path for method, path in cloud.server.asked if method == "POST"]
    assert len(posts) == 1


def test_a_killed_process_goes_on_with_its_job(cloud: Cloud) -> None:
    first = cloud.tune("--no-wait")
    assert first.exit_code == 0, first.output
    assert "model" not in json.loads(first.stdout)
    own = cloud.server.jobs[0]
    for number in range(5):  # it is on a later page by now
        other = {"name": f"projects/p/tuningJobs/{number}", "tunedModelDisplayName": f"o{number}"}
        cloud.server.jobs.append({**own, **other})
    done = cloud.tune()
    assert json.loads(done.stdout)["model"] == "gemini:tuned-shapes"
    assert sum(method == "POST" for method, _ in cloud.server.asked) == 1


def test_google_failing_in_passing_is_waited_for(cloud: Cloud) -> None:
    cloud.server.refuse.extend([503, 503])
    assert cloud.tune().exit_code == 0
    assert len(cloud.server.jobs) == 1


def test_a_failed_job_says_why_and_is_not_taken_for_the_next(cloud: Cloud) -> None:
    cloud.server.ends = "JOB_STATE_FAILED"
    done = cloud.tune()
    assert done.exit_code == 2
    assert "The dataset could not be read." in done.stderr
    cloud.server.ends = "JOB_STATE_SUCCEEDED"
    assert cloud.tune().exit_code == 0
    assert len(cloud.server.jobs) == 2


def test_a_dry_run_sends_nothing(cloud: Cloud) -> None:
    done = cloud.tune("--dry-run", "--out", "lines")
    assert done.exit_code == 0, done.output
    assert not cloud.server.asked
    assert not cloud.bucket.names("gs://staging/")
    assert (cloud.folder / "lines/training.jsonl").stat().st_size > 10_000
    with Ledger(cloud.folder / ".vistoria/ledger.sqlite") as ledger:
        assert not ledger.reviews.samples()


def test_the_tuned_model_is_judged_beside_its_base(
    cloud: Cloud, labelled: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Ledger(cloud.folder / ".vistoria/ledger.sqlite") as ledger:
        run = ledger.run(1)
        ordinals = ledger.scope(run).ordinals[:30].tolist()
        uris = list(labelled.truth)
        truth = {n: labelled.truth[uris[n - 1]] for n in ordinals}
        review(ledger, run, TASK, ordinals, truth)
    names = {f"gs://photos/{Path(uri).name}": truth for uri, truth in labelled.truth.items()}
    cloud.server.answer = lambda image, schema: {n: names[image][n] for n in schema["properties"]}
    monkeypatch.setenv("GOOGLE_CLOUD_LOCATION", "us-central1")
    done = cloud.call(
        "tune", "shapes", "--staging", "gs://staging/tuning", "--task", "shapes.toml", "--yes",
        "--poll", "0.01", "--judge", "1",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    assert "gemini:tuned-shapes" in done.stdout
    assert "+0.000" in done.stdout, "the two are compared in pairs"
    asked = {one.path.rpartition("/")[2] for one in cloud.server.sent}
    assert asked == {"1234567890:generateContent", "gemini-3.5-flash-lite:generateContent"}


def test_names_of_tuned_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert tuned_model("gemini-3.5-flash") is None
    with pytest.raises(ConfigError, match="no tuned model is noted here"):
        tuned_model("tuned-a")
    register_tuned(tmp_path / ".vistoria/tuned.json", "tuned-abc", Tuned("e", "b", "j"))
    with pytest.raises(UnknownName, match="did you mean 'tuned-abc'"):
        tuned_model("tuned-abd")
    with pytest.raises(ConfigError, match="begins with 'tuned-'"):
        register_tuned(tmp_path / "x.json", "abc", Tuned("e", "b", "j"))
