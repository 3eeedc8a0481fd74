"""A new source or model is one file in its folder: it is found, run and listed, and no other file
knows of it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

import vistoria
import vistoria.models
import vistoria.sources
from vistoria import registry
from vistoria.errors import UnknownName

SOURCE = '''
"""Addresses, one a line."""

from pathlib import Path

import pyarrow as pa

from vistoria.records import OBSERVATION_COLUMNS
from vistoria.sources._schema import SCHEMA

SCHEMES = ("lines",)
SUFFIXES = (".lines",)


def open_source(address, options):
    return Lines(address)


class Lines:
    profile = "lines"
    mapping = {"uri": "the line"}

    def __init__(self, address):
        self.address = address

    def count(self, selection):
        return None

    def batches(self, selection):
        uris = Path(self.address).read_text().split()
        nothing = {name: [None] * len(uris) for name in OBSERVATION_COLUMNS}
        yield pa.record_batch(nothing | {"observation_id": uris, "uri": uris}, schema=SCHEMA)

    def complete(self, batch):
        return batch
'''

MODEL = '''
"""Says yes."""

from vistoria.records import Capabilities, ImageForm, Reply


def open_model(name, options):
    return Yes()


def listing():
    return ("yes:man",)


class Yes:
    name = "yes:man"
    settings = {}
    capabilities = Capabilities(image=ImageForm(kind="none"), batch_size=4, local=True)

    def unanswerable(self, task):
        return ()

    async def ask(self, task, pictures, *, correction=None):
        answer = {field.name: True for field in task.fields}
        return [Reply(answer=answer, model_version="1") for _ in pictures]

    async def aclose(self):
        pass
'''


@pytest.fixture
def two_files(tmp_path: Path) -> Iterator[None]:
    """A source and a model, each one file in a folder that the registry lists."""
    folders = []
    for package, name, code in (
        (vistoria.sources, "lines", SOURCE),
        (vistoria.models, "yes", MODEL),
    ):
        folder = tmp_path / package.__name__
        folder.mkdir()
        (folder / f"{name}.py").write_text(code)
        package.__path__.append(str(folder))
        folders.append((package, str(folder)))
    yield
    for package, where in folders:
        package.__path__.remove(where)


@pytest.mark.usefixtures("two_files")
def test_a_source_and_a_model_of_one_file_each_do_the_whole_job(tmp_path: Path) -> None:
    (tmp_path / "a.lines").write_text("\n".join(f"gs://bucket/{i}.jpg" for i in range(9)))
    (tmp_path / "t.toml").write_text(
        'instructions = "Look."\n[[fields]]\nname = "rusty"\nkind = "boolean"\nhelp = "Rust?"\n'
    )
    result = vistoria.run(
        str(tmp_path / "a.lines"),
        task=str(tmp_path / "t.toml"),
        model="yes:man",
        ledger=tmp_path / "ledger.sqlite",
    )
    table = result.table()
    assert table.column("rusty").to_pylist() == [True] * 9
    assert table.column("uri").to_pylist()[0] == "gs://bucket/0.jpg"
    assert "lines" in registry.names("sources")
    assert "yes" in registry.names("models")


def test_without_their_files_they_are_unknown() -> None:
    with pytest.raises(UnknownName):
        registry.load("models", "yes")
