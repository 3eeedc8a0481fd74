"""`jsonl`: one object per line, whatever its values."""

import json
from pathlib import Path
from typing import ClassVar

import pytest

from tests.contracts.sources import SourceContract, ids, rows
from vistoria.errors import UserError
from vistoria.sources import Selection, SourceOptions
from vistoria.sources.jsonl import open_source


class TestContract(SourceContract):
    name = "jsonl"
    condition: ClassVar[str] = "n < 10 AND more.ok"

    def make(self, folder: Path, count: int) -> str:
        lines = [
            json.dumps({"id": f"row-{n}", "uri": f"gs://b/{n}.jpg", "n": n, "more": {"ok": True}})
            for n in range(count)
        ]
        (folder / "rows.jsonl").write_text("\n".join(lines))
        return str(folder / "rows.jsonl")

    def test_no_rows(self, tmp_path: Path) -> None:
        with pytest.raises(UserError, match="is empty"):
            super().test_no_rows(tmp_path)


def opened_lines(tmp_path: Path, *lines: object) -> str:
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, lines)))
    return str(tmp_path / "a.jsonl")


def test_types_may_differ_from_line_to_line(tmp_path: Path) -> None:
    address = opened_lines(
        tmp_path,
        {"id": "0A0B0C0D-1234-1234-1234-1234567890AB", "uri": "a.jpg", "lat": 1.5},
        {"id": 7, "uri": "b.jpg", "lat": "2.5", "timestamp": "2020-01-01"},
        {"id": True, "uri": None, "lat": "north", "timestamp": "soon"},
        {"uri": "c.jpg", "lat": None, "timestamp": 1700000000},
    )
    found = rows(open_source(address, SourceOptions()))
    assert [row["observation_id"] for row in found] == [
        "0A0B0C0D-1234-1234-1234-1234567890AB", "7", "true", "c.jpg",
    ]  # fmt: skip
    assert [row["latitude"] for row in found] == [1.5, 2.5, None, None]
    assert [str(row["captured_at"]) for row in found] == [
        "None", "2020-01-01 00:00:00+00:00", "None", "2023-11-14 22:13:20+00:00",
    ]  # fmt: skip
    assert found[2]["uri"] == ""


def test_conditions_on_nested_values(tmp_path: Path) -> None:
    address = opened_lines(
        tmp_path,
        {"id": "a", "uri": "a.jpg", "shot": {"day": "2021-05-06"}, "tags": ["x", "y"]},
        {"id": "b", "uri": "b.jpg", "shot": {"day": "2023-05-06"}, "tags": []},
    )
    source = open_source(address, SourceOptions())
    assert ids(source, Selection(where="shot.day > DATE '2022-01-01'")) == ["b"]
    assert ids(source, Selection(where="list_contains(tags, 'y')")) == ["a"]


def test_a_broken_line(tmp_path: Path) -> None:
    (tmp_path / "a.ndjson").write_text('{"id": 1, "uri": "a.jpg"}\n{"id": \n')
    with pytest.raises(UserError, match=r"cannot read .*a\.ndjson.*line"):
        rows(open_source(str(tmp_path / "a.ndjson"), SourceOptions()))


@pytest.mark.parametrize("indent", [None, 2])
def test_an_array(tmp_path: Path, indent: int | None) -> None:
    objects = [{"id": "1", "uri": "/a.jpg"}, {"id": 2, "uri": "/b.jpg", "lat": 3}]
    (tmp_path / "a.json").write_text(json.dumps(objects, indent=indent))
    found = rows(open_source(str(tmp_path / "a.json"), SourceOptions()))
    assert [(row["observation_id"], row["latitude"]) for row in found] == [("1", None), ("2", 3.0)]
