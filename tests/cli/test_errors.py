"""Errors become a message, a cause, a hint and an exit code, in one place."""

import click
import pytest
from click.testing import CliRunner, Result

from tests.cli.running import Vistoria, run, words
from vistoria.cli._commands import Commands
from vistoria.errors import ConfigError, ImageMissing, MissingExtra, RunStopped, UserError


def end_with(error: BaseException) -> Result:
    """A command that raises `error`."""

    class One(Commands):
        def list_commands(self, ctx: click.Context) -> list[str]:
            return ["fail"]

        def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command:
            def fail() -> None:
                raise error

            return click.Command("fail", callback=fail)

    return CliRunner().invoke(One("vistoria"), ["fail"], prog_name="vistoria")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UserError("no photos"), 2),
        (MissingExtra("DataFrames", "notebook"), 2),
        (PermissionError(13, "Permission denied", "labels.csv"), 2),
        (click.UsageError("no such thing"), 2),
        (RunStopped("the ceiling is reached"), 1),
        (RunStopped("Ctrl-C", interrupted=True), 130),
        (KeyboardInterrupt(), 130),
        (ImageMissing("nothing there"), 1),
        (ZeroDivisionError("division by zero"), 70),
    ],
)
def test_exit_codes(error: BaseException, code: int) -> None:
    result = end_with(error)
    assert (result.exit_code, result.stdout) == (code, "")
    assert "Traceback" not in result.stderr
    assert result.stderr.strip()


def test_the_message_names_cause_and_hint() -> None:
    error = ConfigError("model.name is not set", looked_at=("--model", "VISTORIA_MODEL_NAME"))
    error.__cause__ = OSError("disk on fire")
    error.add_note("vistoria models lists some")
    assert end_with(error).stderr == (
        "error: model.name is not set\n"
        "  looked at --model\n"
        "  looked at VISTORIA_MODEL_NAME\n"
        "  caused by OSError: disk on fire\n"
        "hint: vistoria models lists some\n"
    )


def test_a_cause_that_the_message_tells_is_not_repeated() -> None:
    error = UserError("cannot read x: disk on fire")
    error.__cause__ = OSError("disk on fire")
    assert end_with(error).stderr == "error: cannot read x: disk on fire\n"


def test_a_bug_says_so_and_shows_its_place_on_request(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "a bug in Vistoria: KeyError: 'x'" in end_with(KeyError("x")).stderr
    monkeypatch.setenv("VISTORIA_DEBUG", "1")
    assert "Traceback" in end_with(KeyError("x")).stderr


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (("rnu",), "no command 'rnu'; did you mean 'run'? hint: vistoria --help"),
        (("run", "--modle", "x"), "No such option '--modle'"),
        (("run", "--limit", "many"), "hint: vistoria run --help"),
        (("run", "-o", "temperature"), "'temperature' is not of the form key=value"),
        (("run",), "source.address is not set: name it, or write it into a vistoria.toml"),
        (("run", "nowhere"), "there is nothing at 'nowhere'"),
        (("status",), "start with `vistoria run`"),
        (("models", "show", "gemni:x"), "no model named 'gemni'; did you mean 'gemini'?"),
        (("tasks", "show", "road_sing"), "no task named 'road_sing'; did you mean 'road_sign'?"),
        (("export", "labels.xls"), "no ledger at"),
        (("config", "path"), "hint: vistoria init writes one"),
        (("demo", "x", "--project", "y"), "No such option"),
    ],
)
def test_mistakes_get_an_answer(vistoria: Vistoria, command: tuple[str, ...], said: str) -> None:
    result = vistoria(*command)
    assert (result.exit_code, result.stdout) == (2, "")
    assert said in words(result.stderr)
    assert result.stderr.startswith("error: ")


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (("--limit", "0"), "source.limit = 0 (--limit)"),
        (("--model", "ecco:"), "no model named 'ecco'; did you mean 'echo'?"),
        (("-o", "latencyy=1"), "no echo option named 'latencyy'; did you mean 'latency'?"),
        (("--column", "url=photo"), "no column named 'url'"),
        (("--column", "uri=foto"), "has no column or expression 'foto' for 'uri'"),
        (("--where", "nonsense >"), "the condition 'nonsense >' does not fit"),
        (("--task", "mine.toml"), "mine.toml: cannot read the file"),
        (("--fields", "colour"), "no field named 'colour'"),
        (("--project", "none.toml"), "none.toml: cannot read the file"),
    ],
)
def test_wrong_settings(table: str, vistoria: Vistoria, flags: tuple[str, ...], said: str) -> None:
    result = vistoria(*run(table, *flags))
    assert (result.exit_code, result.stdout) == (2, "")
    assert said in words(result.stderr)
