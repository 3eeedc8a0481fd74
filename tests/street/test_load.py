"""Load data: right shares, and each file fails in the way that it claims."""

from pathlib import Path
from urllib.parse import urlparse
from urllib.request import url2pathname

import pyarrow.parquet as pq
import pytest
import simplejpeg
from click.testing import CliRunner
from PIL import Image, UnidentifiedImageError

from vistoria.street.__main__ import main
from vistoria.street.load import PER_FOLDER, LoadSummary, write_load


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> LoadSummary:
    return write_load(
        tmp_path_factory.mktemp("load"), count=60, seed=3, workers=1, scenes=12,
        corrupt=0.1, truncated=0.1, huge=0.05, wrong_type=0.2, missing=0.05,
    )  # fmt: skip


def listed(summary: LoadSummary) -> dict[Path, str]:
    rows = pq.read_table(summary.listing).to_pylist()
    return {Path(url2pathname(urlparse(row["uri"]).path)): row["expected"] for row in rows}


def test_shares_are_exact(written: LoadSummary) -> None:
    assert written.counts == {
        "ok": 30, "disguised": 6, "wrong_type": 6, "corrupt": 6, "truncated": 6, "huge": 3,
        "missing": 3,
    }  # fmt: skip
    assert sum(written.counts.values()) == written.count == len(listed(written))


def test_each_file_fails_as_it_claims(written: LoadSummary) -> None:
    for path, expected in listed(written).items():
        if expected == "missing":
            assert not path.exists()
        elif expected == "wrong_type":
            with pytest.raises(UnidentifiedImageError):
                Image.open(path)
        elif expected == "huge":
            with pytest.raises(Image.DecompressionBombError):
                Image.open(path)
            assert path.stat().st_size < 500_000
        elif expected == "truncated":
            with Image.open(path) as photo, pytest.raises(OSError, match=r"truncated|broken"):
                photo.load()
        elif expected == "corrupt":
            with pytest.raises(ValueError, match=r"JPEG|marker|DAC"):
                simplejpeg.decode_jpeg(path.read_bytes())
        else:
            with Image.open(path) as photo:
                photo.load()
                assert photo.format in {"JPEG", "PNG", "WEBP"}


def test_disguised_files_are_fine_pictures(written: LoadSummary) -> None:
    formats = set()
    for path, expected in listed(written).items():
        if expected == "ok":
            with Image.open(path) as photo:
                formats.add(photo.format)
    assert formats == {"JPEG", "PNG", "WEBP"}


def test_no_two_photos_have_the_same_bytes(tmp_path: Path) -> None:
    done = write_load(tmp_path, count=40, workers=1, scenes=3)
    contents = [path.read_bytes() for path, kind in listed(done).items() if kind == "ok"]
    assert len(set(contents)) == len(contents) == 40


def test_files_are_spread_over_folders(written: LoadSummary) -> None:
    folders = {path.parent for path in listed(written)}
    assert {folder.name for folder in folders} == {"00000"}
    assert all(len(list(folder.iterdir())) <= PER_FOLDER for folder in folders)


def test_impossible_shares_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="shares"):
        write_load(tmp_path, count=10, corrupt=0.7, missing=0.5)


def test_the_command_writes_and_counts(tmp_path: Path) -> None:
    args = ["load", str(tmp_path), "--count", "6", "--missing", "0.5", "--workers", "1"]
    done = CliRunner().invoke(main, args)
    assert done.exit_code == 0, done.output
    assert "missing\t3" in done.output
    refused = CliRunner().invoke(main, [*args, "--corrupt", "0.9"])
    assert refused.exit_code == 2
