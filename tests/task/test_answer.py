"""Strict but kind reading of answers, and messages that a model can act on."""

import json
from typing import Any

import pytest

from vistoria.errors import AnswerInvalid
from vistoria.task import Field, Task

TASK = Task(
    "street",
    "Look.",
    (
        Field("asset", "choice", choices=("pole", "road_sign", "none")),
        Field("leaning", "boolean", only_if={"asset": ("pole",)}),
        Field("parts", "choices", choices=("Lamp", "Box", "Wire"), only_if={"asset": ("pole",)}),
        Field("limit", "number", minimum=5, maximum=150, integer=True, only_if={"parts": ("Box",)}),
        Field("height", "number", unit="m", minimum=0, optional=True),
        Field("badge", "text", max_length=5, optional=True),
    ),
)
GOOD: dict[str, Any] = {
    "asset": "pole",
    "leaning": True,
    "parts": ["Box"],
    "limit": 50,
    "height": 8.5,
    "badge": "A-1",
}
BOXES = Task("boxes", "Look.", (Field("seen", "boxes", choices=("pole", "sign")),))


def test_a_good_answer() -> None:
    assert TASK.parse(json.dumps(GOOD)) == GOOD


@pytest.mark.parametrize(
    ("name", "written", "meant"),
    [
        ("asset", " POLE ", "pole"),
        ("leaning", "True", True),
        ("parts", ["box", "LAMP", "box"], ["Lamp", "Box"]),
        ("limit", "50", 50),
        ("limit", 50.0, 50),
        ("limit", "5e1", 50),
        ("height", 9, 9.0),
        ("height", " 9.5 ", 9.5),
        ("height", None, None),
        ("height", " ", None),
        ("badge", " A-1\n", "A-1"),
        ("badge", "", None),
        ("badge", "a\ud800", "a?"),
    ],
)
def test_kind_where_the_meaning_is_certain(name: str, written: object, meant: object) -> None:
    value = TASK.parse(json.dumps({**GOOD, name: written}))[name]
    assert value == meant
    assert type(value) is type(meant)


@pytest.mark.parametrize(
    ("name", "written", "said"),
    [
        ("asset", "poles", 'got "poles"; allowed: one of "pole", "road_sign", "none"'),
        ("asset", None, "got null; allowed: one of"),
        ("asset", "", 'got ""; allowed: one of'),
        ("asset", ["pole"], 'got ["pole"]; allowed'),
        ("leaning", 1, "got 1; allowed: true or false"),
        ("leaning", "yes", 'got "yes"; allowed: true or false'),
        ("parts", "Box", 'got "Box"; allowed: a list of any of "Lamp", "Box", "Wire"'),
        ("parts", ["Box", 3], 'got ["Box", 3]; allowed'),
        ("limit", 4, "got 4; allowed: a whole number from 5 to 150"),
        ("limit", 50.5, "got 50.5; allowed"),
        ("limit", True, "got true; allowed"),
        ("limit", "50 km/h", 'got "50 km/h"; allowed'),
        ("limit", "nan", 'got "nan"; allowed'),
        ("limit", 10**400, "got 1000"),
        ("height", 1e999, "Infinity"),
        ("height", float("nan"), "NaN"),
        ("height", -1, "got -1; allowed: a number of 0 or more (m)"),
        ("badge", "A-1234", "got 6 characters; allowed: text of at most 5 characters"),
        ("badge", 12, "got 12; allowed: text"),
        ("badge", "x" * 500, "got 500 characters"),
    ],
)
def test_strict_elsewhere_and_says_what_came(name: str, written: object, said: str) -> None:
    with pytest.raises(AnswerInvalid) as caught:
        TASK.parse(json.dumps({**GOOD, name: written}))
    assert said in str(caught.value)
    assert len(str(caught.value)) < 300


