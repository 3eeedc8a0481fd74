"""Settings from file, environment and flags, and where each came from."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from vistoria.errors import ConfigError
from vistoria.project import Setting, find_project, load_project
from vistoria.records import ImageSettings

FILE = """\
# A project.
[source]
address = "photos"
columns = { uri = "gcs_uri" }
where = "city = 'Recife'"

[task]
name = "tasks/mine.toml"
fields = ["asset", "material"]

[model]
name = "gemini:gemini-2.5-flash"
temperature = 0.2
api_key = "s3cret"

[images]
max_side = 1024
store = { region = "eu", aws_secret_access_key = "s3cret" }

[run]
ledger = "out/ledger.sqlite"
retries = 3
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "vistoria.toml"
    path.write_text(FILE)
    return path


def test_the_file_alone(file: Path) -> None:
    project = load_project(file, {})
    assert project.path == file
    assert project.source.columns == {"uri": "gcs_uri"}
    assert project.source.where == "city = 'Recife'"
    assert project.task.fields == ("asset", "material")
    assert project.model.name == "gemini:gemini-2.5-flash"
    assert project.model.options == {"temperature": 0.2, "api_key": "s3cret"}
    assert project.images.settings == ImageSettings(max_side=1024)
    assert project.images.store["region"] == "eu"
    assert (project.run.retries, project.run.concurrency) == (3, None)
    assert project.origin("run.retries") == "vistoria.toml line 22"
    assert project.origin("model.api_key") == "vistoria.toml line 14"
    assert project.origin("run.concurrency") == "default"


def test_relative_paths_in_the_file_are_relative_to_it(file: Path) -> None:
    folder = file.parent
    project = load_project(file, {})
    assert project.source.address == str(folder / "photos")
    assert project.task.name == str(folder / "tasks/mine.toml")
    assert project.run.ledger == folder / "out/ledger.sqlite"
    (folder / "own.onnx").touch()
    for name, meant in (("onnx:own.onnx", f"onnx:{folder}/own.onnx"), ("onnx:a.onnx",) * 2):
        file.write_text(f'[model]\nname = "{name}"\n')
        assert load_project(file, {}).model.name == meant


def test_so_is_the_student_of_a_cascade(file: Path) -> None:
    folder, flash = file.parent, "gemini:gemini-3.5-flash-lite"
    (folder / "own.onnx").touch()
    (folder / "large.onnx").touch()
    for name, meant in (
        (f"cascade:own.onnx,{flash}", f"cascade:{folder}/own.onnx,{flash}"),
        ("cascade:own.onnx,onnx:large.onnx", f"cascade:{folder}/own.onnx,onnx:{folder}/large.onnx"),
        (f"cascade:gone.onnx,{flash}", f"cascade:gone.onnx,{flash}"),
        ("probe:own.onnx", f"probe:{folder}/own.onnx"),
    ):
        file.write_text(f'[model]\nname = "{name}"\nthresholds = "certified/own.json"\n')
        project = load_project(file, {})
        assert project.model.name == meant
        assert project.model.options == {"thresholds": str(folder / "certified/own.json")}
    given = load_project(file, {"VISTORIA_MODEL_NAME": f"cascade:own.onnx,{flash}"})
    assert given.model.name == f"cascade:own.onnx,{flash}", "of the current folder"


@pytest.mark.parametrize("address", ["gs://bucket/a", "duckdb:///x.db", "bigquery:x", "/data/x"])
def test_addresses_with_a_scheme_stay_as_they_are(address: str, tmp_path: Path) -> None:
    path = tmp_path / "vistoria.toml"
    path.write_text(f'[source]\naddress = "{address}"\n[task]\nname = "road_sign"\n')
    project = load_project(path, {})
    assert project.source.address == address
    assert project.task.name == "road_sign"


def test_environment_over_file_and_flags_over_environment(file: Path) -> None:
    env = {
        "VISTORIA_MODEL_NAME": "echo:a",
        "VISTORIA_MODEL_SEED": "7",
        "VISTORIA_TASK_FIELDS": "asset, leaning",
        "VISTORIA_SOURCE_COLUMNS": "uri=photo,asset_id=id",
        "VISTORIA_SOURCE_ADDRESS": "here",
        "VISTORIA_RUN_RETRIES": "5",
        "VISTORIA_RUN_CONCURRENCY": "  ",
        "VISTORIA_IMAGES_CROP": "true",
        "VISTORIA_LOG": "not a setting of a section",
        "PATH": "/bin",
    }
    flags = {"model.name": "echo:b", "source.limit": 10, "run.retries": None, "task.name": ()}
    project = load_project(file, env, flags)
    assert project.model.name == "echo:b"
    assert project.model.options["seed"] == "7"
    assert project.task.fields == ("asset", "leaning")
    assert project.source.columns == {"uri": "photo", "asset_id": "id"}
    assert project.source.address == "here"
    assert project.run.retries == 5
    assert project.images.crop is True
    origins = {key: project.origin(key) for key in ("model.name", "source.limit", "run.retries")}
    assert origins == {
        "model.name": "--model",
        "source.limit": "--limit",
        "run.retries": "VISTORIA_RUN_RETRIES",
    }


def test_a_name_given_anew_leaves_the_details_of_the_old_one(file: Path) -> None:
    kept = load_project(file, {}, {"model.name": "gemini:other", "source.limit": 3})
    assert "api_key" in kept.model.options
    assert kept.source.columns == load_project(file, {}).source.columns
    anew = load_project(file, {}, {"model.name": "echo:", "source.address": "elsewhere.csv"})
    assert anew.model.options == {}
    assert anew.source.columns == {}


