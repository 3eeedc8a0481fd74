"""What holds for every task: answers that fit the schema come back, and nothing else does."""

import json
import pickle
from typing import Any

import jsonschema
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy, composite

from vistoria.task import Field, Kind, Task

_words = st.text(st.characters(exclude_categories=["Cs", "Cc", "Z"]), min_size=1, max_size=12)
_choices = st.lists(_words, min_size=2, max_size=6, unique_by=str.casefold)
_kinds: tuple[Kind, ...] = ("choice", "choices", "text", "number", "boolean", "boxes")


def _options(draw: DrawFn, kind: Kind) -> dict[str, Any]:
    if kind in ("choice", "choices"):
        return {"choices": tuple(draw(_choices))}
    if kind == "boxes":
        return {"choices": draw(st.just(()) | _choices.map(tuple))}
    if kind == "text":
        return {"max_length": draw(st.none() | st.integers(1, 50))}
    if kind == "number":
        low, high = sorted(draw(st.tuples(st.integers(-1000, 1000), st.integers(-1000, 1000))))
        bounds = {"minimum": draw(st.none() | st.just(low)), "maximum": draw(st.just(high))}
        return {"integer": draw(st.booleans()), **bounds}
    return {}


def _condition(draw: DrawFn, earlier: list[Field]) -> dict[str, Any]:
    deciders = [field for field in earlier if field.kind in ("choice", "choices", "boolean")]
    if not deciders or draw(st.booleans()):
        return {}
    decider = draw(st.sampled_from(deciders))
    possible: list[Any] = list(decider.choices) or [True, False]
    wanted = draw(st.lists(st.sampled_from(possible), min_size=1, max_size=2, unique=True))
    return {decider.name: tuple(wanted)}


@composite
def tasks(draw: DrawFn) -> Task:
    fields: list[Field] = []
    for index in range(draw(st.integers(1, 6))):
        kind = draw(st.sampled_from(_kinds))
        condition = _condition(draw, fields)
        optional = draw(st.booleans())
        options = _options(draw, kind)
        fields.append(Field(f"f{index}", kind, only_if=condition, optional=optional, **options))
    return Task("any", "Look.", tuple(fields))


def _label(field: Field) -> SearchStrategy[str]:
    return st.sampled_from(field.choices) if field.choices else _words


def _value(field: Field) -> SearchStrategy[Any]:
    """Values as a model writes them."""
    low = -10_000 if field.minimum is None else int(field.minimum)
    high = 10_000 if field.maximum is None else int(field.maximum)
    number = st.integers(low, high) if field.integer else st.floats(low, high, allow_nan=False)
    side = st.lists(st.integers(0, 1000), min_size=2, max_size=2, unique=True).map(sorted)
    box = st.tuples(side, side).map(lambda s: [s[0][0], s[1][0], s[0][1], s[1][1]])
    values: dict[Kind, SearchStrategy[Any]] = {
        "choice": st.sampled_from(field.choices or ("",)),
        "choices": st.lists(st.sampled_from(field.choices or ("",)), unique=True),
        "text": _words.map(lambda text: text[: field.max_length]),
        "number": number,
        "boolean": st.booleans(),
        "boxes": st.lists(st.fixed_dictionaries({"box": box, "label": _label(field)}), max_size=3),
    }
    return values[field.kind]


def _holds(field: Field, answer: dict[str, Any]) -> bool:
    for name, wanted in field.only_if.items():
        given = answer[name] if isinstance(answer[name], list) else [answer[name]]
        if not set(given) & set(wanted):
            return False
    return True


@composite
def answered_tasks(draw: DrawFn) -> tuple[Task, dict[str, Any]]:
    task = draw(tasks())
    answer: dict[str, Any] = {}
    for field in task.fields:
        nothing = not _holds(field, answer) or (field.optional and draw(st.booleans()))
        answer[field.name] = None if nothing else draw(_value(field))
    return task, answer


def _read(field: Field, value: Any) -> Any:
    """What the written value means."""
    if value is None:
        return None
    if field.kind == "choices":
        return [choice for choice in field.choices if choice in value]
    if field.kind == "boxes":
        boxes = [(*(side / 1000 for side in item["box"]), item["label"]) for item in value]
        names = ("top", "left", "bottom", "right", "label")
        return [dict(zip(names, box, strict=True)) for box in boxes]
    return value


@given(answered_tasks())
def test_an_answer_that_fits_comes_back_as_meant(case: tuple[Task, dict[str, Any]]) -> None:
    task, answer = case
    jsonschema.Draft202012Validator(task.json_schema).validate(answer)
    expected = {field.name: _read(field, answer[field.name]) for field in task.fields}
    text = json.dumps(answer)
    assert task.parse(text) == expected
    assert task.parse(f" ```json\n{text}\n``` ") == expected
    assert list(task.parse(answer)) == [field.name for field in task.fields]


@given(answered_tasks())
def test_parsing_what_was_parsed_changes_nothing(case: tuple[Task, dict[str, Any]]) -> None:
    task, answer = case
    once = task.parse(answer)
    assert task.parse(once) == once


@given(tasks())
def test_the_schema_is_what_gemini_and_openai_take(task: Task) -> None:
    schema = task.json_schema
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["required"] == list(schema["properties"]) == [f.name for f in task.fields]
    shared = {
        *("type", "properties", "required", "additionalProperties", "items", "enum", "anyOf"),
        *("minimum", "maximum", "minItems", "maxItems"),
    }
    for node in _nodes(schema):
        assert set(node) <= shared
        if node.get("type") == "object":
            assert node["additionalProperties"] is False
            assert node["required"] == list(node["properties"])


def _nodes(node: dict[str, Any]) -> list[dict[str, Any]]:
    below = [*node.get("properties", {}).values(), *node.get("anyOf", ())]
    below += [node["items"]] if "items" in node else []
    return [node, *(deep for child in below for deep in _nodes(child))]


@given(tasks(), st.data())
def test_a_part_asks_the_same_questions(task: Task, data: st.DataObject) -> None:
    names = [field.name for field in task.fields]
    chosen = data.draw(st.lists(st.sampled_from(names), min_size=1, unique=True))
    part = task.only(chosen)
    kept = {field.name for field in part.fields}
    assert kept >= set(chosen)
    for field in part.fields:
        assert field.fingerprint == task.field(field.name).fingerprint
        assert set(field.only_if) <= kept
    needed = {name for field in part.fields for name in field.only_if}
    assert kept == set(chosen) | needed


@given(tasks())
def test_a_task_travels_to_other_processes(task: Task) -> None:
    copy = pickle.loads(pickle.dumps(task))
    assert copy == task
    assert hash(copy) == hash(task)
    assert copy.fingerprint == task.fingerprint
    assert [f.fingerprint for f in copy.fields] == [f.fingerprint for f in task.fields]
