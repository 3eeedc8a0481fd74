"""3. Published files are loaded by the programs that they are for, each in its own environment.

`python -m benchmarks.automate --only readers`. The first time it installs FiftyOne, Label Studio,
Hugging Face's datasets and dbt below benchmarks/.readers (2 GB, minutes); one that does not install
is a bar missed. GeoPandas, GDAL, DuckDB and pystac read their formats in the tests.
"""

import json
import subprocess
import sys
import venv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.bars import VISTORIA, Bar, exactly, run
from tests.contracts.publishers import town
from tests.functions.events import picture
from tests.labelled import add_run
from vistoria.ledger import Ledger
from vistoria.publishers._columns import TABLES

_HERE = Path(__file__).parent
_READERS = _HERE.parent / ".readers"
_PINS = {
    "fiftyone": ("fiftyone==1.22.1",),
    "labelstudio": ("label-studio==1.23.2",),
    "datasets": ("datasets==5.2.0",),
    "dbt": ("dbt-core==1.10.23", "dbt-duckdb==1.10.1"),
}
_PHOTOS = 12


def readers(folder: Path, quick: bool) -> Iterator[Bar]:
    """The bars; there is no quicker form."""
    del quick
    photos = folder / "photos"
    photos.mkdir()
    rows = town(_PHOTOS)[:_PHOTOS]
    for number, row in enumerate(rows):
        path = photos / f"{row['id']}.jpg"
        path.write_bytes(picture(number))
        row["uri"] = path.as_uri()
    with Ledger(folder / "ledger.sqlite") as ledger:
        add_run(ledger, rows)
    for name in ("fiftyone", "labelstudio", "huggingface"):
        _published(folder, f"{name}://{name}")
    _published(folder, "--dashboards", "dbt", "-o", "dataset=proj-1.poles")
    yield from _fiftyone(folder, rows)
    yield from _labelstudio(folder, rows)
    yield from _tables(folder)


def _published(folder: Path, *words: str) -> None:
    done = run([VISTORIA, "publish", "--ledger", "ledger.sqlite", *words], folder)
    assert done.code == 0, done.err


def _fiftyone(folder: Path, rows: list[dict[str, Any]]) -> Iterator[Bar]:
    found = _loaded("fiftyone", folder / "fiftyone")
    if isinstance(found, Bar):
        yield found
        return
    wanted = [[f"{row['id']}.jpg", row["material"], 0.8] for row in rows]
    off = sum(one != two for one, two in zip(found["samples"], wanted, strict=True))
    yield exactly("FiftyOne: samples with another file, label or confidence", off, 0)
    yield exactly("FiftyOne: classes", found["classes"], ["steel", "wood"])


def _labelstudio(folder: Path, rows: list[dict[str, Any]]) -> Iterator[Bar]:
    found = _loaded("labelstudio", folder / "labelstudio")
    if isinstance(found, Bar):
        yield found
        return
    wanted = [
        [{
            "asset": [row["asset"]], "material": [row["material"]],
            "leaning": ["yes" if row["leaning"] else "no"],
        }]
        for row in rows
    ]  # fmt: skip
    yield exactly("Label Studio: predictions as published", found["predictions"] == wanted, True)
    ids = [row["id"] for row in rows]
    yield exactly("Label Studio: tasks exported again", sorted(found["exported"]) == ids, True)
    size = (folder / "photos" / f"{ids[0]}.jpg").stat().st_size
    yield exactly("Label Studio: bytes of the first photo that it serves", found["photo"], size)


def _tables(folder: Path) -> Iterator[Bar]:
    mark = json.loads((folder / "huggingface" / "vistoria.json").read_text())
    wanted = {table: rows for table, rows in mark["rows"].items() if rows}
    found = _loaded("datasets", folder / "huggingface")
    yield found if isinstance(found, Bar) else exactly("datasets: rows", found, wanted)
    known = _loaded("dbt", folder / "dbt")
    yield known if isinstance(known, Bar) else exactly("dbt: sources", known, sorted(TABLES))


def _loaded(name: str, folder: Path) -> Any:
    """What a program loaded; a missed bar where it cannot be had here or loads nothing."""
    python = _READERS / name / "bin" / "python"
    made = _READERS / name / ".made"
    if not made.exists() or made.read_text() != repr(_PINS[name]):
        venv.create(_READERS / name, with_pip=True, clear=True)
        install = [str(python), "-m", "pip", "install", "-q", *_PINS[name]]
        if subprocess.run(install, check=False, stdout=sys.stderr).returncode:
            return Bar(f"{name} installs", "= True", "False: see pip's words above", False)
        made.write_text(repr(_PINS[name]))
    done = run([str(python), "-P", str(_HERE / "_loading.py"), name, str(folder)], folder.parent)
    if done.code:
        said = done.err.strip().rpartition("\n")[2]
        return Bar(f"{name} loads", "= True", f"False: {said}", False)
    return json.loads(done.out.strip().rpartition("\n")[2])
