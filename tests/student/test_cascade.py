"""A student before its teacher, against a server that speaks Gemini's own protocol and bills."""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from tests.cli.running import words
from tests.servers._model import image_key
from tests.servers.gemini import KEY, GeminiServer
from tests.student.conftest import World
from tests.student.shapes import TASK_FILE, mistaken
from vistoria.cli import main
from vistoria.errors import ConfigError
from vistoria.ledger import Ledger
from vistoria.models._cascade_rule import Audit, Domain, Rule, read_rule, score
from vistoria.models.cascade import open_model
from vistoria.records import ImageRef, Observation
from vistoria.student.certify import alarms
from vistoria.student.student import Student

GEMINI = "gemini:gemini-3.5-flash-lite"
FIELDS = "colour,dark,marks"


@dataclass
class Place:
    """A folder with a student, a task, photos, and a Gemini that knows the truth mostly."""

    folder: Path
    server: GeminiServer
    answers: Mapping[str, Mapping[str, Any]]
    call: Callable[..., Result]

    @property
    def asked(self) -> int:
        return len(self.server.sent)

    def cascade(self, *more: str) -> Result:
        given = ["student.onnx", "photos.csv", "--teacher", GEMINI, "--task", "shapes.toml"]
        return self.call("cascade", *given, "--fields", FIELDS, "--json", *more)

    def run(self, *more: str) -> Result:
        name = f"cascade:student.onnx,{GEMINI}"
        given = ["photos.csv", "--model", name, "--task", "shapes.toml", "--fields", FIELDS]
        return self.call("run", *given, "--yes", "--json", *more)

    def rows(self) -> list[dict[str, Any]]:
        with Ledger(self.folder / ".vistoria/ledger.sqlite") as ledger:
            run = ledger.run()
            return [row for batch in ledger.batches(run) for row in batch.to_pylist()]


@pytest.fixture
def place(
    labelled: World, student: Student, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Place]:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".vistoria").mkdir()
    ledger = tmp_path / ".vistoria/ledger.sqlite"
    ledger.write_bytes((labelled.folder / "ledger.sqlite").read_bytes())
    (tmp_path / "photos.csv").write_text((labelled.folder / "photos.csv").read_text())
    (tmp_path / "shapes.toml").write_text(TASK_FILE)
    student.write(tmp_path / "student.onnx")
    said = {uri: mistaken(f"{uri} by gemini", truth, 0.05) for uri, truth in labelled.truth.items()}
    answers = {image_key(Path(uri).read_bytes()): answer for uri, answer in said.items()}
    with GeminiServer() as server:
        server.answer = lambda image, schema: {
            name: answers[image][name] for name in schema["properties"]
        }
        monkeypatch.setenv("GEMINI_API_KEY", KEY)
        monkeypatch.setenv("GOOGLE_GEMINI_BASE_URL", server.url)

        def call(*args: str) -> Result:
            return CliRunner().invoke(main, args, prog_name="vistoria")

        yield Place(tmp_path, server, answers, call)


def test_easy_rows_are_answered_here_and_the_rest_by_the_teacher(place: Place) -> None:
    done = place.cascade("--rows", "90", "--target", "0.85", "--audit", "0")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert told["certified"]
    assert told["kept_here"] > 0.5
    assert told["money_saved_expected"].startswith("$0.")
    paid = place.asked
    assert paid == told["rows"] <= 90

    done = place.run("--budget", "1 USD")
    assert done.exit_code == 0, done.output
    rows = place.rows()
    by_student = [row for row in rows if row["model_version"].startswith("student-")]
    by_teacher = [row for row in rows if row["model_version"] == "gemini-3.5-flash-lite"]
    assert len(by_student) + len(by_teacher) == len(rows) == 600
    assert len(by_student) > 300
    counted = Counter(row["model_version"] for row in rows)
    assert json.loads(done.stdout)["answered_by"] == counted
    assert (
        f"{len(by_student):,} calls of the teacher, by answers of its student, about $0."
        in words(done.stderr)
    )
    before, now = place.server.sent[:paid], place.server.sent[paid:]
    assert not {one.image for one in before} & {one.image for one in now}
    assert len(now) < len(by_teacher), "what the teacher said before is not paid again"
    assert all(row["colour_confidence"] is not None for row in by_student)

    again = place.asked
    assert place.run("--budget", "1 USD").exit_code == 0
    assert place.asked == again, "nothing is asked twice"


def test_the_teacher_agrees_as_often_as_was_promised(place: Place) -> None:
    place.cascade("--rows", "90", "--target", "0.85", "--audit", "0")
    place.run()
    rows = place.rows()
    by_id = {row["observation_id"]: row for row in rows}
    with Ledger(place.folder / ".vistoria/ledger.sqlite") as ledger:
        uris = {o.observation_id: o.image.uri for o in ledger.observations(range(1, 601))}
    for name in FIELDS.split(","):
        same = [
            place.answers[image_key(Path(uris[key]).read_bytes())][name] == row[name]
            for key, row in by_id.items()
        ]
        assert sum(same) / len(same) >= 0.85


