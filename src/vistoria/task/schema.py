"""The JSON Schema of a task's answers.

Draft 2020-12, limited to what both Gemini's `responseJsonSchema` and OpenAI's strict
`json_schema` take: no lengths or patterns, every property required, "may be null" as a type list
or (for enums and lists) `anyOf`. It has no descriptions: the prompt says it all, and every word is
billed per picture.
"""

from collections.abc import Sequence
from typing import Any

from vistoria.task.field import Field


def json_schema(fields: Sequence[Field]) -> dict[str, Any]:
    """An object with one required property per field, in order."""
    return {
        "type": "object",
        "properties": {field.name: _property(field) for field in fields},
        "required": [field.name for field in fields],
        "additionalProperties": False,
    }


def _property(field: Field) -> dict[str, Any]:
    plain = _plain(field)
    if not field.nullable:
        return plain
    if "enum" in plain or plain["type"] == "array":
        return {"anyOf": [plain, {"type": "null"}]}
    return {**plain, "type": [plain["type"], "null"]}


def _plain(field: Field) -> dict[str, Any]:
    match field.kind:
        case "choice":
            return {"type": "string", "enum": list(field.choices)}
        case "choices":
            return {"type": "array", "items": {"type": "string", "enum": list(field.choices)}}
        case "boolean":
            return {"type": "boolean"}
        case "text":
            return {"type": "string"}
        case "number":
            bounds = {"minimum": field.minimum, "maximum": field.maximum}
            given = {key: bound for key, bound in bounds.items() if bound is not None}
            return {"type": "integer" if field.integer else "number", **given}
        case "boxes":
            return {"type": "array", "items": _box(field)}


def _box(field: Field) -> dict[str, Any]:
    label: dict[str, Any] = {"type": "string"}
    if field.choices:
        label["enum"] = list(field.choices)
    side = {"type": "integer", "minimum": 0, "maximum": 1000}
    return {
        "type": "object",
        "properties": {
            "box": {"type": "array", "items": side, "minItems": 4, "maxItems": 4},
            "label": label,
        },
        "required": ["box", "label"],
        "additionalProperties": False,
    }
