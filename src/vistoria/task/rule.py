"""The rules that every task obeys; breaking one raises TaskError."""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, get_args

from vistoria.errors import AnswerInvalid, TaskError
from vistoria.records import RESULT_COLUMNS, Value
from vistoria.task.answer import Question, parse
from vistoria.task.field import Field, Kind

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_KINDS: tuple[str, ...] = get_args(Kind)
_OPTIONS = {
    "choices": ("choice", "choices", "boxes"),
    "unit": ("number",),
    "minimum": ("number",),
    "maximum": ("number",),
    "integer": ("number",),
    "max_length": ("text",),
}
"""Option of a field → the kinds it has a meaning for."""


class RuleError(TaskError):
    """A TaskError that knows which key broke the rule, so that a file can give its line."""

    def __init__(self, message: str, *at: str | int) -> None:
        """`at`: the place in the task, e.g. ("fields", 2, "minimum")."""
        self.at = at
        super().__init__(message)


def check_fields(instructions: str, fields: Sequence[Field]) -> None:
    """Raise RuleError for the first rule that instructions or fields break."""
    if not instructions.strip():
        raise RuleError(
            "instructions are empty; say what the pictures show and what to judge", "instructions"
        )
    if not fields:
        raise RuleError("a task needs at least one field", "fields")
    earlier: dict[str, Field] = {}
    for index, field in enumerate(fields):
        for check in (_check_name, _check_options, _check_choices, _check_numbers):
            check(field, index)
        if field.name in earlier:
            raise RuleError(f"two fields are named {field.name!r}", "fields", index, "name")
        for name, values in field.only_if.items():
            _check_condition(field, index, name, values, earlier)
        earlier[field.name] = field


def check_twins(fingerprints: Mapping[str, str]) -> None:
    """Raise RuleError if two fields mean the same: they would share one answer."""
    seen: dict[str, str] = {}
    for index, (name, fingerprint) in enumerate(fingerprints.items()):
        if twin := seen.get(fingerprint):
            message = f"{twin} and {name} ask the same; give each its own help"
            raise RuleError(message, "fields", index, "help")
        seen[fingerprint] = name


def check_example(
    index: int, shows: str, answer: Mapping[str, Any], questions: Sequence[Question]
) -> dict[str, Value]:
    """The example's answer as values; raises RuleError if the task itself would refuse it."""
    if not shows.strip():
        raise RuleError("the example does not say what it shows", "examples", index, "shows")
    known = [question.name for question in questions]
    for name in answer:
        if name not in known:
            raise RuleError(
                f"no field {name!r}{near(name, known)}", "examples", index, "answer", name
            )
    try:
        return parse(questions, {**dict.fromkeys(known), **answer})
    except AnswerInvalid as error:
        raise RuleError(
            f"the example breaks its own task. {error}", "examples", index, "answer"
        ) from None


def near(name: str, known: Sequence[str]) -> str:
    """`; did you mean 'x'?` and what is allowed."""
    import difflib  # noqa: PLC0415 - only on the way out

    found = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    hint = f"; did you mean {found[0]!r}?" if found else ";"
    return f"{hint} allowed: {', '.join(known)}"


def _check_name(field: Field, index: int) -> None:
    if not _NAME.fullmatch(field.name):
        raise RuleError(
            f"field name {field.name!r} must be lower-case letters, digits and _, "
            "beginning with a letter",
            "fields",
            index,
            "name",
        )
    if field.name in RESULT_COLUMNS or field.name.endswith("_confidence"):
        raise RuleError(
            f"field name {field.name!r} is a column of every result table; choose another, "
            f"for instance {'asset_' + field.name!r}",
            "fields",
            index,
            "name",
        )
    if field.kind not in _KINDS:
        raise RuleError(
            f"no kind {field.kind!r}{near(field.kind, _KINDS)}", "fields", index, "kind"
        )


def _check_options(field: Field, index: int) -> None:
    for option, kinds in _OPTIONS.items():
        if getattr(field, option) not in (None, (), False) and field.kind not in kinds:
            raise RuleError(
                f"{field.name}: {option!r} means nothing for a {field.kind}; "
                f"it is for {', '.join(kinds)}",
                "fields",
                index,
                option,
            )
    if field.max_length is not None and field.max_length < 1:
        raise RuleError(
            f"{field.name}: max_length must be 1 or more", "fields", index, "max_length"
        )


def _check_choices(field: Field, index: int) -> None:
    if len(field.choices) < {"choice": 2, "choices": 1}.get(field.kind, 0):
        raise RuleError(
            f'{field.name}: a {field.kind} field needs \'choices\', e.g. choices = ["yes", "no"]',
            "fields",
            index,
            "choices",
        )
    seen: dict[str, str] = {}
    for choice in field.choices:
        if not choice or choice != choice.strip():
            raise RuleError(
                f"{field.name}: choice {choice!r} is empty or has space around it",
                "fields",
                index,
                "choices",
            )
        if twin := seen.get(choice.casefold()):
            raise RuleError(
                f"{field.name}: choices {twin!r} and {choice!r} are the same but for case",
                "fields",
                index,
                "choices",
            )
        seen[choice.casefold()] = choice


def _check_numbers(field: Field, index: int) -> None:
    for option in ("minimum", "maximum"):
        bound = getattr(field, option)
        if bound is not None and not math.isfinite(bound):
            raise RuleError(f"{field.name}: {option} must be a number", "fields", index, option)
    low, high = field.minimum, field.maximum
    if low is not None and high is not None and low > high:
        raise RuleError(
            f"{field.name}: minimum {low} is above maximum {high}", "fields", index, "minimum"
        )


def _check_condition(
    field: Field, index: int, name: str, values: tuple[Value, ...], earlier: Mapping[str, Field]
) -> None:
    at = ("fields", index, "only_if", name)
    if name not in earlier:
        raise RuleError(
            f"{field.name}: only_if names {name!r}, which is no earlier field"
            + near(name, tuple(earlier)),
            *at,
        )
    decider = earlier[name]
    if decider.kind in ("text", "boxes"):
        raise RuleError(f"{field.name}: only_if cannot depend on {name!r}, a {decider.kind}", *at)
    if not values:
        raise RuleError(f"{field.name}: only_if gives no value of {name!r}", *at)
    for value in values:
        if not _possible(decider, value):
            raise RuleError(
                f"{field.name}: {name} is never {value!r}; it is {decider.allowed}", *at
            )


def _possible(decider: Field, value: Value) -> bool:
    if decider.kind == "boolean":
        return isinstance(value, bool)
    if decider.kind != "number":
        return value in decider.choices
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    above = decider.minimum is None or value >= decider.minimum
    return above and (decider.maximum is None or value <= decider.maximum)
