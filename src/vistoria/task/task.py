"""A task: instructions and the fields to fill."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from vistoria.errors import UnknownName
from vistoria.records import Value
from vistoria.task import answer as answers
from vistoria.task.field import Field
from vistoria.task.fingerprint import field_fingerprint, task_fingerprint
from vistoria.task.prompt import prompt
from vistoria.task.rule import check_example, check_fields, check_twins
from vistoria.task.schema import json_schema


@dataclass(frozen=True)
class Example:
    """A picture in words, and its right answer: field name → value, as a model would give it."""

    shows: str
    answer: Mapping[str, Any]

    def __hash__(self) -> int:
        """Agrees with `==`."""
        return hash(self.shows)


@dataclass(frozen=True)
class Task:
    """What is asked about each picture. Equal tasks have equal fingerprints.

    Raises TaskError when the fields or examples make no sense. Making one computes fingerprints;
    prompt, schema and parser are made once, on first use.
    """

    name: str
    instructions: str
    fields: tuple[Field, ...]
    examples: tuple[Example, ...] = ()

    def __post_init__(self) -> None:
        """Check all, and give each field its fingerprint."""
        object.__setattr__(self, "examples", tuple(self.examples))
        check_fields(self.instructions, self.fields)
        object.__setattr__(self, "fields", tuple(self.fields))
        shown = [
            check_example(index, example.shows, example.answer, self._questions)
            for index, example in enumerate(self.examples)
        ]
        object.__setattr__(self, "fields", self._fingerprinted(shown))

    def __hash__(self) -> int:
        """Agrees with `==`."""
        return hash(self.fingerprint)

    def _fingerprinted(self, shown: list[dict[str, Value]]) -> tuple[Field, ...]:
        done: dict[str, str] = {}
        fields = []
        for field in self.fields:
            examples = [
                (example.shows, values[field.name])
                for example, values in zip(self.examples, shown, strict=True)
            ]
            done[field.name] = field_fingerprint(field, self.instructions, examples, done)
            copy = replace(field)
            object.__setattr__(copy, "fingerprint", done[field.name])
            fields.append(copy)
        check_twins(done)
        return tuple(fields)

    @cached_property
    def fingerprint(self) -> str:
        """32 hex digits for exactly what is asked; see `vistoria.task.fingerprint`."""
        return task_fingerprint(self.fields)

    @cached_property
    def prompt(self) -> str:
        """The full text to send with a picture."""
        names = [field.name for field in self.fields]
        shown = [(e.shows, {name: e.answer.get(name) for name in names}) for e in self.examples]
        return prompt(self.instructions, self.fields, shown)

    @cached_property
    def json_schema(self) -> dict[str, Any]:
        """The JSON Schema of an answer, in the subset that Gemini and OpenAI share."""
        return json_schema(self.fields)

    @cached_property
    def _questions(self) -> tuple[answers.Question, ...]:
        return tuple(answers.question(field) for field in self.fields)

    def field(self, name: str) -> Field:
        """The field of that name; raises UnknownName."""
        for field in self.fields:
            if field.name == name:
                return field
        raise UnknownName("field", name, tuple(field.name for field in self.fields))

    def only(self, names: Iterable[str]) -> "Task":
        """The task of some fields, in this task's order; raises UnknownName.

        Fields that their conditions refer to come along, so the result may have more fields than
        named. Each field keeps its fingerprint.
        """
        wanted = list(names)
        kept: set[str] = set()
        while wanted:
            field = self.field(wanted.pop())
            if field.name not in kept:
                kept.add(field.name)
                wanted.extend(field.only_if)
        if len(kept) == len(self.fields):
            return self
        fields = tuple(field for field in self.fields if field.name in kept)
        examples = tuple(
            Example(e.shows, {name: v for name, v in e.answer.items() if name in kept})
            for e in self.examples
        )
        return Task(self.name, self.instructions, fields, examples)

    def parse(self, answer: str | Mapping[str, object]) -> dict[str, Value]:
        """Every field's value, in order; None where a field does not apply.

        `answer` is a model's JSON text, or values by field name. Raises AnswerInvalid; its message
        names each wrong field, what came and what is allowed, fit to send back to the model.
        Tolerant of code fences, of the case of choices and of numbers as text, and no further:
        see `vistoria.task.answer`. Parsing what was parsed changes nothing.
        """
        return answers.parse(self._questions, answer)
