"""Reads a model's answer into values, or says what is wrong with it.

Kind where the meaning is certain: a code fence around the JSON, other case or surrounding space
in choices, numbers as "50", booleans as "true", `box_2d` for `box`, unknown keys (ignored), an
answer to a field that does not apply (dropped), a missing key or empty text for an optional field
(None). Strict in everything else.
"""

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import NamedTuple, TypeAlias

from vistoria.errors import AnswerInvalid
from vistoria.records import Value
from vistoria.task.field import Field

_Read: TypeAlias = Callable[[object], Value]

_FENCE = re.compile(r"\A```\w*\s*(.*?)\s*```\Z", re.DOTALL)
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?([eE][+-]?\d+)?", re.ASCII)
_MISSING = object()


class _NotAllowedError(Exception):
    """The value is not allowed; the text, if any, says more than the allowed answers do."""


class Question(NamedTuple):
    """What reading one field needs, computed once per task."""

    name: str
    read: _Read
    conditions: tuple[tuple[str, tuple[Value, ...]], ...]
    optional: bool
    allowed: str


def question(field: Field) -> Question:
    """Prepare the reading of a field."""
    return Question(
        field.name, _reader(field), tuple(field.only_if.items()), field.optional, field.allowed
    )


def parse(questions: Sequence[Question], answer: str | Mapping[str, object]) -> dict[str, Value]:
    """The value of each field, None where it does not apply; raises AnswerInvalid."""
    given = _loads(answer) if isinstance(answer, str) else answer
    values: dict[str, Value] = {}
    wrong: list[str] = []
    for name, read, conditions, optional, allowed in questions:
        if conditions and not applies(conditions, values):
            values[name] = None
            continue
        value = given.get(name, _MISSING)
        if optional and _is_nothing(value):
            values[name] = None
            continue
        try:
            values[name] = read(value)
        except _NotAllowedError as error:
            wrong.append(
                f"- {name}: {error.args[0] if error.args else _got(value)}; allowed: {allowed}"
            )
    if wrong:
        raise AnswerInvalid("These values of the answer are not allowed:\n" + "\n".join(wrong))
    return values


def applies(
    conditions: tuple[tuple[str, tuple[Value, ...]], ...], values: Mapping[str, Value]
) -> bool:
    """Whether all conditions hold; one about a list holds if any of its items is named."""
    for name, wanted in conditions:
        value = values.get(name)
        if isinstance(value, list):
            if not any(item in wanted for item in value):
                return False
        elif value is None or value not in wanted:
            return False
    return True


def _is_nothing(value: object) -> bool:
    return value is None or value is _MISSING or (isinstance(value, str) and not value.strip())


def _loads(text: str) -> Mapping[str, object]:
    text = text.strip("\ufeff \t\r\n")
    if fenced := _FENCE.match(text):
        text = fenced[1]
    try:
        given = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise AnswerInvalid(
            f"The answer is not valid JSON ({error}). Answer with one JSON object and nothing else."
        ) from None
    if not isinstance(given, dict):
        raise AnswerInvalid(f"The answer must be one JSON object, got {_short(given)}.")
    return given


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a JSON number")


def _got(value: object) -> str:
    return "the key is missing" if value is _MISSING else f"got {_short(value)}"


def _short(value: object) -> str:
    try:
        text = json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError):
        text = f"a value of type {type(value).__name__}"
    text = text.encode("utf-8", "replace").decode()
    return text if len(text) <= 80 else text[:77] + "…"


def _reader(field: Field) -> _Read:
    choices = {choice.casefold(): choice for choice in field.choices}
    match field.kind:
        case "choice":
            return partial(_choice, choices)
        case "choices":
            return partial(_choices, choices)
        case "boolean":
            return _boolean
        case "text":
            return partial(_text, field.max_length)
        case "number":
            low = -math.inf if field.minimum is None else field.minimum
            high = math.inf if field.maximum is None else field.maximum
            return partial(_number, low, high, field.integer)
        case "boxes":
            label = partial(_choice, choices) if choices else partial(_text, None)
            return partial(_boxes, label)


def _choice(choices: Mapping[str, str], value: object) -> str:
    if not isinstance(value, str):
        raise _NotAllowedError
    found = choices.get(value.strip().casefold())
    if found is None:
        raise _NotAllowedError
    return found


def _choices(choices: Mapping[str, str], value: object) -> list[str]:
    if not isinstance(value, list | tuple):
        raise _NotAllowedError
    chosen = {_choice(choices, item) for item in value}
    return [choice for choice in choices.values() if choice in chosen]


def _boolean(value: object) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and (word := value.strip().lower()) in {"true", "false"}:
        return word == "true"
    raise _NotAllowedError


def _text(max_length: int | None, value: object) -> str:
    if not isinstance(value, str):
        raise _NotAllowedError
    text = value.strip()
    if not text:
        raise _NotAllowedError("got an empty text")
    if max_length is not None and len(text) > max_length:
        raise _NotAllowedError(f"got {len(text)} characters")
    # A lone surrogate, which JSON can spell, could not be stored as UTF-8 later.
    return text.encode("utf-8", "replace").decode() if not text.isascii() else text


def _finite(value: object) -> float | int:
    if isinstance(value, str) and _NUMBER.fullmatch(word := value.strip()):
        value = float(word)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise _NotAllowedError
    return value


def _number(low: float, high: float, integer: bool, value: object) -> float | int:
    try:
        number = _finite(value)
        if not low <= number <= high:
            raise _NotAllowedError
        if not integer:
            return float(number)
    except OverflowError:
        raise _NotAllowedError from None
    if number != int(number):
        raise _NotAllowedError
    return int(number)


def _boxes(label: _Read, value: object) -> list[dict[str, float | str]]:
    if not isinstance(value, list | tuple):
        raise _NotAllowedError
    return [_box(label, item) for item in value]


def _box(label: _Read, item: object) -> dict[str, float | str]:
    if not isinstance(item, Mapping):
        raise _NotAllowedError(_got(item))
    sides = item.get("box", item.get("box_2d"))
    if sides is None:  # already read: fractions of the picture
        left, top, right, bottom = (
            _number(0, 1, False, item.get(side)) for side in ("left", "top", "right", "bottom")
        )
    elif isinstance(sides, list | tuple) and len(sides) == 4:
        top, left, bottom, right = (_number(0, 1000, False, side) / 1000 for side in sides)
    else:
        raise _NotAllowedError(_got(item))
    if not (left < right and top < bottom):
        raise _NotAllowedError(f"{_got(item)}, a box without area")
    name = label(item.get("label"))
    assert isinstance(name, str)
    return {"left": left, "top": top, "right": right, "bottom": bottom, "label": name}
