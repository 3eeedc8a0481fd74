"""What every source keeps. `tests/sources/test_NAME.py` inherits it for the source NAME."""

import hashlib
from itertools import islice
from pathlib import Path
from typing import ClassVar

import pyarrow as pa
import pytest

from vistoria import registry
from vistoria.errors import UserError
from vistoria.records import OBSERVATION_COLUMNS
from vistoria.sources import Selection, Source, SourceOptions

ALL = Selection()
_TYPES = {
    "string": pa.string(),
    "double": pa.float64(),
    "timestamp[us, UTC]": pa.timestamp("us", tz="UTC"),
}


def ids(source: Source, selection: Selection = ALL) -> list[str]:
    """The observation ids that a source yields, in its order."""
    return [str(row["observation_id"]) for row in rows(source, selection)]


def rows(source: Source, selection: Selection = ALL) -> list[dict[str, object]]:
    """The rows that a source yields, in its order."""
    return [row for batch in source.batches(selection) for row in batch.to_pylist()]


class SourceContract:
    """Inherit as `class TestContract(SourceContract)`, set `name` and write `make`.

    `condition`: SQL over the source's own columns that holds for the rows whose number is below
    10; `wrong`: SQL that names a column it does not have.
    """

    name: ClassVar[str]
    condition: ClassVar[str]
    wrong: ClassVar[str] = "no_such_column = 1"
    options: ClassVar[SourceOptions] = SourceOptions()

    def make(self, folder: Path, count: int) -> str:
        """The address of a new source with `count` rows, whose number is the end of the id."""
        raise NotImplementedError

    def place(self, folder: Path) -> str:
        """What the address of a source made in `folder` has in it."""
        return str(folder)

    @pytest.fixture
    def source(self, tmp_path: Path) -> Source:
        """A source with 40 rows, open."""
        return self.open(self.make(tmp_path, 40))

    def open(self, address: str) -> Source:
        """The source at an address."""
        opened: Source = registry.load("sources", self.name).open_source(address, self.options)
        return opened

    def test_says_what_it_is(self, source: Source, tmp_path: Path) -> None:
        assert self.place(tmp_path) in source.address
        assert source.profile
        assert {"observation_id", "uri"} <= set(source.mapping) <= set(OBSERVATION_COLUMNS)
        module = registry.load("sources", self.name)
        assert module.SCHEMES
        assert all(suffix.startswith(".") for suffix in module.SUFFIXES)

    def test_batches_have_the_schema(self, source: Source) -> None:
        batch = next(source.batches(ALL))
        assert batch.schema.names == list(OBSERVATION_COLUMNS)
        assert batch.schema.types == [_TYPES[kind] for kind in OBSERVATION_COLUMNS.values()]
        assert batch.column("observation_id").null_count == batch.column("uri").null_count == 0

    def test_order_is_stable(self, source: Source) -> None:
        first = rows(source)
        assert len(first) == len({row["observation_id"] for row in first}) == 40
        assert rows(source) == rows(self.open(source.address)) == first

    def test_count_agrees(self, source: Source) -> None:
        for selection in (
            ALL,
            Selection(limit=7),
            Selection(limit=0),
            Selection(limit=400),
            Selection(sample=9),
            Selection(where=self.condition),
            Selection(where=self.condition, limit=3, sample=5),
        ):
            assert source.count(selection) == len(rows(source, selection))

    def test_limit_takes_the_first(self, source: Source) -> None:
        assert ids(source, Selection(limit=7)) == ids(source)[:7]
        assert ids(source, Selection(limit=400)) == ids(source)

    def test_where_keeps_order(self, source: Source) -> None:
        chosen = ids(source, Selection(where=self.condition))
        assert len(chosen) == 10
        assert chosen == [each for each in ids(source) if each in set(chosen)]
        assert ids(source, Selection(where=self.condition, limit=3)) == chosen[:3]
        assert ids(source, Selection(where=f"{self.condition} -- a remark")) == chosen

    def test_where_that_does_not_fit(self, source: Source) -> None:
        for where in (self.wrong, "1 =", "1 = 1; SELECT 1"):
            with pytest.raises(UserError, match="condition") as caught:
                rows(source, Selection(where=where))
            assert where in str(caught.value).encode().decode("unicode_escape")
            assert "Columns you can use: " in str(caught.value)

    def test_sample_is_the_same_on_every_engine(self, source: Source) -> None:
        def rank(each: str) -> str:
            return hashlib.md5(f"3:{each}".encode()).hexdigest()

        expected = sorted(ids(source), key=rank)
        assert ids(source, Selection(sample=12, seed=3)) == expected[:12]
        assert ids(source, Selection(sample=12, seed=3, limit=4)) == expected[:4]
        assert ids(source, Selection(sample=400, seed=3)) == expected
        assert ids(source, Selection(sample=12, seed=4)) != expected[:12]

    def test_sample_is_drawn_from_what_where_leaves(self, source: Source) -> None:
        chosen = set(ids(source, Selection(where=self.condition)))
        sample = ids(source, Selection(where=self.condition, sample=4))
        assert len(sample) == 4
        assert set(sample) < chosen

    def test_completing_keeps_rows_and_schema(self, source: Source) -> None:
        batch = next(source.batches(ALL))
        whole = source.complete(batch)
        assert whole.schema == batch.schema
        assert whole.column("observation_id") == batch.column("observation_id")

    def test_comes_in_batches_and_can_be_left_early(self, tmp_path: Path) -> None:
        source = self.open(self.make(tmp_path, 9_000))
        sizes = [batch.num_rows for batch in source.batches(ALL)]
        assert sum(sizes) == 9_000
        assert 1 < len(sizes) < 20
        stream, other = source.batches(ALL), source.batches(ALL)
        assert next(stream) == next(other)
        assert len(list(islice(stream, 1))) == 1

    def test_nothing_there(self, tmp_path: Path) -> None:
        with pytest.raises(UserError, match="missing_one"):
            self.open(str(tmp_path / "missing_one"))

    def test_no_rows(self, tmp_path: Path) -> None:
        source = self.open(self.make(tmp_path, 0))
        assert (source.count(ALL), rows(source)) == (0, [])
