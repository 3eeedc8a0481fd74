"""The help: found without importing anything heavy, and complete."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

import vistoria.cli as vistoria_cli
from tests.cli.running import Vistoria
from vistoria.cli import main

HEAVY = (
    "numpy pyarrow duckdb onnxruntime PIL cv2 aiohttp pydantic rich anyio obstore logging sqlite3"
).split()  # fmt: skip


def commands(group: click.Group = main, path: str = "") -> Iterator[tuple[str, click.Command]]:
    """Every command with its path, verbs included."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        yield f"{path}{name}", command
        if isinstance(command, click.Group):
            yield from commands(command, f"{path}{name} ")


COMMANDS = dict(commands())


def test_help_imports_nothing_heavy() -> None:
    script = (
        "import sys, json\n"
        "from vistoria.cli import main\n"
        "try:\n    main(['--help'])\n"
        "except SystemExit as end:\n    print(json.dumps([end.code, *sys.modules]))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    code, *modules = json.loads(done.stdout.decode().splitlines()[-1])
    assert code == 0
    assert not {name.partition(".")[0] for name in modules} & set(HEAVY)
    assert not [name for name in modules if name.startswith("vistoria.cli.") and "._" not in name]


def test_every_file_is_a_command_and_shows_its_summary(vistoria: Vistoria) -> None:
    assert vistoria_cli.__file__
    files = {path.stem for path in Path(vistoria_cli.__file__).parent.glob("[!_]*.py")}
    shown = " ".join(vistoria("--help").stdout.split())
    assert files == {name for name in COMMANDS if " " not in name}
    for name in files:
        summary = (COMMANDS[name].help or "").partition("\n")[0]
        assert summary.endswith(".")
        assert f" {name} {summary}" in shown


@pytest.mark.parametrize("name", ["", *COMMANDS])
def test_every_command_has_help_with_two_examples(name: str, vistoria: Vistoria) -> None:
    result = vistoria(*name.split(), "-h")
    assert result.exit_code == 0
    assert result.stderr == ""
    _, found, examples = result.stdout.partition("\nExamples:\n")
    assert found
    lines = examples.strip().splitlines()
    assert len(lines) >= 2
    assert all(f"vistoria {name}".strip() in line for line in lines if not name)
    assert sum(f"vistoria {name}".strip() in line for line in lines) >= 2
    assert max(map(len, result.stdout.splitlines())) <= 100


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_has_help(name: str) -> None:
    options = [param for param in COMMANDS[name].params if isinstance(param, click.Option)]
    assert all(option.help for option in options)


@pytest.mark.parametrize("key", ["source", "images", "task", "model", "run"])
def test_settings_are_grouped_with_their_twins(key: str, vistoria: Vistoria) -> None:
    shown = vistoria("run", "--help").stdout
    assert f"[{key}] in vistoria.toml, VISTORIA_{key.upper()}_" in shown


def test_version(vistoria: Vistoria) -> None:
    assert vistoria("--version").stdout == "vistoria 0.1.0\n"


def test_a_bare_call_shows_help_and_is_a_usage_error(vistoria: Vistoria) -> None:
    result = vistoria()
    assert (result.exit_code, result.stdout) == (2, "")
    assert "demo" in result.stderr
