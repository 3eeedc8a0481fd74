"""The public door: light, sorted, and exactly what it says."""

import json
import subprocess
import sys
from importlib.metadata import version

import pytest

import vistoria


def test_names_are_sorted_and_there() -> None:
    assert vistoria.__all__ == sorted(vistoria.__all__)
    assert dir(vistoria) == vistoria.__all__
    for name in vistoria.__all__:
        assert getattr(vistoria, name) is not None
    assert vistoria.__version__ == version("vistoria")


def test_every_public_object_is_exported_from_its_home() -> None:
    for name, home in vistoria._HOMES.items():
        assert name in vistoria.__all__
        module = __import__(f"vistoria.{home}", fromlist=[name])
        assert getattr(module, name) is getattr(vistoria, name)
    assert set(vistoria._HOMES) == set(vistoria.__all__) - {"__version__"}


def test_other_names_are_refused() -> None:
    with pytest.raises(AttributeError, match="no attribute 'runn'"):
        _ = vistoria.runn


def test_the_import_costs_nothing() -> None:
    script = "import vistoria, sys, json; print(json.dumps([*sys.modules]))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    ours = [name for name in json.loads(done.stdout) if name.startswith("vistoria")]
    assert ours == ["vistoria"]
    theirs = {"numpy", "pyarrow", "duckdb", "pydantic", "PIL", "click", "rich", "asyncio"}
    assert not theirs & set(json.loads(done.stdout))
