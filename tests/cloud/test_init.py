"""`vistoria init --google`: settings from flags, from what is on the machine, or asked for."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from vistoria.cli import main
from vistoria.project import load_project


def init(*args: str, **how: Any) -> Result:
    return CliRunner().invoke(main, ("init", "--google", *args), prog_name="vistoria", **how)


def test_flags_make_a_working_project() -> None:
    result = init("--google-project", "proj-1", "--location", "us", "--customer", "12-34")
    assert result.exit_code == 0, result.output
    project = load_project(env={})
    assert project.source.address == (
        "bigquery://proj-1.imagery_insights___us.cropped_observations_latest"
    )
    assert project.model.name == "gemini:gemini-3.5-flash-lite"
    google = project.google
    assert (google.project, google.region, google.location) == ("proj-1", "global", "us")
    assert google.customer == "12-34"
    assert "vistoria doctor" in result.stderr


def test_what_is_on_the_machine_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "gcloud"
    (folder / "configurations").mkdir(parents=True)
    (folder / "active_config").write_text("work\n")
    (folder / "configurations" / "config_work").write_text(
        "[core]\nproject = proj-7\n[compute]\nregion = us-east4\n"
    )
    result = init("--source", "bigquery://proj-7.mine.poles")
    assert result.exit_code == 0, result.output
    assert "proj-7, from gcloud (config_work)" in result.stderr
    google = load_project(env={}).google
    assert (google.project, google.region, google.location) == ("proj-7", "us-east4", None)
    (folder / "configurations" / "config_work").unlink()
    (folder / "application_default_credentials.json").write_text(
        json.dumps({"type": "authorized_user", "quota_project_id": "proj-8"})
    )
    Path("vistoria.toml").unlink()
    assert init("--source", "bigquery://a.b.c").exit_code == 0
    assert load_project(env={}).google.project == "proj-8"
    Path("vistoria.toml").unlink()
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "proj-9")
    assert init("--source", "bigquery://a.b.c").exit_code == 0
    assert load_project(env={}).google.project == "proj-9"


def test_without_a_terminal_it_says_what_to_give() -> None:
    result = init()
    assert result.exit_code == 2
    for said in ("--google-project ID", "gcloud projects list", "--location us or eu"):
        assert said in result.stderr
    assert not list(Path().glob("*.toml"))


def test_on_a_terminal_it_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vistoria.cli._google.sys.stdin", _Terminal())
    answers = iter(["proj-1", "", "eu", ""])
    monkeypatch.setattr("click.termui.visible_prompt_func", lambda _: next(answers))
    google = __import__("vistoria.cli._google", fromlist=["x"]).google_settings({}, source=None)
    assert google == {"region": "global", "project": "proj-1", "location": "eu"}


class _Terminal:
    def isatty(self) -> bool:
        return True
