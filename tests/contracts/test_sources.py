"""Every source that the registry finds keeps the contract of the seam."""

from importlib import import_module
from pathlib import Path

import pytest

from tests.contracts.sources import SourceContract
from vistoria import registry
from vistoria.errors import UnknownName

FOLDER = Path(__file__).parent.parent / "sources"


@pytest.mark.parametrize("name", registry.names("sources"))
def test_each_source_inherits_the_contract(name: str) -> None:
    assert (FOLDER / f"test_{name}.py").exists(), (
        f"tests/sources/test_{name}.py is missing; let it hold a class TestContract("
        f"SourceContract) with name = {name!r}, from tests.contracts.sources"
    )
    module = import_module(f"tests.sources.test_{name}")
    classes = [value for value in vars(module).values() if isinstance(value, type)]
    kept = [c for c in classes if issubclass(c, SourceContract) and c is not SourceContract]
    assert any(c.name == name for c in kept), f"no SourceContract of {name!r} in {module}"


def test_no_two_sources_open_the_same_address() -> None:
    modules = [registry.load("sources", name) for name in registry.names("sources")]
    for forms in ([m.SCHEMES for m in modules], [m.SUFFIXES for m in modules]):
        flat = [form for each in forms for form in each]
        assert len(flat) == len(set(flat))


def test_a_source_by_a_wrong_name_is_suggested() -> None:
    with pytest.raises(UnknownName, match="did you mean 'parquet'"):
        registry.load("sources", "parket")
