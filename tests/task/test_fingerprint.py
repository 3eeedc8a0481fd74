"""A changed question is asked again; nothing else is."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vistoria.task import Example, Field, Task

ASSET = Field("asset", "choice", "Which asset.", choices=("pole", "sign", "none"))
MATERIAL = Field(
    "material", "choice", "Of what.", choices=("wood", "metal"), only_if={"asset": ("pole",)}
)
LIMIT = Field(
    *("limit", "number", "The number."),
    unit="km/h",
    minimum=5,
    maximum=150,
    only_if={"asset": ("sign",)},
)
NOTE = Field("note", "text", "A remark.", max_length=80, optional=True)
EXAMPLE = Example("A wooden pole.", {"asset": "pole", "material": "wood"})
TASK = Task("street", "Look well.", (ASSET, MATERIAL, LIMIT, NOTE), (EXAMPLE,))


def prints(task: Task) -> dict[str, str]:
    return {field.name: field.fingerprint for field in task.fields}


def changed(after: Task) -> set[str]:
    """The fields whose fingerprint is new."""
    return {name for name, print_ in prints(after).items() if print_ not in prints(TASK).values()}


def with_field(name: str, **edit: Any) -> Task:
    fields = (replace(f, **edit) if f.name == name else f for f in TASK.fields)
    return replace(TASK, fields=tuple(fields))


@pytest.mark.parametrize(
    ("name", "edit", "asked_again"),
    [
        ("material", {"choices": ("wood", "metal", "concrete")}, {"material"}),
        ("material", {"help": "Of what the shaft is."}, {"material"}),
        ("note", {"kind": "boolean", "max_length": None}, {"note"}),
        ("material", {"only_if": {"asset": ("pole", "sign")}}, {"material"}),
        ("material", {"only_if": {}}, {"material"}),
        ("material", {"optional": True}, {"material"}),
        ("limit", {"unit": "mph"}, {"limit"}),
        ("limit", {"minimum": 10}, {"limit"}),
        ("limit", {"maximum": 120}, {"limit"}),
        ("limit", {"integer": True}, {"limit"}),
        ("note", {"max_length": 90}, {"note"}),
        ("asset", {"choices": ("pole", "sign", "cover", "none")}, {"asset", "material", "limit"}),
    ],
)
def test_an_edit_asks_again_what_it_affects(
    name: str, edit: dict[str, Any], asked_again: set[str]
) -> None:
    after = with_field(name, **edit)
    assert changed(after) == asked_again
    assert after.fingerprint != TASK.fingerprint


def test_new_instructions_ask_everything_again() -> None:
    assert changed(replace(TASK, instructions="Look quickly.")) == set(prints(TASK))


def test_a_changed_example_asks_again_the_fields_it_changes() -> None:
    metal = Example("A wooden pole.", {"asset": "pole", "material": "metal"})
    assert changed(replace(TASK, examples=(metal,))) == {"material"}
    assert changed(replace(TASK, examples=())) == set(prints(TASK))


def test_a_renamed_field_costs_nothing_but_makes_another_task() -> None:
    after = Task(
        *("street", "Look well."),
        (
            replace(ASSET, name="what"),
            replace(MATERIAL, name="made_of", only_if={"what": ("pole",)}),
            replace(LIMIT, only_if={"what": ("sign",)}),
            NOTE,
        ),
        (Example("A wooden pole.", {"what": "pole", "made_of": "wood"}),),
    )
    assert changed(after) == set()
    assert after.fingerprint != TASK.fingerprint


def test_a_field_without_help_is_asked_by_its_name() -> None:
    def task(name: str) -> Task:
        return Task("any", "Look.", (Field(name, "boolean"),))

    assert (
        task("leaning").field("leaning").fingerprint != task("cracked").field("cracked").fingerprint
    )


def test_an_added_or_dropped_field_asks_no_other_again() -> None:
    added = Field("cracked", "boolean", "Cracks.", only_if={"asset": ("pole",)})
    assert changed(replace(TASK, fields=(*TASK.fields, added), examples=())) >= {"cracked"}
    plain = replace(TASK, examples=())
    more = replace(plain, fields=(*plain.fields, added))
    less = replace(plain, fields=plain.fields[:2])
    assert set(prints(plain).items()) <= set(prints(more).items())
    assert set(prints(less).items()) <= set(prints(plain).items())


def test_the_name_of_the_task_does_not_matter() -> None:
    assert replace(TASK, name="other").fingerprint == TASK.fingerprint


@given(st.permutations(["wood", "metal", "concrete"]), st.permutations(["asset", "side"]))
def test_order_of_choices_and_keys_and_spacing_do_not_matter(
    choices: list[str], keys: list[str]
) -> None:
    def prints_of(names: list[str], wanted: list[str], space: str) -> list[str]:
        side = Field("side", "boolean", "Side.")
        conditions: dict[str, Any] = {"asset": ("pole", "sign"), "side": (True,)}
        field = Field(
            *("material", "choice", f"Of{space}what."),
            choices=tuple(wanted),
            only_if={name: conditions[name] for name in names},
        )
        task = Task("any", f"Look{space}well.", (ASSET, side, field))
        return [field.fingerprint for field in task.fields]

    before = prints_of(["asset", "side"], ["wood", "metal", "concrete"], " ")
    assert prints_of(keys, choices, "\n  ") == before


def test_whole_and_broken_numbers_of_one_value_are_one_bound() -> None:
    assert changed(with_field("limit", minimum=5.0, maximum=150.0)) == set()


def test_fingerprints_stay_the_same_between_releases() -> None:
    """A changed figure here makes every user pay for every answer again."""
    assert TASK.field("material").fingerprint == "a7d1b16ccb96929abd85b66604094272"
    assert TASK.fingerprint == "4a57d2b77682559678799f18b69414da"
