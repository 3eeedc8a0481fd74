"""Without Google credentials, each step of the README's cloud section says what to do next."""

import re
import shlex
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from vistoria.cli import main

README = Path(__file__).parents[2] / "README.md"
SIGN_IN = "gcloud auth application-default login"
SOURCE = "bigquery://my-project.imagery_insights___us.cropped_observations_latest"
WALK = (
    ("vistoria init --google", "--google-project ID"),
    ("vistoria init --google --google-project my-project", "--location us or eu"),
    ("vistoria init --google --google-project my-project --location us", "vistoria doctor"),
    ("vistoria subscribe --location us --customer 12-34", SIGN_IN),
    ("vistoria doctor", SIGN_IN),
    ("vistoria plan", SIGN_IN),
    ("vistoria run --limit 20", SIGN_IN),
    (f"vistoria sources {SOURCE}", SIGN_IN),
    ("vistoria run table.parquet --task utility_pole --model gemini: --limit 20", SIGN_IN),
)


@pytest.fixture(autouse=True)
def _table() -> None:
    uris = [f"gs://bucket/{n}.jpg" for n in range(3)]
    pq.write_table(pa.table({"id": ["a", "b", "c"], "uri": uris}), "table.parquet")


def test_each_step_says_what_to_do_next() -> None:
    for command, said in WALK:
        result = CliRunner().invoke(main, shlex.split(command)[1:], prog_name="vistoria")
        assert "Traceback" not in result.output, command
        assert said in " ".join(result.output.split()), f"{command}: {result.output}"
        done = command.endswith("--location us") and "init" in command
        expected = {0} if done else {1} if command == "vistoria doctor" else {2}
        assert result.exit_code in expected, f"{command}: {result.output}"


def test_the_readmes_own_lines_do() -> None:
    section = README.read_text("utf-8").partition("\n## In the cloud\n")[2].partition("\n## ")[0]
    commands = [
        line.partition("#")[0].strip()
        for block in re.findall(r"```sh\n(.*?)```", section, re.DOTALL)
        for line in block.splitlines()
        if line.startswith("vistoria ")
    ]
    assert commands
    for command in commands:
        result = CliRunner().invoke(main, shlex.split(command)[1:], prog_name="vistoria")
        assert "Traceback" not in result.output, command
        told = " ".join(result.output.split())
        assert result.exit_code == 0 or re.search("gcloud|--[a-z]|vistoria init", told), (
            f"{command}: {told}"
        )
