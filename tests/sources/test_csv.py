"""`csv`: values as they are written."""

from pathlib import Path
from typing import ClassVar

import pytest

from tests.contracts.sources import SourceContract, ids, rows
from vistoria.errors import ConfigError, UnknownName, UserError
from vistoria.sources import Selection, Source, SourceOptions
from vistoria.sources.csv import open_source


class TestContract(SourceContract):
    name = "csv"
    condition: ClassVar[str] = "n < 10"

    def make(self, folder: Path, count: int) -> str:
        lines = [f"row-{number},gs://bucket/{number}.jpg,{number}" for number in range(count)]
        (folder / "rows.csv").write_text("\n".join(["id,uri,n", *lines]))
        return str(folder / "rows.csv")


def opened(tmp_path: Path, text: str | bytes, **options: object) -> Source:
    path = tmp_path / "list.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return open_source(str(path), SourceOptions(**options))  # type: ignore[arg-type]


def test_values_stay_as_they_are_written(tmp_path: Path) -> None:
    source = opened(tmp_path, "id,uri,n\n007,gs://b/1.jpg,1\n1e3,gs://b/2.jpg,2\nNULL,NA,\n")
    assert [(row["observation_id"], row["uri"]) for row in rows(source)] == [
        ("007", "gs://b/1.jpg"),
        ("1e3", "gs://b/2.jpg"),
        ("NULL", f"{tmp_path}/NA"),
    ]
    assert ids(source, Selection(where="n >= 2")) == ["1e3"]


def test_addresses_are_relative_to_the_file(tmp_path: Path) -> None:
    uris = [
        "a b.jpg", "x/y.jpg", "/abs/z.jpg", "gs://b/k.jpg", "https://h/p?q=1#f", "file:///x.jpg",
        "s3:/slip", "we:ird.jpg", "~/h.jpg",
    ]  # fmt: skip
    source = opened(tmp_path, "\n".join(["uri", *uris]))
    assert [row["uri"] for row in rows(source)] == [
        f"{tmp_path}/a b.jpg", f"{tmp_path}/x/y.jpg", *uris[2:7], f"{tmp_path}/we:ird.jpg",
        f"{tmp_path}/~/h.jpg",
    ]  # fmt: skip
    assert ids(source) == uris


def test_rows_without_an_address_or_id_stay_rows(tmp_path: Path) -> None:
    source = opened(tmp_path, "id,uri\n1,\n,gs://b/x.jpg\n")
    found = [(row["observation_id"], row["uri"]) for row in rows(source)]
    assert found == [("1", ""), ("gs://b/x.jpg", "gs://b/x.jpg")]


@pytest.mark.parametrize(
    "text",
    [
        "id,uri\n1,gs://b/é.jpg\n",
        "\ufeffid;uri\r\n1;gs://b/é.jpg\r\n",
        "ID\tURI\n1\tgs://b/é.jpg\n",
        'uri,id\n"gs://b/é.jpg","1"',
    ],
)
def test_dialects(tmp_path: Path, text: str) -> None:
    (row,) = rows(opened(tmp_path, text))
    assert (row["observation_id"], row["uri"]) == ("1", "gs://b/é.jpg")


def test_spaces_around_an_address_are_a_slip(tmp_path: Path) -> None:
    source = opened(tmp_path, 'id,uri\n1, gs://b/a b.jpg \n2,"https://h/p\n"\n3,gs://b/c\n4, d \n')
    assert [row["uri"] for row in rows(source)] == [
        "gs://b/a b.jpg", "https://h/p", "gs://b/c", f"{tmp_path}/ d ",
    ]  # fmt: skip


def test_values_with_line_ends(tmp_path: Path) -> None:
    (row,) = rows(opened(tmp_path, 'id,uri\n"a\nb","gs://b/x,y.jpg"\n'))
    assert (row["observation_id"], row["uri"]) == ("a\nb", "gs://b/x,y.jpg")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        ("one", "no column that profile 'generic' knows as the image address"),
        ("1,gs://b/1.jpg\n2,gs://b/2.jpg\n", "'1', 'gs://b/1.jpg'"),
        ("id,uri\n1,a\n2,b,c,d\n3,x\n", "do not all have as many values"),
        (b"id,uri\n1,\xff\xfe\n", "cannot read"),
        ("name,url2\n1,2\n", r"columns = \{ uri = \"name\" \}"),
    ],
)
def test_what_cannot_be_read(tmp_path: Path, text: str | bytes, said: str) -> None:
    with pytest.raises(UserError, match=said):
        rows(opened(tmp_path, text))


def test_overrides(tmp_path: Path) -> None:
    text = "id,my photo,zone\nx,a.jpg,7\n"
    source = opened(
        tmp_path,
        text,
        columns={
            "uri": "my photo",
            "observation_id": "zone || '/' || id",
            "asset_type": "'pole'",
            "heading": "zone",
        },
    )
    (row,) = rows(source)
    assert row["uri"] == f"{tmp_path}/a.jpg"
    assert (row["observation_id"], row["asset_type"], row["heading"]) == ("7/x", "pole", 7.0)
    assert source.mapping["observation_id"] == "zone || '/' || id"
    with pytest.raises(ConfigError, match=r"no column or expression 'fotos' for 'uri'.*'my photo'"):
        opened(tmp_path, text, columns={"uri": "fotos"})
    with pytest.raises(UnknownName, match="did you mean 'latitude'"):
        opened(tmp_path, text, columns={"uri": "my photo", "lattitude": "zone"})
    with pytest.raises(UnknownName, match="did you mean 'svi_cropped'"):
        opened(tmp_path, text, profile="svi_croped")
    with pytest.raises(ConfigError, match="'mapillary' knows as the image address"):
        opened(tmp_path, text, profile="mapillary")


def test_compressed(tmp_path: Path) -> None:
    import gzip

    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(b"id,uri\n1,x.jpg\n"))
    (row,) = rows(open_source(f"csv://{tmp_path}/a.csv.gz", SourceOptions()))
    assert row["uri"] == f"{tmp_path}/x.jpg"
