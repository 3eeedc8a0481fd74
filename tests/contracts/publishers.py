"""What every publisher keeps; `tests/publishers/test_NAME.py` inherits it."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest

from tests.labelled import add_run
from vistoria import registry
from vistoria.errors import ConfigError
from vistoria.ledger import Ledger
from vistoria.publishers import Publisher, PublisherOptions
from vistoria.publishers._edition import Edition
from vistoria.publishers._opening import publisher_name

Row = dict[str, Any]


class Crash(BaseException):
    """The process dies here."""


def town(count: int = 12, *, wood: int = 6) -> list[Row]:
    """Photos of poles, two of each; the first `wood` photos say wood; one was not answered."""
    rows: list[Row] = [
        {
            "id": f"p{i:03d}", "uri": f"gs://photos/p{i:03d}.jpg", "asset": "pole",
            "asset_id": f"pole-{i // 2:03d}", "asset_type": "UTILITY_POLE", "snapshot_id": "s1",
            "latitude": -23.5 + i / 1000, "longitude": -46.6 - i / 1000,
            "material": "wood" if i < wood else "steel", "leaning": i % 3 == 0,
            "confidence": {"asset": 0.9, "material": 0.8, "leaning": 0.7},
        }
        for i in range(count)
    ]  # fmt: skip
    if rows:
        rows.append({"id": "unanswered", "asset_id": "pole-000", "snapshot_id": "s1"})
    return rows


def edition_of(ledger: Ledger, rows: Sequence[Row]) -> Edition:
    """An edition of the one run in the ledger, after these answers."""
    return Edition(ledger, add_run(ledger, rows))


class PublisherContract:
    """Inherit as `class TestContract(PublisherContract)`, set `name`, write `target` and `read`."""

    name: ClassVar[str]
    options: ClassVar[PublisherOptions] = PublisherOptions()

    def target(self, folder: Path) -> str:
        """An address that means this publisher, below an empty folder or at a server."""
        raise NotImplementedError

    def read(self, address: str) -> dict[str, list[Row]]:
        """What the target holds, read by other means, by the names of a receipt's `rows`."""
        raise NotImplementedError

    @pytest.fixture
    def ledger(self, tmp_path: Path) -> Iterator[Ledger]:
        """An empty ledger."""
        with Ledger(tmp_path / "ledger" / "ledger.sqlite") as ledger:
            yield ledger

    @pytest.fixture
    def address(self, tmp_path: Path) -> str:
        """A new target."""
        (tmp_path / "out").mkdir()
        return self.target(tmp_path / "out")

    def open(self, address: str) -> Publisher:
        """The publisher of a target."""
        opened: Publisher = registry.load("publishers", self.name).open_publisher(
            address, self.options
        )
        return opened

    def held(self, address: str) -> dict[str, int]:
        """How many rows the target holds."""
        return {name: len(rows) for name, rows in self.read(address).items()}

    def test_says_what_it_is(self, address: str) -> None:
        module = registry.load("publishers", self.name)
        assert (module.__doc__ or "").partition("\n")[0].endswith((".", ":"))
        assert all(suffix.startswith(".") for suffix in module.SUFFIXES)
        assert publisher_name(address) == self.name
        assert self.open(address).address

    def test_what_the_receipt_says_is_there(self, ledger: Ledger, address: str) -> None:
        edition = edition_of(ledger, town())
        receipt = self.open(address).publish(edition)
        assert (receipt.version, receipt.written) == (edition.version, True)
        assert receipt.rows == self.held(address)
        assert sum(receipt.rows.values()) > 0

    def test_the_same_edition_again_changes_nothing(self, ledger: Ledger, address: str) -> None:
        edition = edition_of(ledger, town())
        first = self.open(address).publish(edition)
        before = self.read(address)
        again = self.open(address).publish(Edition(ledger, edition.run))
        assert (again.version, again.written) == (first.version, False)
        assert self.read(address) == before

    def test_a_newer_edition_takes_its_place(self, ledger: Ledger, address: str) -> None:
        old = edition_of(ledger, town(wood=6))
        self.open(address).publish(old)
        before = self.read(address)
        new = edition_of(ledger, town(wood=10))
        assert (new.key, new.version != old.version) == (old.key, True)
        receipt = self.open(address).publish(new)
        assert (receipt.version, receipt.written) == (new.version, True)
        assert self.read(address) != before
        assert self.held(address) == receipt.rows

    def test_killed_while_writing(
        self, ledger: Ledger, address: str, tmp_path: Path
    ) -> None:  # fmt: skip
        self.open(address).publish(edition_of(ledger, town(wood=6)))
        new = edition_of(ledger, town(wood=10))

        def die(what: str, rows: int) -> None:
            raise Crash

        with pytest.raises(Crash):
            self.open(address).publish(new, die)
        receipt = self.open(address).publish(new)
        assert (receipt.version, receipt.written) == (new.version, True)
        assert self.held(address) == receipt.rows
        assert not [path for path in (tmp_path / "out").rglob("*") if ".part" in path.name]

    def test_a_run_without_answers(self, ledger: Ledger, address: str) -> None:
        receipt = self.open(address).publish(edition_of(ledger, [{"id": "a"}, {"id": "b"}]))
        assert receipt.rows == self.held(address)

    def test_an_option_it_does_not_have(self, address: str) -> None:
        module = registry.load("publishers", self.name)
        wrong = PublisherOptions(
            store=self.options.store, google=self.options.google,
            values={**self.options.values, "no_such": "1"},
        )  # fmt: skip
        with pytest.raises(ConfigError, match="no_such"):
            module.open_publisher(address, wrong)
