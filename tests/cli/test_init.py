"""`vistoria init`: a project file that says what can be said in it."""

import re
from pathlib import Path

import pytest
from PIL import Image

from tests.cli.running import Vistoria
from vistoria.project import load_project
from vistoria.task import load_task


def test_the_file_is_read_back(vistoria: Vistoria, table: str) -> None:
    result = vistoria("init", "--task", "road_sign", "--model", "echo:")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "wrote" in result.stderr
    project = load_project(env={})
    assert project.source.address == str(Path(table).absolute())
    assert (project.task.name, project.model.name) == ("road_sign", "echo:")


def test_all_that_is_commented_out_is_valid(vistoria: Vistoria) -> None:
    vistoria("init")
    text = Path("vistoria.toml").read_text()
    opened = re.sub(r"^# (\w+ = )", r"\1", text, flags=re.MULTILINE)
    assert opened.count("\n#") < text.count("\n#") - 10
    Path("vistoria.toml").write_text(opened)
    sections = load_project(env={}).model_dump()
    said = {key for section in re.findall(r"^(\w+) =", opened, re.MULTILINE) for key in [section]}
    for section in ("source", "images", "task"):
        assert set(sections[section]) - said <= {"max_bytes", "max_pixels", "store", "query"}


def test_nothing_is_overwritten_unless_forced(vistoria: Vistoria) -> None:
    Path("vistoria.toml").write_text("# mine\n")
    refused = vistoria("init")
    assert refused.exit_code == 2
    assert "--force" in refused.stderr
    assert Path("vistoria.toml").read_text() == "# mine\n"
    assert vistoria("init", "--force").exit_code == 0
    assert "[source]" in Path("vistoria.toml").read_text()


def test_a_folder_of_photos_is_found(vistoria: Vistoria) -> None:
    for place in ("city/north/a.jpg", "city/south/b.jpg"):
        Path(place).parent.mkdir(parents=True)
        Image.new("RGB", (8, 8)).save(place)
    vistoria("init")
    assert load_project(env={}).source.address == str(Path("city").absolute())


def test_an_empty_folder_gets_a_guess_and_a_note(vistoria: Vistoria) -> None:
    assert "set [source] address" in vistoria("init").stderr


def test_paths_are_as_seen_from_the_file(vistoria: Vistoria, table: str) -> None:
    Path("mine.toml").write_text(
        'instructions = "Look."\n[[fields]]\nname = "a"\nkind = "boolean"\n'
    )
    result = vistoria("init", "sub", "--source", table, "--task", "mine.toml", "--model", "echo:")
    assert "cd sub && vistoria plan" in result.stderr
    assert 'address = "../photos.parquet"' in Path("sub/vistoria.toml").read_text()
    assert vistoria("run", "--project", "sub", "--column", "uri=photo").exit_code == 0


def test_a_ready_task_is_copied_to_edit(vistoria: Vistoria) -> None:
    vistoria("init", "new", "--task-file", "utility_pole")
    assert load_task("new/utility_pole.toml") == load_task("utility_pole")
    project = load_project("new", env={})
    assert load_task(str(project.task.name)).name == "utility_pole"


@pytest.mark.parametrize("flags", [("--task", "poles"), ("--task-file", "poles")])
def test_an_unknown_task_writes_nothing(vistoria: Vistoria, flags: tuple[str, ...]) -> None:
    result = vistoria("init", *flags)
    assert result.exit_code == 2
    assert "no task named 'poles'" in result.stderr
    assert not list(Path().iterdir())
