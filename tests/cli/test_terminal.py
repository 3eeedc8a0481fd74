"""What only a terminal shows: the question before a large run, progress in place, tables."""

import os
import pty
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import pytest

from tests.cli.running import EXECUTABLE, ROWS, Vistoria, run, status

SERVICE = ("-o", "latency=0.001")


class Seen(NamedTuple):
    """What a command showed on a terminal, and how it ended."""

    code: int
    text: str


@contextmanager
def _terminal() -> Iterator[tuple[int, int]]:
    ours, theirs = pty.openpty()
    try:
        yield ours, theirs
    finally:
        os.close(ours)


def on_terminal(*args: str, typed: str = "", **env: str) -> Seen:
    """Runs a command whose stdin, stdout and stderr are one terminal."""
    with _terminal() as (ours, theirs):
        child = subprocess.Popen(
            [EXECUTABLE, *args], stdin=theirs, stdout=theirs, stderr=theirs,
            env={**os.environ, "TERM": "xterm", "COLUMNS": "80", **env},
        )  # fmt: skip
        os.close(theirs)
        os.write(ours, typed.encode())
        seen = b""
        try:
            while part := os.read(ours, 65536):
                seen += part
        except OSError:  # Linux says EIO when the last writer is gone
            pass
        return Seen(child.wait(), seen.decode().replace("\r\n", "\n"))


@pytest.mark.parametrize(("typed", "code"), [("y\n", 0), ("n\n", 1), ("\x04", 130)])
def test_a_large_run_is_asked_about(
    table: str, vistoria: Vistoria, typed: str, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VISTORIA_RUN_CONFIRM_ABOVE", "100")
    seen = on_terminal(*run(table, *SERVICE), typed=typed)
    assert seen.code == code
    assert f"Send {ROWS} observations to echo? [y/N]" in seen.text
    assert status(vistoria)["answered"] == (0 if code else ROWS)


def test_progress_is_drawn_in_place_and_taken_away(table: str) -> None:
    seen = on_terminal(*run(table, "-o", "latency=0.05"))
    assert seen.code == 0
    assert "/s" in seen.text
    assert "left" in seen.text
    *_, last = seen.text.split("\x1b[?25h")  # the cursor is back: the bar is gone
    assert "━" not in last
    assert f"{ROWS} of {ROWS}" in last


def test_data_on_the_same_terminal_is_not_mixed_with_a_bar(table: str) -> None:
    seen = on_terminal(*run(table, "-o", "latency=0.01", "--ndjson"))
    assert "━" not in seen.text
    assert seen.text.count('"observation_id"') == ROWS


@pytest.mark.parametrize("plain", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_colours_can_be_refused(table: str, plain: dict[str, str]) -> None:
    seen = on_terminal(*run(table, "--progress", "none"), **plain)
    assert "answered" in seen.text
    assert "\x1b[" not in seen.text


def test_tables_are_for_terminals(vistoria: Vistoria) -> None:
    assert "\t" not in on_terminal("tasks").text
    assert "───" in on_terminal("tasks").text
    assert vistoria("tasks").stdout.startswith("task\tfields\n")


def test_export_without_a_file_shows_a_table(table: str, vistoria: Vistoria) -> None:
    vistoria(*run(table))
    shown = on_terminal("export").text
    assert "photo-0000" in shown
    assert "photo-0100" not in shown
    assert "the first 30 rows" in shown


@pytest.mark.parametrize("width", ["60", "140"])
def test_narrow_and_wide(table: str, vistoria: Vistoria, width: str) -> None:
    for command in (run(table, "--progress", "none"), ("tasks",), ("export",), ("config", "show")):
        shown = on_terminal(*command, COLUMNS=width).text
        lines = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown).splitlines()
        assert max(map(len, lines)) <= int(width)
