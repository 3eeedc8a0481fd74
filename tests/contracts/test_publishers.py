"""Every publisher that the registry finds keeps the contract of the seam."""

from importlib import import_module
from pathlib import Path

import pytest

from tests.contracts.publishers import PublisherContract
from vistoria import registry
from vistoria.errors import ConfigError, UnknownName
from vistoria.publishers._opening import publisher_name

FOLDER = Path(__file__).parent.parent / "publishers"


@pytest.mark.parametrize("name", registry.names("publishers"))
def test_each_publisher_inherits_the_contract(name: str) -> None:
    assert (FOLDER / f"test_{name}.py").exists(), (
        f"tests/publishers/test_{name}.py is missing; let it hold a class TestContract("
        f"PublisherContract) with name = {name!r}, from tests.contracts.publishers"
    )
    module = import_module(f"tests.publishers.test_{name}")
    classes = [value for value in vars(module).values() if isinstance(value, type)]
    kept = [c for c in classes if issubclass(c, PublisherContract) and c is not PublisherContract]
    assert any(c.name == name for c in kept), f"no PublisherContract of {name!r} in {module}"


def test_no_two_publishers_mean_the_same_address() -> None:
    modules = [registry.load("publishers", name) for name in registry.names("publishers")]
    for forms in ([m.SCHEMES for m in modules], [m.SUFFIXES for m in modules]):
        flat = [form for each in forms for form in each]
        assert len(flat) == len(set(flat))


def test_an_address_that_means_none() -> None:
    with pytest.raises(ConfigError, match="--to"):
        publisher_name("results.xlsx")


def test_a_publisher_by_a_wrong_name_is_suggested() -> None:
    with pytest.raises(UnknownName, match="did you mean 'parquet'"):
        registry.load("publishers", "parket")
