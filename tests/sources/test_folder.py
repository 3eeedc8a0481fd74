"""`folder`: one observation per image file, whatever its name."""

import logging
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar

import pytest
from PIL import Image

from tests.contracts.sources import ALL, SourceContract, ids, rows
from vistoria.errors import ConfigError, UnknownName, UserError
from vistoria.images import Images
from vistoria.records import ImageForm, ImageRef
from vistoria.sources import Selection, SourceOptions
from vistoria.sources.folder import open_source

PIXELS = ImageForm(kind="pixels", width=8, height=8)


class TestContract(SourceContract):
    name = "folder"
    condition: ClassVar[str] = "size < 10"

    def make(self, folder: Path, count: int) -> str:
        (folder / "photos").mkdir()
        for number in range(count):
            (folder / "photos" / f"photo-{number}.jpg").write_bytes(b"." * number)
        return str(folder / "photos")


def photo(path: Path | bytes, exif: Image.Exif | None = None) -> None:
    with open(path, "wb") as file:  # noqa: PTH123 - a name of bytes
        Image.new("RGB", (16, 16), "red").save(
            file, "JPEG", exif=Image.Exif() if exif is None else exif
        )


@pytest.mark.parametrize(
    "name",
    ["a b.jpg", "😀.png", "new\nline.jpeg", "p%20q#r?s.JPG", "tab\t'\"\\.webp", "ñ.tif", "n.o.jp2"],
)
def test_any_name_opens_again(tmp_path: Path, name: str) -> None:
    photo(tmp_path / name)
    (row,) = rows(open_source(str(tmp_path), SourceOptions()))
    assert row["observation_id"] == name
    found = (tmp_path / name).stat()
    assert row["version"] == f"{found.st_size}-{found.st_mtime_ns}"
    assert Images().load(ImageRef(str(row["uri"])), PIXELS).pixels is not None


def test_names_that_are_no_text(tmp_path: Path) -> None:
    for name in (b"bad\xff.jpg", b"bad\xfe.jpg", b"bad%FF.jpg"):
        photo(os.path.join(os.fsencode(tmp_path), name))  # noqa: PTH118
    found = rows(open_source(str(tmp_path), SourceOptions()))
    assert {row["observation_id"] for row in found} == {
        "bad%FF.jpg",
        "./bad%FF.jpg",
        "./bad%FE.jpg",
    }
    for row in found:
        assert Images().load(ImageRef(str(row["uri"])), PIXELS).pixels is not None
    by_name = Selection(where="name LIKE '%FE%' AND suffix = '.jpg'")
    assert ids(open_source(str(tmp_path), SourceOptions()), by_name) == ["./bad%FE.jpg"]


def test_takes_image_suffixes_below_at_any_depth(tmp_path: Path) -> None:
    for name in ("b/2.png", "b/c/1.heic", "a.jpg", "b.jpg", "x.txt", "noend", ".h.jpg", ".d/y.jpg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "folder.jpg").mkdir()
    os.mkfifo(tmp_path / "pipe.jpg")
    images = ["a.jpg", "b.jpg", "b/2.png", "b/c/1.heic"]
    assert ids(open_source(str(tmp_path), SourceOptions())) == images
    assert ids(open_source(f"folder://{tmp_path}", SourceOptions(profile="images"))) == images
    every = ids(open_source(str(tmp_path), SourceOptions(profile="all_files")))
    assert every == [*images, "noend", "x.txt"]


def test_links(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    photo(tmp_path / "real" / "a.jpg")
    (tmp_path / "link.jpg").symlink_to(tmp_path / "real" / "a.jpg")
    (tmp_path / "lost.jpg").symlink_to(tmp_path / "nowhere")
    (tmp_path / "again").symlink_to(tmp_path / "real")
    (tmp_path / "real" / "up").symlink_to(tmp_path)
    found = rows(open_source(str(tmp_path), SourceOptions()))
    assert [row["observation_id"] for row in found] == [
        "again/a.jpg",
        "link.jpg",
        "lost.jpg",
        "real/a.jpg",
    ]
    assert found[2]["version"] is None


def test_a_folder_that_may_not_be_read_is_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "shut").mkdir()
    photo(tmp_path / "a.jpg")
    scan = os.scandir

    def refuse(path: str) -> "os._ScandirIterator[str]":
        if path.endswith("shut/"):  # the tests may run as root, whom nobody refuses
            raise PermissionError(13, "Permission denied", path)
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with caplog.at_level(logging.WARNING):
        assert ids(open_source(str(tmp_path), SourceOptions())) == ["a.jpg"]
    assert "shut" in caplog.text


def test_a_second_look_opens_nothing(tmp_path: Path) -> None:
    photo(tmp_path / "a.jpg")
    (tmp_path / "a.jpg").chmod(0)
    os.utime(tmp_path / "a.jpg", ns=(1, 1))
    rows(open_source(str(tmp_path), SourceOptions()))
    assert (tmp_path / "a.jpg").stat().st_atime_ns == 1


def test_completing_reads_what_the_camera_wrote(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif.get_ifd(0x8825).update(
        {1: "S", 2: (33.0, 52.0, 30.0), 3: "E", 4: (151.0, 12.0, 36.0), 17: 271.5}
    )
    exif.get_ifd(0x8769).update({36867: "2024:05:06 07:08:09", 36881: "+09:00"})
    photo(tmp_path / "a.jpg", exif)
    photo(tmp_path / "b.jpg")
    (tmp_path / "c.jpg").write_bytes((tmp_path / "a.jpg").read_bytes()[:90])
    (tmp_path / "d.jpg").symlink_to(tmp_path / "nowhere")
    source = open_source(str(tmp_path), SourceOptions())
    (batch,) = source.batches(ALL)
    assert batch.column("latitude").null_count == 4
    first, *others = source.complete(batch).to_pylist()
    assert first["latitude"] == pytest.approx(-33.875)
    assert first["longitude"] == pytest.approx(151.21)
    assert first["heading"] == 271.5
    assert first["captured_at"] == datetime(2024, 5, 5, 22, 8, 9, tzinfo=UTC)
    for other in others:
        assert other["latitude"] is other["captured_at"] is other["heading"] is None


def test_condition_over_its_columns(tmp_path: Path) -> None:
    for name in ("a.jpg", "b/c.jpg", "b/d.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        photo(tmp_path / name)
    source = open_source(str(tmp_path), SourceOptions())
    where = "observation_id LIKE 'b/%' AND suffix = '.png' AND modified > TIMESTAMP '2001-01-01'"
    assert ids(source, Selection(where=where)) == ["b/d.png"]


def test_options_that_make_no_sense(tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match="images, all_files"):
        open_source(str(tmp_path), SourceOptions(profile="svi_cropped"))
    with pytest.raises(ConfigError, match="no columns"):
        open_source(str(tmp_path), SourceOptions(columns={"uri": "x"}))
    (tmp_path / "file.jpg").touch()
    with pytest.raises(UserError, match="no folder"):
        open_source(str(tmp_path / "file.jpg"), SourceOptions())
