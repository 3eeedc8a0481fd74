"""Fingerprints tell whether an answer that we already have answers what is asked now.

A *field's* fingerprint decides what is paid for again. It covers all that gives its answer a
meaning: kind, help, choices, unit, range, length, optional, the task's instructions, its value in
each example, and its conditions together with the fingerprints of the fields they refer to
(whether `material` applies depends on what `asset` could be). It does not cover:

- its name: renaming costs nothing. A field without help is asked by its name, so there the name
  stands in for the help. Two fields of one task may not have the same fingerprint.
- line breaks and spacing in help and instructions, and the order of choices and of keys.
- the other fields: adding, changing or dropping one re-asks no other, unless a condition
  refers to it.

A *task's* fingerprint tells exactly what was asked: its field fingerprints in order with their
names (the keys of the answer). The task's own name is not part of it.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence

from vistoria.records import Value
from vistoria.task.field import Field

WORDING = 1
"""Raise when the prompt's fixed sentences change so much that answers may: all is asked anew."""


def field_fingerprint(
    field: Field,
    instructions: str,
    examples: Sequence[tuple[str, Value]],
    earlier: Mapping[str, str],
) -> str:
    """32 hex digits.

    `examples`: (what it shows, this field's value); `earlier`: field name → fingerprint.
    """
    return _digest(
        {
            "wording": WORDING,
            "instructions": _text(instructions),
            "kind": field.kind,
            "help": _text(field.help) or field.name,
            "choices": sorted(field.choices),
            "unit": field.unit,
            "range": [_number(field.minimum), _number(field.maximum), field.integer],
            "max_length": field.max_length,
            "optional": field.optional,
            "only_if": sorted(
                [earlier[name], sorted(json.dumps(_number(value)) for value in values)]
                for name, values in field.only_if.items()
            ),
            "examples": [[_text(shows), value] for shows, value in examples],
        }
    )


def task_fingerprint(fields: Sequence[Field]) -> str:
    """32 hex digits; `fields` have their fingerprints."""
    return _digest([[field.name, field.fingerprint] for field in fields])


def _text(text: str) -> str:
    return " ".join(text.split())


def _number(value: Value) -> Value:
    """1 and 1.0 are the same bound."""
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _digest(meaning: object) -> str:
    text = json.dumps(meaning, sort_keys=True, ensure_ascii=False)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
