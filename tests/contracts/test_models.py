"""Every model that the registry finds keeps the contract of the seam."""

from importlib import import_module
from pathlib import Path

import pytest

from tests.contracts.models import ModelContract
from vistoria import registry
from vistoria.errors import UnknownName

FOLDER = Path(__file__).parent.parent / "models"


@pytest.mark.parametrize("name", registry.names("models"))
def test_each_model_inherits_the_contract(name: str) -> None:
    assert (FOLDER / f"test_{name}.py").exists(), (
        f"tests/models/test_{name}.py is missing; let it hold a class TestContract("
        f"ModelContract) with provider = {name!r}, from tests.contracts.models"
    )
    module = import_module(f"tests.models.test_{name}")
    classes = [value for value in vars(module).values() if isinstance(value, type)]
    kept = [c for c in classes if issubclass(c, ModelContract) and c is not ModelContract]
    assert any(c.provider == name for c in kept), f"no ModelContract of {name!r} in {module}"


def test_a_model_by_a_wrong_name_is_suggested() -> None:
    with pytest.raises(UnknownName, match="did you mean 'gemini'"):
        registry.load("models", "gemni")
