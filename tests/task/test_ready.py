"""The tasks that come with Vistoria."""

import pytest

from vistoria.task import Field, load_task, ready_tasks

STREET_MODEL = {
    "asset": {"utility_pole", "road_sign", "maintenance_cover", "none"},
    "material": {"wood", "concrete", "metal"},
    "leaning": set(),
    "transformer": set(),
    "vegetation": set(),
    "sign_kind": {"stop", "yield", "speed_limit", "warning"},
    "speed_limit": set(),
    "sign_condition": {"clean", "faded", "graffiti"},
    "cover_shape": {"round", "square"},
    "cover_cracked": set(),
}
"""What the bundled model answers, and its answers."""


def test_the_list() -> None:
    assert ready_tasks() == (
        *("describe", "maintenance_cover", "road_sign"),
        *("street_asset", "utility_pole", "vegetation"),
    )


@pytest.mark.parametrize("name", ready_tasks())
def test_a_ready_task_is_sensible(name: str) -> None:
    task = load_task(name)
    assert task.name == name
    assert 1 <= len(task.fields) <= 12
    for field in task.fields:
        assert field.help.endswith("."), field.name
        assert field.name in task.prompt
        assert field.allowed in task.prompt
        for choice in field.choices:
            assert choice == choice.lower()


def test_street_asset_is_what_the_street_model_answers() -> None:
    fields = {field.name: set(field.choices) for field in load_task("street_asset").fields}
    assert fields == STREET_MODEL


@pytest.mark.parametrize("name", ["utility_pole", "road_sign", "maintenance_cover"])
def test_single_tasks_allow_the_street_models_answers(name: str) -> None:
    task = load_task(name)
    shared = [field for field in task.fields if field.name in STREET_MODEL]
    assert len(shared) >= 3
    for field in shared:
        if field.name == "asset":
            assert field.choices == (name, "other", "none")
        else:
            assert set(field.choices) >= STREET_MODEL[field.name]
            assert field.kind == load_task("street_asset").field(field.name).kind
            assert _asset(field) in ((name,), None)


def _asset(field: Field) -> object:
    return field.only_if.get("asset")


def test_describe_asks_what_the_guide_asks() -> None:
    task = load_task("describe")
    asked = "Describe this image in detail, focusing on any objects, signs, or features visible."
    assert task.prompt.startswith(f"{asked}\n")
    assert task.parse('{"description": "A stop sign."}') == {"description": "A stop sign."}


def test_a_prompt_in_full() -> None:
    part = load_task("street_asset").only(["speed_limit"])
    assert [field.name for field in part.fields] == ["asset", "sign_kind", "speed_limit"]
    lines = part.prompt.split("\n")
    assert lines[-5:-2] == [
        (
            "- asset: The asset that the photo is about. utility_pole: a pole that carries wires "
            "or lamps. road_sign: a traffic sign with its post. maintenance_cover: a lid in the "
            "ground over a shaft. none: nothing of these is in view. Answer: one of "
            '"utility_pole", "road_sign", "maintenance_cover", "none".'
        ),
        (
            '- sign_kind (only if asset is "road_sign"): What the sign orders or tells. warning: a '
            'hazard ahead. Answer: one of "stop", "yield", "speed_limit", "warning".'
        ),
        (
            '- speed_limit (only if sign_kind is "speed_limit"): The number on the speed limit '
            "sign. Answer: a whole number from 5 to 150 (as printed on the sign)."
        ),
    ]
    assert lines[-1] == "Give null for a key whose condition does not hold."
