"""The simulations of `benchmarks/truth`, with fewer repetitions: every bar, and what must fail."""

import pytest

from benchmarks.truth.__main__ import SIMULATIONS, simulate


@pytest.mark.parametrize("name", SIMULATIONS)
def test_every_bar_is_held(name: str) -> None:
    missed = [bar for bar in simulate(name, quick=True) if not bar.held]
    assert not missed
