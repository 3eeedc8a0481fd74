"""A ledger for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from vistoria.ledger import Ledger


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """An empty ledger."""
    with Ledger(tmp_path / "ledger.sqlite") as opened:
        yield opened