def test_a_budget_holds_for_what_goes_to_the_teacher(place: Place) -> None:
    place.cascade("--rows", "90", "--target", "0.85", "--audit", "0")
    before = place.asked
    done = place.run("--budget", "5 requests")
    assert done.exit_code == 1
    assert place.asked - before == 5


def test_nothing_is_promised_that_cannot_be_shown(place: Place) -> None:
    done = place.cascade("--rows", "70", "--target", "0.99")
    assert done.exit_code == 1
    told = json.loads(done.stdout)
    assert not told["certified"]
    assert "needs at least" in told["why"]
    assert not (place.folder / "student.cascade.json").exists()
    with pytest.raises(ConfigError, match="no certified thresholds yet"):
        open_model(f"student.onnx,{GEMINI}", {})


def test_thresholds_bind_student_and_teacher(place: Place) -> None:
    place.cascade("--rows", "90", "--target", "0.85")
    with pytest.raises(ConfigError, match="certified with teacher"):
        open_model("student.onnx,gemini:gemini-3.8-flash", {})
    assert open_model(f"student.onnx,{GEMINI}", {}).capabilities.billed_as == GEMINI
    rule = read_rule(place.folder / "student.cascade.json")
    replace(rule, student="student-000000000000").write(place.folder / "student.cascade.json")
    with pytest.raises(ConfigError, match="certified for student"):
        open_model(f"student.onnx,{GEMINI}", {})


def test_another_version_of_the_teacher_ends_the_certificate(place: Place) -> None:
    place.cascade("--rows", "90", "--target", "0.85", "--audit", "0")
    before = place.asked
    place.server.version = "gemini-3.5-flash-lite-002"
    done = place.run("--concurrency", "1", "--limit", "300")
    assert "answers as gemini-3.5-flash-lite-002" in done.stderr
    rows = place.rows()
    by_student = [row for row in rows if row["model_version"].startswith("student-")]
    assert len(by_student) < 100, "only those before the first of the teacher's answers"
    assert place.asked - before > 150


def test_a_worse_world_is_noticed_by_the_audits(place: Place) -> None:
    place.cascade("--rows", "90", "--target", "0.85", "--audit", "0.3")
    for answer in place.answers.values():
        answer["dark"] = not answer["dark"]  # type: ignore[index]
    done = place.run("--concurrency", "1", "--limit", "300")
    assert "audited answers to 'dark' differ" in done.stderr
    by_student = [r for r in place.rows() if r["model_version"].startswith("student-")]
    assert len(by_student) < 150


def test_other_fields_are_the_teachers(place: Place) -> None:
    place.cascade("--rows", "90", "--target", "0.85")
    before = place.asked
    given = ["photos.csv", "--model", f"cascade:student.onnx,{GEMINI}", "--task", "shapes.toml"]
    place.call("run", *given, "--fields", "colour", "--limit", "20", "--yes")
    assert place.asked - before == 20, "the thresholds are for all three fields together"


def test_a_rule_holds_where_it_was_certified() -> None:
    domain = Domain(snapshots=("s1",), bounds=(10.0, 20.0, 11.0, 21.0))

    def row(**changes: Any) -> Observation:
        given = {"snapshot_id": "s1", "latitude": 10.5, "longitude": 20.5, **changes}
        return Observation(observation_id="1", image=ImageRef("1.jpg"), **given)

    assert domain.holds(row())
    assert not domain.holds(row(snapshot_id="s2"))
    assert not domain.holds(row(latitude=12.0))
    assert domain.holds(row(latitude=11.01))


def test_a_named_class_can_be_stricter() -> None:
    rule = Rule(
        student="s", teacher="t", versions=(), fields={}, threshold=0.5, kept=0.5,
        classes={"colour": {"red": 0.9}, "dark": {"true": 2.0}},
    )  # fmt: skip
    sure = {"colour": 0.8, "dark": 0.95}
    assert score({"colour": "blue", "dark": None}, sure) == 0.8
    assert rule.keeps({"colour": "blue", "dark": False}, sure)
    assert not rule.keeps({"colour": "red", "dark": False}, sure)
    assert not rule.keeps({"colour": "blue", "dark": True}, {"colour": 1.0, "dark": 1.0})


def test_the_monitor_rings_for_a_doubled_error_and_not_for_the_certified_one() -> None:
    table = alarms(0.05, 0.95)
    calm, worse = Audit(table), Audit(table)
    for number in range(2_000):
        calm.note({"a": number % 21 == 0})
        if not worse.rang:
            worse.note({"a": number % 7 == 0})
    assert not calm.rang
    assert worse.audited < 400
