"""What needs torch; collected only where it is (`make test-torch`)."""

from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.student.torch.operators import declare_operators

BARE = find_spec("torch") is None
collect_ignore_glob = ["test_*.py"] if BARE else []
TIMM = not BARE and find_spec("timm") is not None and declare_operators()


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A cache of its own, and one core: networks this small wait more than they compute."""
    import torch

    torch.set_num_threads(1)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