def test_rows_show_value_and_origin_but_no_secret(file: Path) -> None:
    env = {"VISTORIA_SOURCE_ADDRESS": "https://ana:s3cret@host/a.csv"}
    project = load_project(file, env)
    rows = {row.key: row for row in project.rows()}
    assert rows["source.address"].value == "https://***@host/a.csv"
    assert rows["model.api_key"] == Setting("model.api_key", "***", "vistoria.toml line 14")
    assert rows["images.store.region"].value == "eu"
    assert rows["images.store.aws_secret_access_key"].value == "***"
    assert rows["run.confirm_above"].origin == "default"
    assert [key.partition(".")[0] for key in rows] == sorted(
        (key.partition(".")[0] for key in rows),
        key=["source", "images", "task", "model", "run", "functions", "google"].index,
    )
    for shown in (str(project.rows()), repr(project), str(project.model)):
        assert "s3cret" not in shown


def test_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    project = load_project(env={})
    assert project.path is None
    assert project.run.ledger == tmp_path / ".vistoria/ledger.sqlite"
    with pytest.raises(ConfigError) as caught:
        project.require("model.name")
    assert str(caught.value) == (
        "model.name is not set: name it, or write it into a vistoria.toml (`vistoria init`)\n"
        "  looked at --model\n"
        "  looked at VISTORIA_MODEL_NAME\n"
        "  looked at vistoria.toml, found neither here nor above"
    )


def test_the_file_is_found_upwards(
    file: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    below = file.parent / "a" / "b"
    below.mkdir(parents=True)
    assert find_project(below) == file
    assert find_project(tmp_path_factory.mktemp("elsewhere")) is None
    monkeypatch.chdir(below)
    assert load_project(env={}).path == file
    elsewhere = {"VISTORIA_PROJECT": str(file.parent)}
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    assert load_project(env=elsewhere).path == file


def test_what_is_required_and_set_is_returned(file: Path) -> None:
    assert load_project(file, {}).require("model.name") == "gemini:gemini-2.5-flash"


def test_a_project_is_frozen(file: Path) -> None:
    project = load_project(file, {})
    with pytest.raises(ValidationError):
        project.run.retries = 4


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("[sauce]\n", 1, "unknown section [sauce]; did you mean 'source'? allowed: source, "),
        ("[run]\n\nretrys = 3\n", 3, "unknown key 'retrys' in [run]; did you mean 'retries'?"),
        ("\nmodel = 'x'\n", 2, "write a section, [model]"),
        ("[run]\nretries =\n", 2, "not valid TOML"),
    ],
)
def test_a_bad_file(text: str, line: int, said: str, tmp_path: Path) -> None:
    path = tmp_path / "vistoria.toml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_project(path, {})
    assert str(caught.value).startswith(f"{path}:{line}: ")
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("env", "said"),
    [
        (
            {"VISTORIA_RUN_RETRYS": "3"},
            "variable VISTORIA_RUN_RETRYS; did you mean 'VISTORIA_RUN_RETRIES'? allowed: ",
        ),
        ({"VISTORIA_MODEL": "x"}, "did you mean 'VISTORIA_MODEL_NAME'?"),
        ({"VISTORIA_RUN_RETRIES": "many"}, "run.retries = 'many' (VISTORIA_RUN_RETRIES): "),
        ({"VISTORIA_RUN_MAX_FAILURE_RATE": "2"}, "less than or equal to 1"),
        ({"VISTORIA_RUN_MAX_FAILURE_RATE": "nan"}, "run.max_failure_rate = 'nan'"),
        (
            {"VISTORIA_IMAGES_STORE": "secret=s3cret,x"},
            "images.store = '***' (VISTORIA_IMAGES_STORE",
        ),
        ({"VISTORIA_SOURCE_COLUMNS": "uri"}, "write a table as key=value,key=value"),
    ],
)
def test_a_bad_environment(env: dict[str, str], said: str, file: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load_project(file, env)
    assert said in str(caught.value)


def test_a_wrong_value_lists_each_place(file: Path) -> None:
    file.write_text("[source]\nlimit = 0\n")
    with pytest.raises(ConfigError) as caught:
        load_project(file, {})
    assert str(caught.value).startswith("source.limit = 0 (vistoria.toml line 2): ")
    assert caught.value.looked_at == (
        "--limit",
        "VISTORIA_SOURCE_LIMIT",
        f"{file}, limit in [source]",
    )


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"vistoria\.toml: cannot read the file: No such file"):
        load_project(tmp_path, {})


def test_a_flag_that_is_no_setting(file: Path) -> None:
    with pytest.raises(ConfigError, match=r"no setting 'run\.speed'"):
        load_project(file, {}, {"run.speed": 1})


def test_googles_own_variables_stand_below_the_file(tmp_path: Path) -> None:
    path = tmp_path / "vistoria.toml"
    path.write_text('[google]\nproject = "mine"\n')
    standard = {"GOOGLE_CLOUD_PROJECT": "theirs", "GOOGLE_CLOUD_LOCATION": "us-central1"}
    project = load_project(path, standard)
    assert (project.google.project, project.google.region) == ("mine", "us-central1")
    assert project.origin("google.region") == "GOOGLE_CLOUD_LOCATION"
    named = load_project(path, {**standard, "VISTORIA_GOOGLE_PROJECT": "other"})
    assert named.google.settings.project == "other"
    path.write_text("")
    with pytest.raises(ConfigError) as caught:
        load_project(path, {}).require("google.project")
    for place in ("--google-project", "VISTORIA_GOOGLE_PROJECT", "GOOGLE_CLOUD_PROJECT"):
        assert place in str(caught.value)
