"""`cascade`: what it owes every caller; what it does is in `tests/student/test_cascade.py`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.contracts.models import ModelContract
from vistoria.errors import ConfigError
from vistoria.models._cascade_rule import Rule
from vistoria.models.cascade import open_model
from vistoria.models.onnx import open_model as open_student
from vistoria.task import load_task

TASK = load_task("street_asset")


@pytest.fixture
def thresholds(tmp_path: Path) -> Path:
    """A rule for the bundled student before `echo`."""
    path = tmp_path / "street.cascade.json"
    rule = Rule(
        student=open_student("street", {}).version, teacher="echo", versions=(), kept=0.6,
        fields={one.name: one.fingerprint for one in TASK.fields}, threshold=0.9,
    )  # fmt: skip
    rule.write(path)
    return path


class TestContract(ModelContract):
    provider = "cascade"
    name = "street,echo:"
    task = TASK

    @pytest.fixture
    def options(self, thresholds: Path) -> Mapping[str, Any]:
        return {"thresholds": str(thresholds)}


def test_its_form_is_the_teachers_and_its_students_comes_first(thresholds: Path) -> None:
    model = open_model("street,echo:", {"thresholds": str(thresholds)})
    assert model.capabilities.image.kind == "none"
    assert model.capabilities.easy is not None
    assert model.capabilities.easy.width == 320
    assert model.capabilities.handed_over == pytest.approx(1 - 0.6 * 0.98)
    assert model.capabilities.billed_as == model.teacher.name


def test_a_name_of_one_model_is_refused() -> None:
    with pytest.raises(ConfigError, match="must name a student and a teacher"):
        open_model("student.onnx", {})


def test_a_damaged_rule_says_so(tmp_path: Path) -> None:
    (tmp_path / "cut.json").write_text('{"format": 1, "student"')
    with pytest.raises(ConfigError, match="holds no thresholds of a cascade"):
        open_model("street,echo:", {"thresholds": str(tmp_path / "cut.json")})
