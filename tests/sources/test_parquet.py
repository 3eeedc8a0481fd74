"""`parquet`: rows of Parquet files as they are stored."""

import subprocess
import sys
from pathlib import Path
from typing import ClassVar

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.contracts.sources import SourceContract, ids, rows
from vistoria.errors import ConfigError, UserError
from vistoria.sources import SourceOptions
from vistoria.sources.parquet import open_source


class TestContract(SourceContract):
    name = "parquet"
    condition: ClassVar[str] = "n < 10"

    def make(self, folder: Path, count: int) -> str:
        table = pa.table(
            {
                "id": [f"row-{number}" for number in range(count)],
                "uri": [f"gs://bucket/{number}.jpg" for number in range(count)],
                "n": pa.array(range(count), pa.int64()),
            },
        )
        pq.write_table(table, folder / "rows.parquet", row_group_size=1000)
        return str(folder / "rows.parquet")


def test_several_files_are_one_table(tmp_path: Path) -> None:
    for part in range(3):
        pq.write_table(pa.table({"id": [f"{part}"], "path": ["a.jpg"]}), tmp_path / f"{part}.pq")
    found = rows(open_source(f"parquet://{tmp_path}/*.pq", SourceOptions()))
    assert [row["observation_id"] for row in found] == ["0", "1", "2"]
    assert {row["uri"] for row in found} == {f"{tmp_path}/a.jpg"}
    with pytest.raises(UserError, match="no file matches"):
        open_source(f"{tmp_path}/*.parquet", SourceOptions())


def test_a_file_whose_name_looks_like_a_pattern(tmp_path: Path) -> None:
    for name, identity in (("a[1]*?'.parquet", "right"), ("a1xy.parquet", "wrong")):
        pq.write_table(pa.table({"id": [identity], "uri": ["/x.jpg"]}), tmp_path / name)
    assert ids(open_source(str(tmp_path / "a[1]*?'.parquet"), SourceOptions())) == ["right"]


def test_text_stored_as_bytes_and_ids_that_are_numbers(tmp_path: Path) -> None:
    table = pa.table({"id": [10**15 + 7], "uri": [b"gs://b/\xc3\xa9.jpg"]})
    pq.write_table(table, tmp_path / "a.parquet")
    (row,) = rows(open_source(str(tmp_path / "a.parquet"), SourceOptions()))
    assert (row["observation_id"], row["uri"]) == ("1000000000000007", "gs://b/é.jpg")


def test_not_a_parquet_file(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_text("id,uri\n")
    with pytest.raises(UserError, match=r"cannot read .*a\.parquet"):
        open_source(str(tmp_path / "a.parquet"), SourceOptions())
    with pytest.raises(ConfigError, match="leave out table and query"):
        open_source(str(tmp_path / "a.parquet"), SourceOptions(table="x"))


MEASURE = """
import sys
from vistoria.sources import Selection, SourceOptions
from vistoria.sources.parquet import open_source

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096

source = open_source(sys.argv[1], SourceOptions())
seen, sizes = 0, []
for batch in source.batches(Selection()):
    seen += batch.num_rows
    sizes.append(resident())
third = len(sizes) // 3
print(seen, max(sizes[:third]), max(sizes))
"""


def test_memory_stays_flat(tmp_path: Path) -> None:
    count = 300_000
    numbers = pa.array(range(count))
    texts = pa.array([f"{number:040}" for number in range(count)])
    uris = pa.array([f"gs://bucket-of-a-subscription/{number:080}.jpg" for number in range(count)])
    table = pa.table({"id": texts, "uri": uris, "lat": numbers, "lon": numbers})
    pq.write_table(table, tmp_path / "big.parquet", row_group_size=20_000, compression="none")
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(tmp_path / "big.parquet")],
        capture_output=True,
        text=True,
        check=True,
    )
    seen, early, late = map(int, done.stdout.split())
    assert seen == count
    assert late - early < 24 << 20, "the whole table takes 48 MiB"
