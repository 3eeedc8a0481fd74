"""Makes an answer that fits a JSON Schema, the same for the same picture."""

import random
from collections.abc import Callable, Mapping
from typing import Any


def answer_for(schema: Mapping[str, Any], seed: str) -> Any:
    """A value that `schema` allows; where null is one way, another is taken."""
    return _value(schema, random.Random(seed))


def _value(schema: Mapping[str, Any], dice: random.Random) -> Any:
    if ways := schema.get("anyOf"):
        return _value(ways[0], dice)
    if "enum" in schema:
        return dice.choice(schema["enum"])
    kind = schema["type"]
    if isinstance(kind, list):
        kind = next(way for way in kind if way != "null")
    if kind == "object":
        return {name: _value(inner, dice) for name, inner in schema["properties"].items()}
    if kind == "array":
        return _items(schema, dice)
    low, high = schema.get("minimum", 0), schema.get("maximum", 100)
    plain: dict[str, Callable[[], Any]] = {
        "boolean": lambda: dice.random() < 0.5,
        "integer": lambda: dice.randint(low, high),
        "number": lambda: round(dice.uniform(low, high), 2),
        "string": lambda: f"seen {dice.randrange(1000)}",
    }
    return plain[kind]()


def _items(schema: Mapping[str, Any], dice: random.Random) -> list[Any]:
    if schema.get("minItems") == 4:  # a box: [ymin, xmin, ymax, xmax]
        top, left = dice.randint(0, 500), dice.randint(0, 500)
        return [top, left, top + dice.randint(1, 500), left + dice.randint(1, 500)]
    items: list[Any] = []
    for _ in range(dice.randint(schema.get("minItems", 0), 2)):
        item = _value(schema["items"], dice)
        if item not in items:
            items.append(item)
    return items