def test_every_wrong_field_is_named_at_once() -> None:
    with pytest.raises(AnswerInvalid) as caught:
        TASK.parse({"asset": "pole", "leaning": "so so", "parts": [], "height": "high"})
    assert str(caught.value) == (
        "These values of the answer are not allowed:\n"
        '- leaning: got "so so"; allowed: true or false\n'
        '- height: got "high"; allowed: a number of 0 or more (m)'
    )


def test_a_required_key_must_be_there_and_an_optional_one_may_be_missing() -> None:
    with pytest.raises(AnswerInvalid, match="leaning: the key is missing; allowed: true or false"):
        TASK.parse({"asset": "pole", "parts": []})
    assert TASK.parse({"asset": "none"}) == dict.fromkeys(GOOD) | {"asset": "none"}


def test_what_does_not_apply_is_dropped_and_unknown_keys_are_ignored() -> None:
    answer = {**GOOD, "asset": "road_sign", "leaning": "nonsense", "mood": "good"}
    parsed = TASK.parse(answer)
    assert parsed == dict.fromkeys(GOOD) | {"asset": "road_sign", "height": 8.5, "badge": "A-1"}


def test_a_condition_on_a_list_holds_if_any_item_is_named() -> None:
    assert TASK.parse({**GOOD, "parts": ["Lamp", "Box"]})["limit"] == 50
    assert TASK.parse({**GOOD, "parts": ["Lamp"]})["limit"] is None


@pytest.mark.parametrize(
    "text",
    ["", "pole", '{"asset": "pole"', "[" * 100_000, '{"height": NaN}', "1" * 5000, '{"a": \x00}'],
)
def test_text_that_is_not_json(text: str) -> None:
    with pytest.raises(AnswerInvalid, match=r"not valid JSON .* one JSON object and nothing else"):
        TASK.parse(text)


@pytest.mark.parametrize("text", ["[]", "null", '"pole"', "3"])
def test_json_that_is_not_an_object(text: str) -> None:
    with pytest.raises(AnswerInvalid, match="must be one JSON object, got"):
        TASK.parse(text)


@pytest.mark.parametrize("text", ["```\n{}\n```", "```JSON {}```", "\ufeff{}", " \n{}\r\n"])
def test_wrapping_is_taken_off(text: str) -> None:
    filled = text.replace("{}", '{"seen": []}')
    assert BOXES.parse(filled) == {"seen": []}


@pytest.mark.parametrize("key", ["box", "box_2d"])
def test_boxes_become_fractions_of_the_picture(key: str) -> None:
    answer = {"seen": [{key: [100, 200, 300, 450.5], "label": "POLE"}]}
    box = {"left": 0.2, "top": 0.1, "right": 0.4505, "bottom": 0.3, "label": "pole"}
    assert BOXES.parse(answer) == {"seen": [box]}


@pytest.mark.parametrize(
    "item",
    [
        {"box": [0, 0, 10], "label": "pole"},
        {"box": [0, 0, 10, 1001], "label": "pole"},
        {"box": [0, 0, 10, "x"], "label": "pole"},
        {"box": [10, 0, 10, 10], "label": "pole"},
        {"box": [0, 20, 10, 10], "label": "pole"},
        {"box": [0, 0, 10, 10], "label": "tree"},
        {"box": [0, 0, 10, 10]},
        {"left": 0, "top": 0, "right": 2, "bottom": 1, "label": "pole"},
        {"label": "pole"},
        "pole",
    ],
)
def test_boxes_that_are_none(item: object) -> None:
    with pytest.raises(AnswerInvalid, match=r"- seen: got .*; allowed: a list of"):
        BOXES.parse({"seen": [item]})


def test_labels_are_free_text_without_choices() -> None:
    task = Task("free", "Look.", (Field("seen", "boxes"),))
    item = {"box": [0, 0, 1000, 1000], "label": " old oak "}
    box = {"left": 0.0, "top": 0.0, "right": 1.0, "bottom": 1.0, "label": "old oak"}
    assert task.parse({"seen": [item]}) == {"seen": [box]}
