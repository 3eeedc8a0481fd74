"""Webhooks to a local receiver that fails, hangs and goes away."""

import asyncio
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest

from tests.contracts.publishers import PublisherContract, Row, edition_of, town
from tests.servers.webhook import Receiver
from vistoria.errors import AccessDenied, ConfigError, TransientError, UserError
from vistoria.ledger import Ledger
from vistoria.publishers import PublisherOptions
from vistoria.publishers._outbox import Outbox
from vistoria.publishers.webhook import open_publisher

SECRET = "c2VjcmV0IG9mIHRoZSB0ZXN0cw=="
QUICK = {"secret": f"whsec_{SECRET}", "first_wait": "0.01", "timeout": "10"}


def streets() -> list[Row]:
    """120 photos of 15 poles."""
    return [row | {"asset_id": f"pole-{i % 15}"} for i, row in enumerate(town(120))]


class TestContract(PublisherContract):
    """A receiver in good health."""

    name: ClassVar[str] = "webhook"
    options: ClassVar[PublisherOptions] = PublisherOptions(values=QUICK)
    receiver: Receiver

    @pytest.fixture(autouse=True)
    def served(self) -> Iterator[None]:
        with Receiver(b"secret of the tests") as receiver:
            self.receiver = receiver
            yield
        assert receiver.wrong == 0 or receiver.secret == b"another"

    def target(self, folder: Path) -> str:
        return f"{self.receiver.url}/hook"

    def read(self, address: str) -> dict[str, list[Row]]:
        return {"events": self.receiver.events()}

    def impatient(self, address: str, **more: str) -> Any:
        """The publisher with other options."""
        return open_publisher(address, PublisherOptions(values=QUICK | more))

    def test_an_event(self, ledger: Ledger, address: str) -> None:
        edition = edition_of(ledger, town())
        self.open(address).publish(edition)
        event = next(e for e in self.receiver.taken if e["observation_id"] == "p001")
        assert event["labels"] == {"asset": "pole", "material": "wood", "leaning": False}
        assert (event["type"], event["run"]) == ("vistoria.labels", edition.key)
        assert (event["unit"], event["sequence"]) == ("asset/pole-000", 2)
        assert event["confidence"]["material"] == 0.8

    def test_only_what_changed_is_sent(self, ledger: Ledger, address: str) -> None:
        self.open(address).publish(edition_of(ledger, town(wood=6)))
        assert len(self.receiver.taken) == 12
        self.open(address).publish(edition_of(ledger, town(wood=8)))
        changed = self.receiver.taken[12:]
        assert {event["observation_id"] for event in changed} == {"p006", "p007"}
        assert all(event["sequence"] > 2 for event in changed)
        self.open(address).publish(edition_of(ledger, town(wood=6)))  # and back again
        assert len(self.receiver.taken) == len(self.receiver.events()) == 16

    def test_a_receiver_with_moods(self, ledger: Ledger, address: str) -> None:
        self.receiver.fails, self.receiver.hangs = 0.5, 0.05
        edition = edition_of(ledger, streets())
        self.receiver.gone_after = 60
        with pytest.raises(UserError, match="gone for good"):
            self.impatient(address, timeout="1").publish(edition)
        self.receiver.gone_after = None
        receipt = self.impatient(address, timeout="1").publish(edition)
        assert receipt.rows == {"events": 120}
        assert len(self.receiver.taken) > 120  # some came twice
        self.all_in_order(120)

    def all_in_order(self, count: int) -> None:
        """Nothing is lost, what came twice bears the same id, and each asset's events came in
        their order."""
        assert len(self.receiver.events()) == count
        for unit in {event["unit"] for event in self.receiver.taken}:
            order = [e["sequence"] for e in self.receiver.taken if e["unit"] == unit]
            assert order == sorted(order)
            assert set(order) == set(range(1, max(order) + 1))

    def test_killed_in_the_middle(self, ledger: Ledger, address: str) -> None:
        self.receiver.wait = 0.05
        edition_of(ledger, streets())
        command = [
            sys.executable, "-m", "vistoria", "publish", address, "--ledger",
            str(ledger.path), "-o", f"secret=whsec_{SECRET}", "-o", "concurrency=4", "--json", "-q",
        ]  # fmt: skip
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as child:
            while len(self.receiver.taken) < 20 and child.poll() is None:
                time.sleep(0.01)
            child.kill()
        assert child.returncode == -signal.SIGKILL
        before, self.receiver.wait = len(self.receiver.events()), 0.0
        assert 20 <= before < 120
        done = subprocess.run(command, check=True, capture_output=True)
        assert json.loads(done.stdout)["rows"] == {"events": 120}
        assert len(self.receiver.taken) <= 120 + 4  # those that were on their way come twice
        self.all_in_order(120)

    def test_one_process_at_a_time(self, ledger: Ledger, address: str) -> None:
        edition = edition_of(ledger, town())
        busy = Outbox(ledger.path.parent, address)
        with pytest.raises(TransientError, match="another process"):
            self.open(address).publish(edition)
        busy.close()
        assert self.open(address).publish(edition).rows == {"events": 12}

    def test_from_a_notebook(self, ledger: Ledger, address: str) -> None:
        edition = edition_of(ledger, town())

        async def cell() -> Any:
            return self.open(address).publish(edition)

        assert asyncio.run(cell()).rows == {"events": 12}
        self.receiver.status = 410

        async def another() -> Any:
            return self.open(address).publish(edition_of(ledger, town(wood=8)))

        with pytest.raises(UserError, match="gone for good"):
            asyncio.run(another())

    def test_gone(self, ledger: Ledger, address: str) -> None:
        edition = edition_of(ledger, town())
        self.receiver.status = 410
        with pytest.raises(UserError, match="gone for good"):
            self.open(address).publish(edition)
        assert not self.receiver.taken
        self.receiver.status = None
        assert self.open(address).publish(edition).rows == {"events": 12}

    def test_refused_events_do_not_hold_up_others(self, ledger: Ledger, address: str) -> None:
        self.receiver.refuses = {"p000"}
        receipt = self.open(address).publish(edition_of(ledger, town()))
        assert receipt.rows == {"events": 11}
        assert receipt.failed == {"HTTP 422 no such asset": 1}

    def test_nothing_gets_through(self, ledger: Ledger, address: str) -> None:
        edition = edition_of(ledger, town())
        self.receiver.status = 503
        with pytest.raises(TransientError, match="12 events wait"):
            self.impatient(address, patience="0.2").publish(edition)
        self.receiver.status = None
        assert self.open(address).publish(edition).rows == {"events": 12}

    def test_another_secret(self, ledger: Ledger, address: str) -> None:
        self.receiver.secret = b"another"
        with pytest.raises(AccessDenied, match="secret"):
            self.open(address).publish(edition_of(ledger, town()))

    def test_no_secret(self, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("VISTORIA_WEBHOOK_SECRET", raising=False)
        for values, said in (
            ({}, "VISTORIA_WEBHOOK_SECRET"),
            ({"secret": "whsec_!"}, "Base64"),
            ({"secret": "x", "timeout": "soon"}, "soon"),
        ):
            with pytest.raises(ConfigError, match=said):
                open_publisher(address, PublisherOptions(values=values))
        monkeypatch.setenv("VISTORIA_WEBHOOK_SECRET", "plain words")
        assert open_publisher(address, PublisherOptions())
